/* counters.h - values of the per-CPU counter arrays. Writer: the datapath on its own CPU; readers sum. */
#ifndef DP_COUNTERS_H
#define DP_COUNTERS_H

#include "../target.h"

/* Index: enum dp_reason (`reasons` map). */
struct dp_counter {
	__u64 packets;
	__u64 bytes;
};

/* Index: rule id (`rule_hits` map). Each packet counts once, for the rule that has decided it:
 *
 * packets, bytes   of flows that have ended, both directions; and of packets that belong to no flow, since the rule has
 *                  dropped or rejected them, or passed them to the host. Live flows count by themselves (flow/traffic.h): a
 *                  reader adds them. When a live flow is given to another rule, what it has counted until then is added
 *                  to the former and taken off the latter, modulo 2^64
 * flows            installed under the rule */
struct dp_rule_counters {
	__u64 packets;
	__u64 bytes;
	__u64 flows;
};

/* By any number of writers at once. */
DP_INLINE void dp_rule_counters_add(struct dp_rule_counters *counters, __u64 packets, __u64 bytes, __u64 flows)
{
	DP_ATOMIC_ADD(&counters->packets, packets);
	DP_ATOMIC_ADD(&counters->bytes, bytes);
	DP_ATOMIC_ADD(&counters->flows, flows);
}

/* Index: rule id (`log_counts` map). Packets whose rule says log, and that were not. */
struct dp_log_counters {
	__u64 suppressed; /* beyond settings.log_events */
	__u64 lost;       /* the ring was full */
};

/* Index: port number (`port_counters` map). Frames as seen by XDP. A frame whose tag belongs to no port is received by the
 * untagged port of its device. */
struct dp_port_counters {
	struct dp_counter received;
	struct dp_counter forwarded; /* left by this port, sent by the kernel datapath */
	struct dp_counter steered;
	struct dp_counter passed;
	struct dp_counter dropped;
};

#endif
