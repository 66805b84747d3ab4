/* judge.h - the decision on a packet that starts a flow: a policy pair, or a reason.
 *
 * Order    source → route kind → TTL → policy → source translation → next hop. The first that refuses names the reason;
 *          Linux asks in the same order (ip_input, ip_route_input, ip_forward, then the FORWARD hook).
 * Errors   every refusal is a reason of reasons.def. Nothing is installed here: commit.h does.
 */
#ifndef DP_JUDGE_H
#define DP_JUDGE_H

#include "classify.h"
#include "../model/context.h"
#include "martian.h"
#include "route.h"
#include "translation.h"
#include "../flow/track.h"

/* Equal for every packet of one direction of a flow; different for the two directions. */
DP_INLINE __u64 dp_path_hash_word(const struct dp_address *address)
{
	return ((__u64)address->word[0] << 32 | address->word[3]) ^
	       ((__u64)address->word[1] << 32 | address->word[2]) * 0xff51afd7ed558ccdull;
}

DP_INLINE __u32 dp_path_hash(const struct dp_settings *settings, const struct dp_address *from,
			     const struct dp_address *to, __u32 ports)
{
	__u64 hash = settings->ecmp_seed;

	hash = (hash ^ dp_path_hash_word(from)) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 32 ^ dp_path_hash_word(to)) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 32 ^ ports) * 0xd6e8feb86659fd93ull;
	return (__u32)(hash >> 32);
}

DP_INLINE __u32 dp_ports_word(__be16 source, __be16 destination)
{
	return (__u32)source << 16 | destination;
}

/* May this packet start a flow? RFC 9293 for TCP; ICMP answers and errors never do. */
DP_INLINE enum dp_reason dp_may_start(const struct dp_settings *settings, const struct dp_context *ctx)
{
	const struct dp_packet *packet = &ctx->packet;

	if (packet->protocol == DP_PROTOCOL_TCP) {
		if ((packet->tcp_flags & (DP_TCP_SYN | DP_TCP_ACK)) == DP_TCP_SYN)
			return DP_NONE;
		if (packet->tcp_flags & (DP_TCP_SYN | DP_TCP_RST))
			return DP_NOT_SYN;
		if (settings->pickup == DP_PICKUP_LOOSE)
			return DP_NONE;
		return dp_in_grace(settings, ctx->now) ? DP_NONE : DP_NOT_SYN;
	}
	if (packet->protocol == DP_PROTOCOL_ICMP || packet->protocol == DP_PROTOCOL_ICMPV6)
		return packet->flags & DP_PACKET_ICMP_QUERY ? DP_NONE : DP_UNSOLICITED_ICMP;
	return DP_NONE;
}

/* Does Linux have a route there, by a port or not? */
DP_INLINE int dp_route_leads(__u8 kind)
{
	return kind == DP_ROUTE_ON_LINK || kind == DP_ROUTE_VIA || kind == DP_ROUTE_NOT_A_PORT;
}

/* Reverse path validation of the packet's source, for which ctx->back is answered, on its ingress port (RFC 3704). */
DP_INLINE enum dp_reason dp_source_valid(struct dp_env *env, const struct dp_context *ctx)
{
	const struct dp_route_query *back = &ctx->back;
	const struct dp_port *port = dp_env_port(env, ctx->packet.ingress);

	if (!port)
		return DP_INTERNAL;
	if (back->kind == DP_ROUTE_LOCAL || back->kind == DP_ROUTE_BROADCAST)
		return DP_MARTIAN_SOURCE;
	if (port->source_check == DP_SOURCE_CHECK_OFF)
		return DP_NONE;
	if (port->source_check == DP_SOURCE_CHECK_LOOSE)
		return dp_route_leads(back->kind) ? DP_NONE : DP_SOURCE_CHECK_FAILED;
	return dp_route_uses_port(env, back, ctx->packet.ingress) ? DP_NONE : DP_SOURCE_CHECK_FAILED;
}

/* What a route of this kind means for a packet that should be forwarded. */
DP_INLINE enum dp_reason dp_route_forwards(__u8 kind)
{
	switch (kind) {
	case DP_ROUTE_ON_LINK:
	case DP_ROUTE_VIA:
		return DP_NONE;
	case DP_ROUTE_BROADCAST:
		return DP_MULTICAST_NOT_ROUTED;
	case DP_ROUTE_NOT_A_PORT:
		return DP_EGRESS_NOT_A_PORT;
	case DP_ROUTE_BLACKHOLE:
		return DP_NO_ROUTE;
	default:
		return DP_STEER_UNREACHABLE;
	}
}

/* May a router fragment this packet (RFC 791)? */
DP_INLINE int dp_may_fragment(const struct dp_packet *packet)
{
	return packet->family == DP_FAMILY_V4 && !(packet->flags & DP_PACKET_DONT_FRAGMENT);
}

/* Can the next hop take this packet now? Sets ctx->next_hop. A packet that is refused for its size is refused at once;
 * one that will be fragmented waits for its neighbour first, as others do. */
DP_VERB int dp_next_hop_ready(struct dp_env *env, struct dp_context *ctx, __u32 index)
{
	const struct dp_next_hop *hop;
	__u16 flags;

	if (!ctx)
		return DP_INTERNAL;
	ctx->next_hop = (__u16)index;
	hop = index ? dp_env_next_hop(env, index) : 0;
	if (!hop)
		return DP_STEER_NEIGHBOUR;
	flags = DP_LOAD(&hop->flags); /* once: all questions see the same */
	if (!(flags & DP_NEXT_HOP_UP))
		return DP_EGRESS_DOWN;
	if (ctx->packet.l3_bytes > hop->mtu && ((flags & DP_NEXT_HOP_RESOLVED) || !dp_may_fragment(&ctx->packet)))
		return DP_STEER_TOO_BIG;
	if (!(flags & DP_NEXT_HOP_RESOLVED))
		return DP_STEER_NEIGHBOUR;
	if (flags & DP_NEXT_HOP_SOCKET)
		return DP_STEER_EGRESS_SOCKET;
	return DP_NONE;
}

/* The half that `packet` is in the direction of. */
DP_INLINE void dp_half_of_packet(const struct dp_context *ctx, const struct dp_packet *packet,
				 struct dp_flow_half *half)
{
	half->source = packet->source;
	half->destination = packet->destination;
	half->source_port = packet->source_port;
	half->destination_port = packet->destination_port;
	half->protocol = packet->protocol;
	half->zone = packet->zone;
	half->new_source = packet->source;
	half->new_destination = packet->destination;
	half->new_source_port = packet->source_port;
	half->new_destination_port = packet->destination_port;
	half->port = packet->ingress;
	half->delta = 0;
	half->delta_ports = 0;
	half->pad = 0;
	half->acked = 0;
	half->first_sequence = 0;
	half->note = 0;
	half->rule = ctx->match.rule;
	half->stamp = ctx->stamp;
	half->flags = 0;
	half->next_hop = 0;
}

/* The direction back of `forward`, as its packets look on arrival from `zone`. */
DP_INLINE void dp_half_reverse(const struct dp_flow_half *forward, __u8 zone, struct dp_flow_half *half)
{
	half->source = forward->new_destination;
	half->destination = forward->new_source;
	half->source_port = forward->new_destination_port;
	half->destination_port = forward->new_source_port;
	half->protocol = forward->protocol;
	half->zone = zone;
	half->new_source = forward->destination;
	half->new_destination = forward->source;
	half->new_source_port = forward->destination_port;
	half->new_destination_port = forward->source_port;
	half->port = 0;
	half->delta = 0;
	half->delta_ports = 0;
	half->pad = 0;
	half->acked = 0;
	half->first_sequence = 0;
	half->note = 0;
	half->rule = forward->rule;
	half->stamp = forward->stamp;
	half->flags = forward->flags;
	half->next_hop = 0;
}

/* What the rule of ctx->match makes of both halves: enum dp_flow_flag. */
DP_INLINE __u32 dp_rule_flags(const struct dp_context *ctx)
{
	__u32 flags = 0;

	if (ctx->match.place == DP_PLACE_USER)
		flags |= DP_FLOW_USER;
	if (ctx->match.flags & DP_RULE_LOG)
		flags |= DP_FLOW_LOG;
	return flags;
}

/* Fills the forward half. */
DP_INLINE void dp_plan_forward(struct dp_context *ctx)
{
	dp_half_of_packet(ctx, &ctx->packet, &ctx->forward);
	ctx->forward.flags = dp_rule_flags(ctx);
	ctx->forward.next_hop = ctx->there.next_hop;
}

/* A route whose neighbour Linux does not know yet gets stamp 0: the next packet asks again. */
DP_INLINE void dp_plan_stamps(struct dp_context *ctx)
{
	if (!ctx->reverse.next_hop)
		ctx->reverse.stamp = 0;
	if (!ctx->forward.next_hop)
		ctx->forward.stamp = 0;
}

/* Fills the reverse half from the forward one, and what only the forward one has. Its packets come in where those of the
 * forward one leave. */
DP_INLINE void dp_plan_reverse(struct dp_context *ctx, __u8 to_zone)
{
	dp_half_reverse(&ctx->forward, to_zone, &ctx->reverse);
	ctx->reverse.next_hop = ctx->back.next_hop;
	ctx->reverse.port = ctx->there.port;
	dp_plan_stamps(ctx);
}

/* A port as rules of policy routing know it: host order, 0 for protocols without ports. */
DP_INLINE __u16 dp_route_port(const struct dp_packet *packet, __be16 port)
{
	if (packet->protocol == DP_PROTOCOL_ICMP || packet->protocol == DP_PROTOCOL_ICMPV6)
		return 0;
	return dp_ntohs(port);
}

/* Where does the packet go? */
DP_INLINE void dp_route_query_forward(const struct dp_settings *settings,
				      const struct dp_context *ctx, struct dp_route_query *query)
{
	query->address = ctx->packet.destination;
	query->source = ctx->packet.source;
	query->bank = ctx->route_bank;
	query->ingress = ctx->packet.ingress;
	query->source_port = dp_route_port(&ctx->packet, ctx->packet.source_port);
	query->destination_port = dp_route_port(&ctx->packet, ctx->packet.destination_port);
	query->protocol = ctx->packet.protocol;
	query->family = ctx->packet.family;
	query->path = 0;
	query->hash = dp_path_hash(settings, &ctx->packet.source, &ctx->packet.destination,
				   dp_ports_word(ctx->packet.source_port, ctx->packet.destination_port));
}

/* Where does an answer go that comes in by the port `ingress`, 0: from the host? */
DP_INLINE void dp_route_query_reverse(const struct dp_settings *settings, const struct dp_context *ctx,
				      __u16 ingress, struct dp_route_query *query)
{
	query->address = ctx->packet.source;
	query->source = ctx->packet.destination;
	query->bank = ctx->route_bank;
	query->ingress = ingress;
	query->source_port = dp_route_port(&ctx->packet, ctx->packet.destination_port);
	query->destination_port = dp_route_port(&ctx->packet, ctx->packet.source_port);
	query->protocol = ctx->packet.protocol;
	query->family = ctx->packet.family;
	query->path = 0;
	query->hash = dp_path_hash(settings, &ctx->packet.destination, &ctx->packet.source,
				   dp_ports_word(ctx->packet.destination_port, ctx->packet.source_port));
}

/* The rule's word on ctx->packet towards `to_zone`: DP_NONE, or why not. Fills ctx->match. */
DP_INLINE enum dp_reason dp_policy(struct dp_env *env, struct dp_context *ctx, __u8 to_zone)
{
	dp_classify(env, ctx->policy_bank, &ctx->packet, to_zone, &ctx->match);
	if (ctx->match.action == DP_ACTION_ALLOW)
		return DP_NONE;
	if (ctx->match.action == DP_ACTION_REJECT)
		return DP_STEER_REJECT;
	return ctx->match.rule ? DP_RULE : DP_ZONE_DEFAULT;
}

/* ctx->original: a packet of the opposite direction, as it comes in where ctx->packet leaves. */
DP_INLINE void dp_opposite_direction(struct dp_context *ctx, __u8 zone)
{
	const struct dp_packet *packet = &ctx->packet;
	struct dp_packet *original = &ctx->original;

	*original = *packet;
	original->source = packet->destination;
	original->destination = packet->source;
	original->source_port = packet->destination_port;
	original->destination_port = packet->source_port;
	original->zone = zone;
	original->ingress = ctx->there.port;
	original->icmp_type = (__u8)(dp_ntohs(original->destination_port) >> 8);
}

/* TCP whose SYN nobody has seen may be an answer: who refuses it in its own direction asks for the other one. 1: it may
 * pass, as a packet of the flow's reverse direction; ctx->match is then the rule that allows the flow. */
DP_INLINE int dp_policy_answers(struct dp_env *env, struct dp_context *ctx, __u8 to_zone)
{
	struct dp_match refusal;

	if (ctx->packet.protocol != DP_PROTOCOL_TCP || (ctx->packet.tcp_flags & DP_TCP_SYN))
		return 0;
	refusal = ctx->match;
	dp_opposite_direction(ctx, to_zone);
	dp_classify(env, ctx->policy_bank, &ctx->original, ctx->packet.zone, &ctx->match);
	ctx->answers = ctx->match.action == DP_ACTION_ALLOW;
	if (!ctx->answers)
		ctx->match = refusal;
	return ctx->answers;
}

/* Both halves are planned as if the packet's direction were the flow's. Behind this they are the other way round. */
DP_VERB int dp_swap_halves(struct dp_context *ctx)
{
	struct dp_flow_half forward;

	if (!ctx)
		return 0;
	forward = ctx->forward;
	ctx->forward = ctx->reverse;
	ctx->reverse = forward;
	return 1;
}

/* What the first packet of a TCP flow has sent: of its half. */
DP_INLINE void dp_plan_numbers(const struct dp_packet *packet, struct dp_flow_half *half)
{
	__u32 syn = (packet->tcp_flags & DP_TCP_SYN) != 0, fin = (packet->tcp_flags & DP_TCP_FIN) != 0;

	half->flags |= DP_FLOW_SEQUENCE;
	if (fin)
		half->flags |= DP_FLOW_FIN;
	half->first_sequence = dp_ntohl(packet->tcp_sequence) + syn;
	half->note = half->first_sequence + packet->tcp_data_bytes + fin;
}

DP_INLINE void dp_plan_tcp(struct dp_context *ctx)
{
	if (!(ctx->packet.tcp_flags & DP_TCP_SYN))
		ctx->forward.flags |= DP_FLOW_PICKUP;
	if (ctx->answers)
		dp_plan_numbers(&ctx->packet, &ctx->reverse);
	else
		dp_plan_numbers(&ctx->packet, &ctx->forward);
}

/* May ctx->packet, which is unicast and not for the host, come from where it comes from, and can it go where it goes?
 * ctx->there is the answer for its destination; fills ctx->back. DP_NONE: it leads to a port. */
DP_VERB int dp_judge_way(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	dp_route_query_reverse(settings, ctx, ctx->there.port, &ctx->back);
	dp_route_find(env, &ctx->back);
	reason = dp_source_valid(env, ctx);
	if (reason)
		return reason;
	reason = dp_route_forwards(ctx->there.kind);
	if (reason)
		return reason;
	if (ctx->packet.ttl <= 1)
		return DP_STEER_TTL;
	return dp_route_egress(env, &ctx->there) ? DP_NONE : DP_EGRESS_NOT_A_PORT;
}

/* Judges ctx->packet, whose way is in order and which belongs to no live flow. DP_NONE, or a steer reason under which the
 * pair may be installed (place: user, neighbour, egress socket): both halves are filled. Anything else: nothing may be
 * installed. */
DP_VERB int dp_judge(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	const struct dp_port *egress;
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	egress = dp_route_egress(env, &ctx->there);
	if (!egress)
		return DP_INTERNAL;
	reason = dp_may_start(settings, ctx);
	if (reason)
		return reason;
	reason = dp_policy(env, ctx, egress->zone);
	if (reason && !dp_policy_answers(env, ctx, egress->zone))
		return reason;
	dp_plan_forward(ctx);
	reason = dp_translate_source(env, ctx, egress);
	if (reason)
		return reason;
	dp_plan_reverse(ctx, egress->zone);
	if (ctx->answers)
		dp_swap_halves(ctx);
	if (ctx->packet.protocol == DP_PROTOCOL_TCP)
		dp_plan_tcp(ctx);
	reason = dp_next_hop_ready(env, ctx, ctx->there.next_hop);
	if (reason == DP_NONE && ctx->match.place == DP_PLACE_USER)
		return DP_STEER_PLACE_USER;
	return reason;
}

#endif
