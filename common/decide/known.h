/* known.h - the look at a packet of a live flow: where it goes, and what it changes.
 *
 * Stale    An entry of an older route epoch has its route looked up again; one of an older generation is also judged
 *          again, in its original direction. What follows for the entry is noted in ctx->operation.
 */
#ifndef DP_KNOWN_H
#define DP_KNOWN_H

#include "../flow/notes.h"
#include "sender.h"

/* Answers of the looks in this file beside reasons. */
enum {
	DP_LOOK_NEW = DP_REASONS,       /* the pair is over, and the packet begins another flow */
	DP_LOOK_MOVED = DP_REASONS + 2, /* the route leads into another zone than the pair's (move.h) */
};

/* Fills ctx->original: the packet as it would look in the original direction, which is what rules speak about. */
DP_INLINE void dp_original_direction(struct dp_env *env, struct dp_context *ctx)
{
	struct dp_packet *original = &ctx->original;

	*original = ctx->packet;
	if (dp_track_is_forward(ctx))
		return;
	original->source = ctx->view.new_destination;
	original->destination = ctx->view.new_source;
	original->source_port = ctx->view.new_destination_port;
	original->destination_port = ctx->view.new_source_port;
	original->zone = dp_flow_partner_zone(env, ctx->packet.family, &ctx->view);
	original->icmp_type = (__u8)(dp_ntohs(original->destination_port) >> 8);
}

/* Do the rules in force still allow this flow? Fills ctx->match. */
DP_VERB int dp_rejudge(struct dp_env *env, struct dp_context *ctx)
{
	__u8 to_zone;

	DP_LAUNDER(env);
	if (!ctx)
		return DP_INTERNAL;
	dp_original_direction(env, ctx);
	to_zone = dp_track_is_forward(ctx) ? dp_flow_partner_zone(env, ctx->packet.family, &ctx->view)
					   : ctx->packet.zone;
	dp_classify(env, ctx->policy_bank, &ctx->original, to_zone, &ctx->match);
	if (ctx->match.action == DP_ACTION_ALLOW)
		return DP_NONE;
	return ctx->match.rule ? DP_RULE : DP_ZONE_DEFAULT;
}

/* A flow whose rule moved it between the datapaths. */
DP_INLINE void dp_move_place(struct dp_context *ctx)
{
	__u32 user = ctx->match.place == DP_PLACE_USER ? DP_FLOW_USER : 0;

	if ((ctx->view.link & DP_FLOW_USER) == user)
		return;
	dp_track_own(ctx, user, user ^ DP_FLOW_USER);
	dp_track_partner(ctx, user, user ^ DP_FLOW_USER);
	ctx->view.link = (ctx->view.link & ~(__u32)DP_FLOW_USER) | user;
}

/* Looks the flow's route up again: DP_NONE, and its next hop is that of the operation. */
DP_VERB int dp_reroute(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	const struct dp_port *egress;
	struct dp_route_query *query;
	__u8 zone;
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	query = &ctx->there;
	dp_route_query_forward(settings, ctx, query);
	query->address = ctx->view.new_destination;
	if (dp_route_find(env, query) == DP_ROUTE_LOCAL)
		return DP_LOOK_NEW; /* an address that has become the host's own */
	reason = dp_route_forwards(query->kind);
	if (reason)
		return reason;
	egress = dp_route_egress(env, query);
	zone = dp_flow_partner_zone(env, ctx->packet.family, &ctx->view);
	if (!egress || zone == DP_ZONE_NONE)
		return DP_LOOK_NEW;
	if (egress->zone != zone) /* a translation belongs to the zone that it was made for */
		return ctx->view.link & DP_FLOW_REWRITE ? DP_LOOK_NEW : DP_LOOK_MOVED;
	ctx->operation.next_hop = query->next_hop;
	return DP_NONE;
}

/* A packet that came in by another port than its half's packets do, where ports are strict about sources: does its source
 * lead there, too, as that of a packet that begins a flow has to (RFC 3704)? Several paths and changed routes lead here, and
 * strangers on a port of the same zone. ctx->operation.port: by which port the half's packets come in from now on. */
DP_VERB int dp_look_ingress(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	const struct dp_next_hop *hop;
	const struct dp_port *port;

	DP_LAUNDER(env);
	if (!ctx || !settings)
		return DP_INTERNAL;
	ctx->operation.port = ctx->view.port;
	port = dp_env_port(env, ctx->packet.ingress);
	if (!port || port->source_check != DP_SOURCE_CHECK_STRICT || ctx->view.port == ctx->packet.ingress)
		return DP_NONE;
	ctx->operation.port = ctx->packet.ingress;
	hop = dp_env_next_hop(env, ctx->view.next_hop);
	dp_route_query_reverse(settings, ctx, hop ? hop->port : 0, &ctx->back);
	dp_route_find(env, &ctx->back);
	return dp_source_valid(env, ctx);
}

/* Notes that port, so that packets which come in there are plain hits. What is refreshed takes it along. */
DP_INLINE void dp_look_moved(struct dp_env *env, struct dp_context *ctx)
{
	if (ctx->operation.port == ctx->view.port || ctx->view.stamp != ctx->stamp)
		return;
	ctx->operation.stamp = ctx->view.stamp;
	ctx->operation.next_hop = ctx->view.next_hop;
	ctx->operation.rule = dp_flow_rule(env, ctx->packet.family, &ctx->view);
	ctx->operation.kinds |= DP_OPERATION_REFRESH;
}

/* Stale stamp: looks the route up again and, when the generation changed, asks the rules again. The next hop of this very
 * packet is that of the operation, also when it is 0: then the next packet asks again. Inlined: route and rules are calls
 * beside each other, not in each other, because the stack of the stage `known` is short. */
DP_INLINE int dp_look_refresh(struct dp_env *env, struct dp_context *ctx)
{
	int reason = dp_reroute(env, ctx);

	if (reason)
		return reason;
	if ((ctx->view.stamp ^ ctx->stamp) >> 16) {
		reason = dp_rejudge(env, ctx);
		if (reason) {
			ctx->operation.kinds = DP_OPERATION_DELETE;
			return reason;
		}
		dp_move_place(ctx);
		ctx->operation.rule = ctx->match.rule;
	} else {
		/* its rule stays, and ctx->match names none: no rule was asked, so none counts this packet */
		ctx->operation.rule = dp_flow_rule(env, ctx->packet.family, &ctx->view);
	}
	ctx->operation.stamp = ctx->stamp;
	if (ctx->operation.next_hop)
		ctx->operation.kinds |= DP_OPERATION_REFRESH;
	return DP_NONE;
}

/* Where must a packet of this flow go, by this next hop? */
DP_INLINE int dp_flow_dispatch(struct dp_env *env, struct dp_context *ctx, __u32 next_hop)
{
	if (ctx->packet.ttl <= 1)
		return DP_STEER_TTL;
	if (ctx->side == DP_SIDE_KERNEL) {
		if ((ctx->view.link & DP_FLOW_HELD) && !dp_heartbeat_stale(dp_env_settings(env), ctx->now))
			return DP_STEER_HELD;
		if (ctx->view.link & DP_FLOW_USER)
			return DP_STEER_PLACE_USER;
	}
	return dp_next_hop_ready(env, ctx, next_hop);
}

/* Where does a packet go that travels along the flow of ctx->view, whether it is one of its packets or an ICMP error
 * about it? DP_LOOK_NEW: nowhere, the pair is over. DP_LOOK_MOVED: not along this pair. */
DP_INLINE int dp_look_along(struct dp_env *env, struct dp_context *ctx)
{
	__u32 next_hop = ctx->view.next_hop;
	int reason;

	if (ctx->view.stamp != ctx->stamp) {
		reason = dp_look_refresh(env, ctx);
		if (reason == DP_LOOK_NEW)
			ctx->operation.kinds = DP_OPERATION_DELETE;
		if (reason)
			return reason;
		next_hop = ctx->operation.next_hop;
	}
	return dp_flow_dispatch(env, ctx, next_hop);
}

/* ctx->view is the packet's entry. A reason, or DP_LOOK_NEW. */
DP_INLINE int dp_look_known(struct dp_env *env, struct dp_context *ctx)
{
	int reason;

	if (!ctx)
		return DP_INTERNAL;
	reason = dp_look_ingress(env, ctx);
	if (reason)
		return reason;
	reason = dp_look_along(env, ctx);
	if (reason == DP_LOOK_MOVED) {
		ctx->move = DP_MOVE_ALONG;
		return DP_LOOK_NEW;
	}
	if (reason == DP_LOOK_NEW || !dp_sends(ctx, reason))
		return reason;
	if (dp_track(env, ctx) == DP_TRACK_ANEW) {
		ctx->operation.kinds = DP_OPERATION_REPLACE;
		return DP_LOOK_NEW;
	}
	dp_look_moved(env, ctx);
	return reason;
}

#endif
