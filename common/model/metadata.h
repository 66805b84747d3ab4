/* metadata.h - what travels in front of a steered frame (bpf_xdp_adjust_meta), so that the engine need not ask again.
 *
 * Shape    32 bytes, directly below the frame's first byte: more than that is refused by kernel 6.1.
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
	__u16 queue;
	__u32 slot;    /* of the flow's half, with `control`; 0 control: none was found */
	__u32 control; /* control word as seen */
	__u32 stamp;   /* settings.stamp as read for this packet */
	__u32 frame_bytes;
	__u16 l3_offset;
	__u16 l4_offset;
	__u32 tick;
};
DP_STATIC_ASSERT(sizeof(struct dp_metadata) == 32, "fits kernel 6.1");

#endif
