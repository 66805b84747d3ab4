/* counters.h - values of the per-CPU counter arrays. Writer: the datapath on its own CPU; readers sum. */
#ifndef DP_COUNTERS_H
#define DP_COUNTERS_H

#include "../target.h"
#include "limits.h"

/* Index: enum dp_reason (`reasons` map); rule id (`rule_hits` map: packets that were judged, so flows and drops). */
struct dp_counter {
	__u64 packets;
	__u64 bytes;
};

/* Plain hits are counted once, by the two ports they crossed (`crossings` map): received by the one, forwarded by the
 * other. */
enum { DP_CROSSINGS = DP_PORTS_MAX * DP_PORTS_MAX };

DP_INLINE __u32 dp_crossing(__u32 ingress, __u32 egress)
{
	return ingress * DP_PORTS_MAX + egress;
}

/* Index: port number (`port_counters` map). Frames as seen by XDP; in the map without the plain hits. */
struct dp_port_counters {
	struct dp_counter received;
	struct dp_counter forwarded; /* left by this port, sent by the kernel datapath */
	struct dp_counter steered;
	struct dp_counter passed;
	struct dp_counter dropped;
};

#endif
