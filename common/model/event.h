/* event.h - one record of the `events` ring buffer: a packet whose rule says log, when the rule was asked.
 *
 * Writer   the kernel datapath; a full ring loses events, never packets. Reader: the control plane.
 * Bound    settings.log_events a second and rule. What is beyond it, and what a full ring has lost, is counted
 *          (dp_log_counters).
 * Order    addresses and ports network, the rest host.
 */
#ifndef DP_EVENT_H
#define DP_EVENT_H

#include "address.h"

struct dp_event {
	__u64 time_ns; /* since boot, with the time in suspension: CLOCK_BOOTTIME */
	struct dp_address source;
	struct dp_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 frame_bytes;
	__u32 rule;
	__u16 ingress; /* port number */
	__u8 reason;   /* enum dp_reason: what became of the packet */
	__u8 family;
	__u8 protocol;
	__u8 pad[7];
};
DP_STATIC_ASSERT(sizeof(struct dp_event) == 64, "no hidden padding");

#endif
