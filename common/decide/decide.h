/* decide.h - the whole decision on one packet, for both datapaths: everything that is not a plain hit.
 *
 * The kernel and the engine call dp_decide with the same facts and tables and get the same answer; the side only says
 * what the caller can finish. The kernel installs a pair when it can send the packet by itself, the engine also when
 * the packet must wait or visit it.
 *
 * Result   DP_NONE: forward with ctx->view and ctx->next_hop, then count it.
 *          STEER_*: kernel: to the engine. Engine: `ctx->known` says whether ctx->view is a flow's half; reasons that
 *          dp_engine_sends() names are the engine's to send, the others its to answer (ICMP, reset) or to drop.
 *          PASS_* and drops: as they say.
 */
#ifndef DP_DECIDE_H
#define DP_DECIDE_H

#include "border.h"
#include "../flow/notes.h"

/* Internal answer of the steps below: look the flow up again. Never leaves dp_decide. */
enum { DP_LOOK_AGAIN = DP_REASONS };
enum { DP_DECIDE_LOOKS = 3 };

/* Steer reasons under which the packet belongs to a flow that is allowed: the engine sends it, now or later. */
DP_INLINE int dp_engine_forwards(int reason)
{
	return reason == DP_NONE || reason == DP_STEER_PLACE_USER || reason == DP_STEER_NEIGHBOUR ||
	       reason == DP_STEER_HELD || reason == DP_STEER_EGRESS_SOCKET || reason == DP_STEER_CHECKSUM;
}

/* The same, of one packet: what is too big and may be cut, the engine cuts and sends. */
DP_INLINE int dp_engine_sends(const struct dp_packet *packet, int reason)
{
	return dp_engine_forwards(reason) || (reason == DP_STEER_TOO_BIG && dp_may_fragment(packet));
}

/* --- flows that are there already ---------------------------------------------------------------------------- */

/* The packet as it would look in the original direction: what rules speak about. */
DP_INLINE void dp_original_direction(struct dp_env *env, const struct dp_context *ctx, struct dp_packet *packet)
{
	*packet = ctx->packet;
	if (dp_track_is_forward(ctx))
		return;
	packet->source = ctx->view.new_destination;
	packet->destination = ctx->view.new_source;
	packet->source_port = ctx->view.new_destination_port;
	packet->destination_port = ctx->view.new_source_port;
	packet->zone = dp_flow_partner_zone(env, ctx->packet.family, &ctx->view);
	packet->icmp_type = (__u8)(dp_ntohs(packet->destination_port) >> 8);
}

/* Do the rules in force still allow this flow? Fills ctx->match. `to_zone`: of the original direction. */
DP_VERB int dp_rejudge(struct dp_env *env, struct dp_context *ctx, __u32 to_zone)
{
	struct dp_packet original;

	if (!ctx)
		return DP_INTERNAL;
	dp_original_direction(env, ctx, &original);
	dp_classify(env, ctx->bank, &original, (__u8)to_zone, &ctx->match);
	if (ctx->match.action == DP_ACTION_ALLOW)
		return DP_NONE;
	return ctx->match.rule ? DP_RULE : DP_ZONE_DEFAULT;
}

/* A flow whose rule moved it between the datapaths. */
DP_INLINE void dp_move_place(struct dp_env *env, struct dp_context *ctx)
{
	__u32 user = ctx->match.place == DP_PLACE_USER ? DP_FLOW_USER : 0;

	if ((ctx->view.link & DP_FLOW_USER) == user)
		return;
	dp_track_flag(env, ctx, user, user ^ DP_FLOW_USER);
	dp_track_partner_flag(env, ctx, user, user ^ DP_FLOW_USER);
	ctx->view.link = (ctx->view.link & ~(__u32)DP_FLOW_USER) | user;
}

/* Stale stamp: look the route up again and, when the generation changed, ask the rules again. */
DP_VERB int dp_refresh(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	const struct dp_port *egress;
	struct dp_route_query query;
	__u8 far_zone;
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	dp_route_query_forward(settings, ctx, &query);
	query.address = ctx->view.new_destination;
	dp_route_find(env, &query);
	reason = dp_route_forwards(query.kind);
	if (reason)
		return reason;
	egress = dp_env_port(env, query.port);
	far_zone = dp_flow_partner_zone(env, ctx->packet.family, &ctx->view);
	if (!egress || egress->zone != far_zone) {
		/* now leads into another zone: the pair's keys and rule speak of the old one */
		dp_flow_delete(env, ctx->packet.family, &ctx->view);
		return DP_LOOK_AGAIN;
	}
	ctx->match.rule = ctx->view.rule;
	if ((ctx->view.stamp ^ ctx->stamp) >> 16) {
		reason = dp_rejudge(env, ctx, dp_track_is_forward(ctx) ? far_zone : ctx->packet.zone);
		if (reason) {
			dp_flow_delete(env, ctx->packet.family, &ctx->view);
			return reason;
		}
		dp_move_place(env, ctx);
	}
	if (query.next_hop)
		dp_flow_restamp(env, ctx->packet.family, &ctx->view, ctx->stamp, query.next_hop,
				ctx->match.rule);
	ctx->view.next_hop = query.next_hop; /* this very packet goes the new query */
	return DP_NONE;
}

/* Where must a packet of this flow go? Without changing anything. */
DP_INLINE int dp_flow_dispatch(struct dp_env *env, struct dp_context *ctx)
{
	if (ctx->packet.ttl <= 1)
		return DP_STEER_TTL;
	if (ctx->side == DP_SIDE_KERNEL) {
		if ((ctx->view.link & DP_FLOW_HELD) && !dp_heartbeat_stale(dp_env_settings(env), ctx->now))
			return DP_STEER_HELD;
		if (ctx->view.link & DP_FLOW_USER)
			return DP_STEER_PLACE_USER;
	}
	return dp_next_hop_ready(env, ctx, ctx->view.next_hop);
}

DP_INLINE int dp_continue(struct dp_env *env, struct dp_context *ctx)
{
	int reason;

	if (ctx->view.stamp != ctx->stamp) {
		reason = dp_refresh(env, ctx);
		if (reason)
			return reason;
	}
	reason = dp_flow_dispatch(env, ctx);
	if (reason && (ctx->side == DP_SIDE_KERNEL || !dp_engine_sends(&ctx->packet, reason)))
		return reason;
	/* whoever sends the packet tracks it */
	if (dp_track(env, ctx) == DP_TRACK_ANEW) {
		dp_flow_delete(env, ctx->packet.family, &ctx->view);
		return DP_LOOK_AGAIN;
	}
	return reason;
}

/* --- flows that begin ---------------------------------------------------------------------------------------- */

DP_VERB int dp_install_pair(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	struct dp_install install;
	int result;

	if (!ctx || !settings)
		return DP_INTERNAL;
	if (ctx->side == DP_SIDE_ENGINE)
		ctx->forward.flags |= DP_FLOW_ENGINE | DP_FLOW_HELD;
	install.now = ctx->now;
	install.family = ctx->packet.family;
	install.evict = 1;
	install.evict_expired = settings->evict_expired || dp_heartbeat_stale(settings, ctx->now);
	install.crowded = settings->crowded & (ctx->packet.family == DP_FAMILY_V4 ? DP_CROWDED_V4 : DP_CROWDED_V6)
				  ? 1
				  : 0;
	install.slot = 0;
	install.control = 0;
	result = dp_flow_install(env, &ctx->forward, &ctx->reverse, &install);
	if (result == DP_INSTALL_FULL)
		return DP_TABLE_FULL;
	if (result != DP_INSTALL_OK)
		return DP_LOOK_AGAIN; /* another CPU or the engine was faster: its pair is as good */
	ctx->known = (__u8)dp_flow_view_slot(env, ctx->packet.family, install.slot, install.control, &ctx->view);
	return ctx->known ? (int)DP_NONE : (int)DP_LOOK_AGAIN;
}

DP_INLINE int dp_may_install(const struct dp_context *ctx, int reason)
{
	if (ctx->side == DP_SIDE_KERNEL)
		return reason == DP_NONE || reason == DP_STEER_EGRESS_SOCKET;
	return dp_engine_sends(&ctx->packet, reason);
}

/* Unicast IP to us that is no packet of a live flow. */
DP_INLINE int dp_begin(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	struct dp_route_query there;
	int reason, installed;

	if (!settings)
		return DP_INTERNAL;
	dp_route_query_forward(settings, ctx, &there);
	if (dp_martian_source(ctx->packet.family, &ctx->packet.source))
		return DP_MARTIAN_SOURCE;
	/* before the route: to Linux, 127.0.0.0/8 and ::1 are the host's own, and services listen there */
	if (dp_martian_destination(ctx->packet.family, &ctx->packet.destination))
		return DP_MARTIAN_DESTINATION;
	if (dp_route_find(env, &there) == DP_ROUTE_LOCAL)
		return dp_to_host(env, ctx);
	if (dp_address_multicast(ctx->packet.family, &ctx->packet.destination))
		return DP_MULTICAST_NOT_ROUTED;
	if (dp_address_link_local(ctx->packet.family, &ctx->packet.source))
		return DP_MARTIAN_SOURCE;
	if (ctx->packet.flags & DP_PACKET_FRAGMENT)
		return DP_STEER_FRAGMENT;
	if (ctx->packet.flags & DP_PACKET_ICMP_ERROR)
		return DP_STEER_ICMP_ERROR;
	reason = dp_judge(env, ctx, &there);
	if (!dp_may_install(ctx, reason))
		return reason;
	installed = dp_install_pair(env, ctx);
	return installed ? installed : reason;
}

/* --- together ------------------------------------------------------------------------------------------------ */

/* ctx->packet is parsed; now, side are set. Fills the rest. */
DP_INLINE int dp_decide(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason, attempt;

	if (!settings)
		return DP_INTERNAL;
	ctx->stamp = DP_LOAD(&settings->stamp);
	ctx->bank = DP_LOAD(&settings->bank) & 1;
	ctx->known = 0;
	ctx->to_host = 0;
	ctx->next_hop = 0;
	ctx->match.rule = 0;
	ctx->match.flags = 0;
	reason = dp_border(env, ctx);
	if (reason)
		return reason;
	if (ctx->packet.flags & (DP_PACKET_FRAGMENT | DP_PACKET_ICMP_ERROR))
		return dp_begin(env, ctx);
	/* a loser's second look finds the winner's pair, or meets a winner that has yet to go live and waits for it */
	for (attempt = 0; attempt < DP_DECIDE_LOOKS; attempt++) {
		ctx->known = (__u8)dp_flow_find(env, &ctx->packet, &ctx->view);
		if (ctx->known) {
			reason = dp_continue(env, ctx);
			if (reason != DP_LOOK_AGAIN)
				return reason;
			ctx->known = 0;
		}
		reason = dp_begin(env, ctx);
		if (reason != DP_LOOK_AGAIN)
			return reason;
	}
	return DP_TABLE_FULL;
}

#endif
