/* metadata.h - what the kernel datapath writes in front of a steered frame (bpf_xdp_adjust_meta).
 *
 * Shape    12 bytes, directly below the frame's first byte. Kernel 6.1 takes a multiple of 4, at most 32.
 * Reader   the engine. It needs the ingress port, which a frame does not name. It parses the frame and searches its flow
 *          itself: both may have changed while the frame waited in a ring, and to check an offset or a slot takes the same
 *          reads as to find it.
 * Trust    written by our own XDP program and by nobody else; a peer cannot reach it. Still checked against the frame's
 *          length before use.
 */
#ifndef DP_METADATA_H
#define DP_METADATA_H

#include "../target.h"

enum { DP_METADATA_MAGIC = 0x7461 };

struct dp_metadata {
	__u16 magic;
	__u8 reason;  /* enum dp_reason: why it was steered */
	__u8 version; /* DP_LAYOUT_VERSION */
	__u16 port;   /* ingress */
	__u16 pad;    /* 0 */
	__u32 frame_bytes;
};
DP_STATIC_ASSERT(sizeof(struct dp_metadata) == 12, "no hidden padding, a multiple of 4");

#endif
