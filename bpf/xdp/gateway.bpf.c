// gateway.bpf.c - the kernel datapath: two XDP programs, and a question.
//
// twinpath_hit   every frame: parse, one lookup, forward, redirect. Small, so that it stays in the instruction cache.
// twinpath_slow  everything else, by tail call: the shared decision (common/decide/decide.h) and what follows from it.

#include "bpf/shared/act.bpf.h"

#include "common/decide/hit.h"
#include "common/edit/forward.h"
#include "common/parse/parse.h"

#define FRAME(xdp) ((__u8 *)(long)(xdp)->data)
#define FRAME_END(xdp) ((__u8 *)(long)(xdp)->data_end)

/* A plain hit whose rule says place: user. */
DP_INLINE int steer_hit(struct xdp_md *xdp, const struct dp_packet *packet, const struct dp_flow_view *view)
{
	__u32 number = packet->ingress;
	struct dp_port_counters *counters = bpf_map_lookup_elem(&port_counters, &number);
	struct twinpath_note note;

	if (!counters)
		return XDP_ABORTED;
	twinpath_add(&counters->received, packet->frame_bytes);
	note.slot = view->slot;
	note.control = view->control;
	note.stamp = view->stamp;
	note.now = twinpath_now();
	return twinpath_steer(xdp, packet, &note, DP_STEER_PLACE_USER, counters);
}

/* A parsed frame, if it is a plain hit: the program's result. Otherwise -1, with the frame unchanged. Inlined once per
 * family, so that the compiler knows which it is: one straight line each, in registers. */
DP_INLINE int take_hit(struct xdp_md *xdp, __u8 *frame, const __u8 *end, const struct dp_packet *packet)
{
	struct dp_hit hit;
	enum dp_hit_verdict verdict = dp_hit(0, &settings, packet, &hit);
	int action;

	if (verdict == DP_HIT_NOT)
		return -1;
	if (verdict == DP_HIT_USER)
		return steer_hit(xdp, packet, &hit.view);
	if (!dp_forward(frame, end, packet, &hit.view, &hit.hop))
		return XDP_ABORTED;
	action = twinpath_cross(packet->ingress, hit.hop.port, packet->frame_bytes);
	/* last: its locked addition holds up every load behind it */
	dp_hit_count(&hit, packet->frame_bytes, twinpath_now());
	return action;
}

SEC("xdp")
int twinpath_hit(struct xdp_md *xdp)
{
	__u8 *frame = FRAME(xdp), *end = FRAME_END(xdp);
	__u32 frame_bytes = (__u32)(end - frame);
	__u32 number = twinpath_ingress(xdp->ingress_ifindex);
	const struct dp_port *port = dp_env_port(0, number);
	struct dp_packet packet;
	int action = -1;

	if (!port)
		return XDP_ABORTED;
	if (port->flags & (DP_PORT_WORKLOAD | DP_PORT_VLANS) || !dp_plain_link(frame, end, port->mac))
		goto slow;
	packet.zone = port->zone;
	packet.ingress = (__u16)number;
	if (dp_parse_plain4(frame, end, frame_bytes, &packet))
		action = take_hit(xdp, frame, end, &packet);
	else if (dp_parse_plain6(frame, end, frame_bytes, &packet))
		action = take_hit(xdp, frame, end, &packet);
	if (action >= 0)
		return action;
slow:
	bpf_tail_call(xdp, &programs, TWINPATH_SLOW);
	return XDP_ABORTED;
}

/* The port a tagged frame belongs to: a VLAN device on this parent, or none. */
DP_INLINE __u32 tagged_port(__u32 ifindex, const struct dp_packet *packet)
{
	struct dp_vlan_key key;
	const __u32 *port;

	key.ifindex = ifindex;
	key.vlan = packet->vlan;
	key.inner_vlan = packet->inner_vlan;
	port = bpf_map_lookup_elem(&vlan_ports, &key);
	return port ? *port : 0;
}

/* Parses, and settles which port the frame came in by. */
static __attribute__((noinline)) int read_frame(struct xdp_md *xdp, struct dp_context *ctx)
{
	__u32 number = twinpath_ingress(xdp->ingress_ifindex);
	const struct dp_port *port = dp_env_port(0, number);
	struct dp_port_counters *counters = bpf_map_lookup_elem(&port_counters, &number);
	int reason;

	if (counters)
		twinpath_add(&counters->received, (__u32)(FRAME_END(xdp) - FRAME(xdp)));
	ctx->packet.frame_bytes = (__u32)(FRAME_END(xdp) - FRAME(xdp));
	ctx->packet.ingress = (__u16)number;
	ctx->packet.zone = 0;
	ctx->known = 0;
	if (!port)
		return DP_INTERNAL;
	reason = dp_parse(FRAME(xdp), FRAME_END(xdp), ctx->packet.frame_bytes, port->mac, &ctx->packet);
	if (reason)
		return reason;
	if (ctx->packet.tags) {
		number = tagged_port(xdp->ingress_ifindex, &ctx->packet);
		port = dp_env_port(0, number);
		if (!number || !port)
			return DP_UNKNOWN_VLAN;
	}
	ctx->packet.ingress = (__u16)number;
	ctx->packet.zone = port->zone;
	return DP_NONE;
}

/* Two functions, not one with a choice of helper: they return different kinds of pointer to the verifier. */
static __attribute__((noinline)) int tcp_waits(struct xdp_md *xdp, struct bpf_sock_tuple *tuple, __u32 bytes)
{
	struct bpf_sock *socket = bpf_skc_lookup_tcp(xdp, tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	int waits;

	if (!socket)
		return 0;
	waits = socket->state != BPF_TCP_LISTEN;
	bpf_sk_release(socket);
	return waits;
}

static __attribute__((noinline)) int udp_waits(struct xdp_md *xdp, struct bpf_sock_tuple *tuple, __u32 bytes)
{
	struct bpf_sock *socket = bpf_sk_lookup_udp(xdp, tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	int waits;

	if (!socket)
		return 0;
	waits = socket->dst_port != 0; /* connected, not merely bound */
	bpf_sk_release(socket);
	return waits;
}

/* A connected socket of the host that this packet belongs to: own traffic of the host passes whatever the rules say.
 * Called, not inlined: the installation of a pair needs the stack. */
static __attribute__((noinline)) int host_waits_for(struct xdp_md *xdp, const struct dp_packet *packet)
{
	struct bpf_sock_tuple tuple = {};
	__u32 bytes = sizeof(tuple.ipv4);

	if (packet->family == DP_FAMILY_V4) {
		tuple.ipv4.saddr = packet->source.word[0];
		tuple.ipv4.daddr = packet->destination.word[0];
		tuple.ipv4.sport = packet->source_port;
		tuple.ipv4.dport = packet->destination_port;
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, packet->source.word, 16);
		__builtin_memcpy(tuple.ipv6.daddr, packet->destination.word, 16);
		tuple.ipv6.sport = packet->source_port;
		tuple.ipv6.dport = packet->destination_port;
		bytes = sizeof(tuple.ipv6);
	}
	if (packet->protocol == DP_PROTOCOL_TCP)
		return tcp_waits(xdp, &tuple, bytes);
	if (packet->protocol == DP_PROTOCOL_UDP)
		return udp_waits(xdp, &tuple, bytes);
	return 0;
}

/* Is there a queue of AF_XDP sockets for this frame? Without one the engine is absent, whatever its budget. */
DP_INLINE int queue_exists(struct xdp_md *xdp, const struct dp_packet *packet)
{
	const struct dp_port *port = dp_env_port(0, packet->ingress);

	return port && xdp->rx_queue_index < port->queue_count;
}

/* What only this hook knows of a decision before it is carried out: the final reason of the look. */
static __attribute__((noinline)) int ask_hook(struct xdp_md *xdp, struct dp_context *ctx, int reason)
{
	if (dp_host_refused(ctx, reason) && host_waits_for(xdp, &ctx->packet))
		return dp_host_waits(ctx);
	if (dp_reason_verdict(reason) == DP_STEER && !queue_exists(xdp, &ctx->packet))
		ctx->operation.budget = DP_BUDGET_NONE;
	return reason;
}

/* dp_decide, with the questions that only this hook can answer between look and commit. */
DP_INLINE int decide(struct xdp_md *xdp, struct dp_context *ctx)
{
	int reason, attempt;

	for (attempt = 0; attempt < DP_DECIDE_LOOKS; attempt++) {
		ctx->attempt = (__u8)attempt;
		reason = dp_look(0, ctx);
		reason = ask_hook(xdp, ctx, reason);
		reason = dp_commit(0, ctx, reason);
		if (reason != DP_LOOK_AGAIN)
			return reason;
	}
	ctx->attempt = (__u8)attempt;
	return DP_TABLE_FULL;
}

/* Makes the frame ready to leave: DP_NONE, or why it cannot leave from here. */
static __attribute__((noinline)) int prepare_forward(struct xdp_md *xdp, const struct dp_context *ctx,
						     const struct dp_next_hop *hop)
{
	const struct dp_port *port = dp_env_port(0, ctx->packet.ingress);
	int growth;

	if (!port)
		return DP_INTERNAL;
	if ((port->flags & DP_PORT_WORKLOAD) && !dp_checksum_l4(FRAME(xdp), FRAME_END(xdp), &ctx->packet))
		return DP_STEER_CHECKSUM;
	growth = dp_forward_growth(&ctx->packet, hop);
	if (growth && bpf_xdp_adjust_head(xdp, -growth))
		return DP_INTERNAL;
	if (!dp_forward(FRAME(xdp), FRAME_END(xdp), &ctx->packet, &ctx->view, hop))
		return DP_INTERNAL;
	return DP_NONE;
}

static __attribute__((noinline)) int steer(struct xdp_md *xdp, struct dp_context *ctx, int reason,
					   struct dp_port_counters *counters)
{
	struct twinpath_note note;

	note.slot = ctx->view.slot;
	note.control = ctx->known ? ctx->view.control : 0;
	note.stamp = ctx->stamp;
	note.now = ctx->now;
	return twinpath_steer(xdp, &ctx->packet, &note, reason, counters);
}

SEC("xdp")
int twinpath_slow(struct xdp_md *xdp)
{
	struct dp_port_counters *counters;
	const struct dp_next_hop *hop;
	struct dp_context *ctx;
	__u32 zero = 0, number;
	int reason, action;

	ctx = bpf_map_lookup_elem(&scratch, &zero);
	if (!ctx)
		return XDP_ABORTED;
	ctx->now = twinpath_now();
	ctx->side = DP_SIDE_KERNEL;
	ctx->match.rule = 0;
	ctx->match.flags = 0;
	reason = read_frame(xdp, ctx);
	if (!reason)
		reason = decide(xdp, ctx);
	number = ctx->packet.ingress;
	counters = bpf_map_lookup_elem(&port_counters, &number);
	if (!counters)
		return XDP_ABORTED;
	if (ctx->match.rule)
		twinpath_count_rule(ctx->match.rule, ctx->packet.frame_bytes);
	if (ctx->match.flags & DP_RULE_LOG)
		twinpath_log(ctx, reason);
	hop = dp_env_next_hop(0, ctx->next_hop);
	if (!reason)
		reason = hop ? prepare_forward(xdp, ctx, hop) : (int)DP_INTERNAL;
	switch (dp_reason_verdict(reason)) {
	case DP_FORWARD:
		if (!hop)
			return XDP_ABORTED;
		action = twinpath_send(hop->port, ctx->packet.frame_bytes);
		dp_flow_count(0, ctx->packet.family, ctx->view.slot, 1, ctx->packet.frame_bytes, ctx->now);
		return action;
	case DP_STEER:
		return steer(xdp, ctx, reason, counters);
	case DP_PASS:
		twinpath_count_reason((__u32)reason, ctx->packet.frame_bytes);
		twinpath_add(&counters->passed, ctx->packet.frame_bytes);
		return XDP_PASS;
	default:
		twinpath_count_reason((__u32)reason, ctx->packet.frame_bytes);
		twinpath_add(&counters->dropped, ctx->packet.frame_bytes);
		return XDP_DROP;
	}
}

/* The kernel's tick, for user space (userspace/base/tick_clock.hpp). Run by request, attached to nothing. */
SEC("syscall")
int twinpath_tick(void *nothing)
{
	(void)nothing;
	return (int)twinpath_now();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
