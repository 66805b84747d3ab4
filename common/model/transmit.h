/* transmit.h - a burst of packets on its way from the engine to the transmit program (bpf/xdp/transmit.bpf.c).
 *
 * Shape    DP_TRANSMIT_SLOTS slots, and one arena that their packets lie in, close together: 64-byte packets at a
 *          stride of a whole frame would all fall into the same few sets of the first cache.
 * Writer   the engine, between two runs of the program; the program only reads.
 * Why copy the frames themselves could lie in a map and be read by the program. That was slower for all but long packets
 *          (docs/performance.md, Steps).
 * Why 256  the most frames of one batch that BPF_PROG_TEST_RUN takes (TEST_XDP_MAX_BATCH in net/bpf/test_run.c).
 */
#ifndef DP_TRANSMIT_H
#define DP_TRANSMIT_H

#include "../target.h"

enum {
	DP_TRANSMIT_SLOTS = 256,
	DP_TRANSMIT_PACKET_MAX = 2048, /* longer ones fit no page beside the kernel's own data, or are rare */
	DP_TRANSMIT_ALIGN = 64,
	DP_TRANSMIT_BYTES = DP_TRANSMIT_SLOTS * DP_TRANSMIT_PACKET_MAX,
};

struct dp_transmit_slot {
	__u32 offset; /* of the packet in the arena */
	__u16 bytes;  /* from the Ethernet header on */
	__u16 device; /* number: out of which it goes */
};
DP_STATIC_ASSERT(sizeof(struct dp_transmit_slot) == 8,
		 "values of an array map are eight bytes apart");

struct dp_transmit_arena {
	__u8 bytes[DP_TRANSMIT_BYTES];
};

#endif
