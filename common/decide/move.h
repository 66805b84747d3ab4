/* move.h - a live pair whose route leads into another zone, as after a failover to another uplink.
 *
 * Keys     of a pair name the zones that its packets come from. So a pair goes on in another zone as another pair: the old one
 *          is deleted and the new one installed, in the same state, with what both ends have said. It begins its
 *          counters and its age anew.
 * Rules    the rules in force are asked about the flow's original direction and the new zones. What they refuse is dropped
 *          under their reason, and the pair stays: when the route leads back, it goes on.
 * Seen     by the first packet behind the change of routes, whichever direction it has. One in the pair's direction finds its
 *          half. One from the new zone finds none under its own key: the half of the opposite direction is searched, and
 *          counts when its packets are routed to where this one came from.
 * Not      pairs whose addresses or ports are translated: a translation belongs to the zone that it was made for.
 * Source   nf_conntrack, whose flows know no device.
 */
#ifndef DP_MOVE_H
#define DP_MOVE_H

#include "judge.h"

/* What a flow has gone through, which its pair keeps. */
enum {
	DP_MOVED_FLAGS = DP_FLOW_HELD | DP_FLOW_ANSWERED | DP_FLOW_FIN | DP_FLOW_DONE | DP_FLOW_SYN |
			 DP_FLOW_ENGINE | DP_FLOW_PICKUP | DP_FLOW_SEQUENCE | DP_FLOW_FINS,
};

/* Was this packet refused for want of a pair? Of those that the rules allow only who has lost a race asks: the pair that
 * was in the way may be its own. */
DP_INLINE int dp_may_be_moved(const struct dp_context *ctx, int reason)
{
	if (ctx->operation.kinds & (DP_OPERATION_DELETE | DP_OPERATION_REPLACE))
		return 0; /* ctx->view is a pair that this packet ends */
	return ctx->attempt || reason == DP_NOT_SYN || reason == DP_UNSOLICITED_ICMP ||
	       reason == DP_RULE || reason == DP_ZONE_DEFAULT || reason == DP_STEER_REJECT;
}

/* Is there a pair whose other direction is now routed to where the packet came from? Then ctx->view is that direction's
 * half. ctx->there and ctx->back are answered. */
DP_VERB int dp_move_find(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_port *egress, *home;
	__u8 zone;

	DP_LAUNDER(env);
	if (!ctx)
		return 0;
	egress = dp_route_egress(env, &ctx->there);
	home = dp_route_egress(env, &ctx->back);
	if (!egress || !home || home->zone != ctx->packet.zone)
		return 0;
	dp_opposite_direction(ctx, egress->zone);
	if (!dp_flow_find(env, &ctx->original, &ctx->view) || (ctx->view.link & DP_FLOW_REWRITE))
		return 0;
	zone = dp_flow_partner_zone(env, ctx->packet.family, &ctx->view);
	if (zone == DP_ZONE_NONE || zone == ctx->packet.zone)
		return 0;
	ctx->move = DP_MOVE_AGAINST;
	return 1;
}

/* What a direction of the old pair has said, into its half of the new one. */
DP_INLINE void dp_move_half(struct dp_flow_half *half, __u32 link, __be32 acked, __u32 first, __u32 note)
{
	half->flags |= link & DP_MOVED_FLAGS;
	half->acked = acked;
	half->first_sequence = first;
	half->note = note;
}

/* Of a pair that is gone by now nothing is installed. */
DP_INLINE void dp_move_said(struct dp_env *env, struct dp_context *ctx)
{
	int forward = (ctx->view.link & DP_FLOW_FORWARD) != 0;
	struct dp_flow_said said;

	if (!dp_flow_said(env, ctx->packet.family, &ctx->view, &said))
		return;
	dp_move_half(forward ? &ctx->forward : &ctx->reverse, said.link, said.acked, said.first, said.note);
	dp_move_half(forward ? &ctx->reverse : &ctx->forward, said.partner_link, said.partner_acked,
		     said.partner_first, said.partner_note);
}

/* Both halves of the pair in its new zones. `onward`: the packet has the flow's original direction. */
DP_INLINE void dp_plan_move(struct dp_env *env, struct dp_context *ctx, int onward, __u8 to_zone)
{
	dp_half_of_packet(ctx, onward ? &ctx->packet : &ctx->original, &ctx->forward);
	ctx->forward.flags = dp_rule_flags(ctx);
	dp_half_reverse(&ctx->forward, to_zone, &ctx->reverse);
	dp_move_said(env, ctx);
	ctx->forward.next_hop = onward ? ctx->there.next_hop : ctx->back.next_hop;
	ctx->reverse.next_hop = onward ? ctx->back.next_hop : ctx->there.next_hop;
	ctx->reverse.port = onward ? ctx->there.port : ctx->packet.ingress;
	dp_plan_stamps(ctx);
	ctx->operation.state = (__u8)(ctx->view.control & DP_FLOW_STATE_MASK);
	ctx->answers = 0;
}

/* The pair of ctx->view is to go on along the packet's way, which is in order. DP_NONE: it may, and is planned; or the reason
 * against it. */
DP_VERB int dp_move(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_port *egress;
	__u8 to_zone;
	int onward;

	DP_LAUNDER(env);
	if (!ctx)
		return DP_INTERNAL;
	egress = dp_route_egress(env, &ctx->there);
	if (!egress)
		return DP_INTERNAL;
	onward = !(ctx->view.link & DP_FLOW_FORWARD) == (ctx->move == DP_MOVE_AGAINST);
	if (!onward)
		dp_opposite_direction(ctx, egress->zone);
	to_zone = onward ? egress->zone : ctx->packet.zone;
	dp_classify(env, ctx->policy_bank, onward ? &ctx->packet : &ctx->original, to_zone, &ctx->match);
	if (ctx->match.action != DP_ACTION_ALLOW)
		return ctx->match.rule ? DP_RULE : DP_ZONE_DEFAULT;
	dp_plan_move(env, ctx, onward, to_zone);
	ctx->operation.kinds |= DP_OPERATION_DELETE | DP_OPERATION_INSTALL | DP_OPERATION_MOVE;
	return DP_NONE;
}

#endif
