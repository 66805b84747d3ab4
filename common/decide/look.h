/* look.h - the decision on one packet, up to the point where something would be written.
 *
 * Reads    ctx->packet, parsed; ctx->now, side and searched, and what was found, in ctx->view; the tables.
 * Writes   ctx and nothing else: no table, no counter, no budget. Its input stays as it is but for the view. What the packet
 *          would change is in ctx->operation. So who only wants to know (explain, the check of one packet in N, captures, the
 *          dry run) asks here.
 * Result   the reason, if the operation succeeds: decide.h says what reasons mean. commit.h carries the operation out.
 * Today    only tests look without a commit: explain, the check, captures and the dry run of a packet are not built yet.
 */
#ifndef DP_LOOK_H
#define DP_LOOK_H

#include "border.h"
#include "budget.h"
#include "known.h"
#include "move.h"

/* A fragment belongs to the flow of its datagram's first fragment, an ICMP error to the flow that it quotes: the engine
 * finds both, and shows this file a whole datagram in place of fragments. */
DP_INLINE int dp_is_part(const struct dp_packet *packet)
{
	return (packet->flags & (DP_PACKET_FRAGMENT | DP_PACKET_ICMP_ERROR)) != 0;
}

DP_INLINE int dp_steer_part(const struct dp_packet *packet)
{
	return packet->flags & DP_PACKET_FRAGMENT ? DP_STEER_FRAGMENT : DP_STEER_ICMP_ERROR;
}

/* Addresses that no packet may have, wherever it goes. */
DP_INLINE int dp_look_addresses(const struct dp_packet *packet)
{
	if (dp_martian_source(packet->family, &packet->source))
		return DP_MARTIAN_SOURCE;
	/* before the route: to Linux, 127.0.0.0/8 and ::1 are the host's own, and services listen there */
	return dp_martian_destination(packet->family, &packet->destination) ? DP_MARTIAN_DESTINATION : DP_NONE;
}

/* A pair whose place is taken goes when the rules in force have allowed the one that takes it, and not before. */
DP_INLINE void dp_look_install(struct dp_context *ctx)
{
	if (ctx->operation.kinds & DP_OPERATION_REPLACE)
		ctx->operation.kinds = DP_OPERATION_DELETE;
	ctx->operation.kinds |= DP_OPERATION_INSTALL;
}

/* A packet that is not the host's and is no packet of a live flow; ctx->there is answered. */
DP_INLINE int dp_look_forward(struct dp_env *env, struct dp_context *ctx)
{
	int reason;

	if (dp_address_link_local(ctx->packet.family, &ctx->packet.destination))
		return DP_MARTIAN_DESTINATION;
	if (dp_address_link_local(ctx->packet.family, &ctx->packet.source))
		return DP_MARTIAN_SOURCE;
	if (dp_is_part(&ctx->packet))
		return dp_steer_part(&ctx->packet);
	reason = dp_judge_way(env, ctx);
	if (reason)
		return reason;
	if (ctx->move == DP_MOVE_ALONG)
		return dp_move(env, ctx);
	reason = dp_judge(env, ctx);
	if (dp_may_be_moved(ctx, reason) && dp_move_find(env, ctx))
		return dp_move(env, ctx);
	if (dp_may_install(ctx, reason))
		dp_look_install(ctx);
	return reason;
}

/* A link-local address is the host's own on its port alone; ctx->there is answered, and names that port. It names none when
 * several devices have the address: then Linux tells them apart. */
DP_INLINE int dp_look_local(struct dp_env *env, struct dp_context *ctx)
{
	if (dp_address_link_local(ctx->packet.family, &ctx->packet.destination) &&
	    ctx->there.port && ctx->there.port != ctx->packet.ingress)
		return DP_MARTIAN_DESTINATION;
	return dp_to_host(env, ctx);
}

/* A packet that is no packet of a live flow. */
DP_INLINE int dp_look_new(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	reason = dp_look_addresses(&ctx->packet);
	if (reason)
		return reason;
	reason = dp_translate_destination(env, ctx);
	if (reason)
		return reason;
	dp_route_query_forward(settings, ctx, &ctx->there);
	dp_route_find(env, &ctx->there);
	if (ctx->there.kind == DP_ROUTE_LOCAL)
		return dp_look_local(env, ctx);
	if (ctx->there.kind == DP_ROUTE_BROADCAST && ctx->there.port == ctx->packet.ingress)
		return dp_to_group(env, ctx);
	if (ctx->packet.family == DP_FAMILY_V4 && dp_is_dhcp_answer(&ctx->packet))
		return DP_PASS_DHCP;
	return dp_look_forward(env, ctx);
}

/* Is the packet's half of a live flow in ctx->view? What the plain hit has found is not searched again, unless it has been
 * recycled since. */
DP_INLINE int dp_look_up(struct dp_env *env, struct dp_context *ctx)
{
	if (ctx->searched == DP_SEARCHED_ABSENT)
		return 0;
	if (ctx->searched == DP_SEARCHED_FOUND &&
	    dp_flow_find_at(env, ctx->packet.family, ctx->view.slot, ctx->view.control, &ctx->view))
		return 1;
	return dp_flow_find(env, &ctx->packet, &ctx->view);
}

/* The flow that a packet of its own key, a fragment or an ICMP error belongs to. DP_LOOK_NEW: there is none yet. */
DP_INLINE int dp_look_flow(struct dp_env *env, struct dp_context *ctx)
{
	int reason;

	if (dp_is_part(&ctx->packet)) {
		if (!dp_address_claimed(env, ctx))
			return DP_LOOK_NEW; /* the host's, or steered behind the route */
		reason = dp_look_addresses(&ctx->packet);
		return reason ? reason : dp_steer_part(&ctx->packet);
	}
	if (!dp_look_up(env, ctx))
		return DP_LOOK_NEW;
	reason = dp_look_known(env, ctx);
	ctx->known = reason != DP_LOOK_NEW;
	return reason;
}

/* What is read once per look, and what a look fills. */
DP_INLINE void dp_look_begin(const struct dp_settings *settings, struct dp_context *ctx)
{
	ctx->stamp = DP_LOAD(&settings->stamp);
	ctx->policy_bank = (__u16)(DP_LOAD(&settings->policy_bank) & 1);
	ctx->route_bank = (__u16)(DP_LOAD(&settings->route_bank) & 1);
	ctx->known = 0;
	ctx->to_host = 0;
	ctx->answers = 0;
	ctx->next_hop = 0;
	ctx->move = DP_MOVE_NONE;
	ctx->match.rule = 0;
	ctx->match.flags = 0;
	dp_operation_clear(&ctx->operation);
}

/* The reason without the budget. */
DP_INLINE int dp_look_reason(struct dp_env *env, struct dp_context *ctx)
{
	int reason = dp_border(env, ctx);

	if (!reason)
		reason = dp_look_flow(env, ctx);
	return reason == DP_LOOK_NEW ? dp_look_new(env, ctx) : reason;
}

DP_VERB int dp_look(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	DP_LAUNDER(env);
	if (!ctx || !settings)
		return DP_INTERNAL;
	dp_look_begin(settings, ctx);
	reason = dp_look_reason(env, ctx);
	ctx->operation.budget = dp_budget_of(ctx, reason);
	return reason;
}

/* Was this packet refused by the host zone's rules alone? Then it still passes when a connected socket of the host
 * waits for it, which only the datapath can find out: it asks behind the stage `new`, with ctx->reason set. */
DP_INLINE int dp_host_refused(const struct dp_context *ctx)
{
	return ctx->to_host && (ctx->reason == DP_RULE || ctx->reason == DP_ZONE_DEFAULT ||
				ctx->reason == DP_STEER_REJECT);
}

/* When one does. */
DP_INLINE void dp_host_waits(struct dp_context *ctx)
{
	ctx->reason = DP_PASS_HOST;
	ctx->operation.budget = dp_budget_of(ctx, DP_PASS_HOST);
}

#endif
