/* counters.h - values of the per-CPU counter arrays. Writer: the datapath on its own CPU; readers sum. */
#ifndef DP_COUNTERS_H
#define DP_COUNTERS_H

#include "../target.h"

/* Index: enum dp_reason (`reasons` map); rule id (`rule_hits` map: packets for which the rule was asked, so
 * new flows, flows that are judged again under new rules, and drops). */
struct dp_counter {
	__u64 packets;
	__u64 bytes;
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
