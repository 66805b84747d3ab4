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

/* May this packet's rule write one more event in this second? Counts what it may not. */
DP_INLINE int twinpath_may_log(__u32 rule, __u32 now, struct dp_log_counters *counts)
{
	const struct dp_settings *limits = dp_env_settings(0);
	struct dp_budget_window *window = bpf_map_lookup_elem(&log_windows, &rule);

	if (!limits || !window)
		return 0;
	if (dp_budget_count(window, limits->ticks_per_second, now) < limits->log_events)
		return 1;
	counts->suppressed++;
	return 0;
}

/* Tells what has become of a packet whose rule says log, in the end. A full ring loses the event, never the packet. */
static __attribute__((noinline)) int twinpath_log(const struct dp_context *ctx, int reason)
{
	__u32 rule = ctx->match.rule;
	struct dp_log_counters *counts = bpf_map_lookup_elem(&log_counts, &rule);
	struct dp_event *event;

	if (!counts || !twinpath_may_log(rule, ctx->now, counts))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		counts->lost++;
		return 0;
	}
	event->time_ns = bpf_ktime_get_boot_ns();
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
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	bpf_ringbuf_submit(event, 0);
	return 1;
}

/* What has become of a packet in the end: counted for its rule, and logged when that says so. */
DP_INLINE void twinpath_note_outcome(const struct dp_context *ctx, int reason)
{
	dp_count_outcome(0, ctx, reason);
	if (ctx->match.flags & DP_RULE_LOG)
		twinpath_log(ctx, reason);
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
