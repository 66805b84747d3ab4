/* act.bpf.h - what every hook does for a packet beside sending it: count, log. No policy here. */
#ifndef TWINPATH_ACT_BPF_H
#define TWINPATH_ACT_BPF_H

#include "env.bpf.h"

#include "common/decide/decide.h"

DP_INLINE void twinpath_add(struct dp_counter *counter, __u32 bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

DP_INLINE __u32 twinpath_now(void)
{
	return (__u32)bpf_jiffies64();
}

DP_INLINE void twinpath_count_reason(__u32 reason, __u32 bytes)
{
	struct dp_counter *counter = bpf_map_lookup_elem(&reasons, &reason);

	if (counter)
		twinpath_add(counter, bytes);
}

DP_INLINE void twinpath_count_rule(__u32 rule, __u32 bytes)
{
	struct dp_counter *counter = bpf_map_lookup_elem(&rule_hits, &rule);

	if (counter)
		twinpath_add(counter, bytes);
}

/* Tells what became of a packet whose rule says log. A full ring loses the event, never the packet. */
DP_INLINE void twinpath_log(const struct dp_context *ctx, int reason)
{
	struct dp_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return;
	event->source = ctx->packet.source;
	event->destination = ctx->packet.destination;
	event->source_port = ctx->packet.source_port;
	event->destination_port = ctx->packet.destination_port;
	event->frame_bytes = ctx->packet.frame_bytes;
	event->rule = ctx->match.rule;
	event->ingress = ctx->packet.ingress;
	event->reason = (__u8)reason;
	event->family = ctx->packet.family;
	event->protocol = ctx->packet.protocol;
	event->pad[0] = event->pad[1] = event->pad[2] = 0;
	bpf_ringbuf_submit(event, 0);
}

DP_INLINE void twinpath_count_received(__u32 port, __u32 bytes)
{
	struct dp_port_counters *counters = bpf_map_lookup_elem(&port_counters, &port);

	if (counters)
		twinpath_add(&counters->received, bytes);
}

DP_INLINE void twinpath_count_forwarded(__u32 port, __u32 bytes)
{
	struct dp_port_counters *counters = bpf_map_lookup_elem(&port_counters, &port);

	if (counters)
		twinpath_add(&counters->forwarded, bytes);
}

#endif
