/* act.bpf.h - from a reason to an XDP action: count, steer, send. No policy here. */
#ifndef TWINPATH_ACT_BPF_H
#define TWINPATH_ACT_BPF_H

#include "env.bpf.h"

#include "common/decide/decide.h"

enum { TWINPATH_SLOW = 0 /* index in `programs` */ };

DP_INLINE void twinpath_add(struct dp_counter *counter, __u32 bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

DP_INLINE __u32 twinpath_now(void)
{
	return (__u32)bpf_jiffies64();
}

/* Number of the port that XDP sits on, 0 when the device is none. */
DP_INLINE __u32 twinpath_ingress(__u32 ifindex)
{
	const struct dp_ingress *slot;
	__u32 probe;

	DP_UNROLL
	for (probe = 0; probe < DP_INGRESS_PROBES; probe++) {
		slot = &ingress[(ifindex + probe) & (DP_INGRESS_SLOTS - 1)];
		if (slot->ifindex == 0)
			return 0;
		if (slot->ifindex == ifindex)
			return slot->port;
	}
	return 0;
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
	event->pad = 0;
	bpf_ringbuf_submit(event, 0);
}

/* Sends a plain hit out of `egress`. */
DP_INLINE int twinpath_cross(__u32 ingress, __u32 egress, __u32 bytes)
{
	__u32 crossing = dp_crossing(ingress, egress);
	struct dp_counter *counter = bpf_map_lookup_elem(&crossings, &crossing);

	if (counter)
		twinpath_add(counter, bytes);
	return (int)bpf_redirect_map(&tx_ports, egress, XDP_DROP);
}

/* Sends the frame out of `port`. A redirect can still fail behind our back (ring full, device gone): the device's own
 * statistics tell. */
DP_INLINE int twinpath_send(__u32 port, __u32 bytes)
{
	struct dp_port_counters *counters = bpf_map_lookup_elem(&port_counters, &port);

	if (counters)
		twinpath_add(&counters->forwarded, bytes);
	return (int)bpf_redirect_map(&tx_ports, port, XDP_DROP);
}

/* What was found out about a packet that is steered, beside its facts. */
struct twinpath_note {
	__u32 slot; /* of the flow's half; control 0: none was found */
	__u32 control;
	__u32 stamp;
	__u32 now;
};

/* Writes what is known in front of the frame. Returns the reason it cannot go to the engine, or DP_NONE. */
DP_INLINE int twinpath_prepare_steer(struct xdp_md *xdp, const struct dp_packet *packet,
				     const struct twinpath_note *note, int reason, __u32 socket)
{
	struct dp_metadata *metadata;

	if (!bpf_map_lookup_elem(&sockets, &socket))
		return DP_ENGINE_ABSENT;
	if (bpf_xdp_adjust_meta(xdp, -(int)sizeof(*metadata)))
		return DP_NO_METADATA_ROOM;
	metadata = (struct dp_metadata *)(long)xdp->data_meta;
	if ((void *)(metadata + 1) > (void *)(long)xdp->data)
		return DP_NO_METADATA_ROOM;
	metadata->magic = DP_METADATA_MAGIC;
	metadata->reason = (__u8)reason;
	metadata->version = DP_LAYOUT_VERSION;
	metadata->port = packet->ingress;
	metadata->queue = (__u16)xdp->rx_queue_index;
	metadata->slot = note->slot;
	metadata->control = note->control;
	metadata->stamp = note->stamp;
	metadata->frame_bytes = packet->frame_bytes;
	metadata->l3_offset = packet->l3_offset;
	metadata->l4_offset = packet->l4_offset;
	metadata->tick = note->now;
	return DP_NONE;
}

/* To the engine, if it is there: the program's result. The budget has been paid. */
DP_INLINE int twinpath_steer(struct xdp_md *xdp, const struct dp_packet *packet,
			     const struct twinpath_note *note, int reason, struct dp_port_counters *counters)
{
	const struct dp_port *port = dp_env_port(0, packet->ingress);
	int refused = DP_NONE;
	__u32 socket;

	if (!port)
		return XDP_ABORTED;
	socket = port->first_socket + xdp->rx_queue_index;
	if (xdp->rx_queue_index >= port->queue_count)
		refused = DP_ENGINE_ABSENT;
	else
		refused = twinpath_prepare_steer(xdp, packet, note, reason, socket);
	twinpath_count_reason(refused ? (__u32)refused : (__u32)reason, packet->frame_bytes);
	if (refused) {
		twinpath_add(&counters->dropped, packet->frame_bytes);
		return XDP_DROP;
	}
	twinpath_add(&counters->steered, packet->frame_bytes);
	return (int)bpf_redirect_map(&sockets, socket, XDP_DROP);
}

#endif
