/* commit.h - carries out what a look found: the only writer of the flow tables and of budgets on behalf of a packet.
 *
 * Race     Everything a look read may have changed by now. An operation on a pair that is gone changes nothing; an
 *          installation that another CPU or the engine was faster with answers DP_LOOK_AGAIN; so does a pair that was moved,
 *          and the packet is looked at along the pair that was installed.
 */
#ifndef DP_COMMIT_H
#define DP_COMMIT_H

#include "../flow/notes.h"
#include "look.h"

/* Answer of a commit beside reasons: look the flow up again. */
enum { DP_LOOK_AGAIN = DP_LOOK_NEW + 1 };

/* The state that the pair goes to: FINs of both directions close it. Asked when the own FIN has been written. */
DP_INLINE __u32 dp_commit_next_state(struct dp_env *env, const struct dp_context *ctx)
{
	__u32 partner = 0;

	if ((ctx->operation.own_set & DP_FLOW_FIN) &&
	    dp_flow_partner_link(env, ctx->packet.family, &ctx->view, &partner) && (partner & DP_FLOW_FIN))
		return DP_FLOW_CLOSING;
	return ctx->operation.state;
}

DP_INLINE void dp_commit_flags(struct dp_env *env, const struct dp_context *ctx)
{
	const struct dp_operation *operation = &ctx->operation;
	const struct dp_flow_view *view = &ctx->view;

	if (operation->own_set | operation->own_clear)
		dp_flow_change_flags(env, ctx->packet.family, view->slot, view->control,
				     operation->own_set, operation->own_clear);
	/* the partner's version is in the view's link */
	if (operation->partner_set | operation->partner_clear)
		dp_flow_change_flags(env, ctx->packet.family, view->partner, view->link & DP_FLOW_VERSION_MASK,
				     operation->partner_set, operation->partner_clear);
}

DP_VERB int dp_commit_track(struct dp_env *env, struct dp_context *ctx)
{
	__u32 state;

	DP_LAUNDER(env);
	if (!ctx)
		return 0;
	if (ctx->operation.sequence == DP_SEQUENCE_STORE)
		dp_flow_store_sequence(env, ctx->packet.family, &ctx->view, ctx->operation.sequence_number);
	dp_commit_flags(env, ctx);
	state = dp_commit_next_state(env, ctx);
	if (state)
		dp_flow_set_state(env, ctx->packet.family, &ctx->view, state);
	ctx->view.link = (ctx->view.link & ~ctx->operation.own_clear) | ctx->operation.own_set;
	return 1;
}

DP_INLINE void dp_commit_refresh(struct dp_env *env, const struct dp_context *ctx)
{
	dp_flow_restamp(env, ctx->packet.family, &ctx->view, ctx->operation.stamp,
			ctx->operation.next_hop, ctx->operation.rule);
}

/* DP_NONE: the pair is there, and ctx->view is its forward entry. */
DP_INLINE int dp_commit_install(struct dp_env *env, const struct dp_settings *settings, struct dp_context *ctx)
{
	__u8 crowded = ctx->packet.family == DP_FAMILY_V4 ? DP_CROWDED_V4 : DP_CROWDED_V6;
	struct dp_install *install = &ctx->install;
	int result;

	if (ctx->side == DP_SIDE_ENGINE)
		ctx->forward.flags |= DP_FLOW_ENGINE | DP_FLOW_HELD;
	install->now = ctx->now;
	install->family = ctx->packet.family;
	install->evict = 1;
	install->evict_expired = settings->evict_expired || dp_heartbeat_stale(settings, ctx->now);
	install->crowded = (settings->crowded & crowded) != 0;
	install->slot = 0;
	install->control = 0;
	result = dp_flow_install(env, &ctx->forward, &ctx->reverse, install);
	if (result == DP_INSTALL_FULL)
		return DP_TABLE_FULL;
	if (result != DP_INSTALL_OK)
		return DP_LOOK_AGAIN; /* another CPU or the engine was faster: its pair is as good */
	dp_flow_view_installed(&ctx->forward, install, &ctx->view);
	ctx->known = 1;
	return DP_NONE;
}

/* What the packet does to the pair of ctx->view. 0: it was to be deleted, and another writer was faster. */
DP_INLINE int dp_commit_pair(struct dp_env *env, struct dp_context *ctx)
{
	int done = 1;

	if (ctx->operation.kinds & DP_OPERATION_DELETE)
		done = dp_flow_delete(env, ctx->packet.family, &ctx->view);
	if (ctx->operation.kinds & DP_OPERATION_REFRESH)
		dp_commit_refresh(env, ctx);
	if (ctx->operation.kinds & DP_OPERATION_TRACK)
		dp_commit_track(env, ctx);
	return done;
}

/* The flow tables' part of the operation: `reason`, or why it cannot be that. Not for an operation on a pair alone that a
 * stage has carried out. */
DP_INLINE int dp_commit_flow(struct dp_env *env, struct dp_context *ctx, int reason)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int failed;

	if (!settings)
		return DP_INTERNAL;
	if (!dp_commit_pair(env, ctx) && (ctx->operation.kinds & DP_OPERATION_MOVE))
		return DP_LOOK_AGAIN; /* another writer moved it */
	if (!(ctx->operation.kinds & DP_OPERATION_INSTALL))
		return reason;
	failed = dp_commit_install(env, settings, ctx);
	if (failed || !(ctx->operation.kinds & DP_OPERATION_MOVE))
		return failed ? failed : reason;
	/* between the deletion and this moment packets of the pair found no flow */
	if (ctx->operation.state > DP_FLOW_HALF_OPEN)
		dp_flow_set_state(env, ctx->packet.family, &ctx->view, ctx->operation.state);
	return DP_LOOK_AGAIN;
}

/* Pays for the packet: `reason`, or that the budget is used up. */
DP_INLINE int dp_commit_budget(struct dp_env *env, const struct dp_context *ctx, int reason)
{
	if (ctx->operation.budget == DP_BUDGET_NONE ||
	    dp_budget_take(env, ctx->operation.budget, ctx->packet.ingress, ctx->now))
		return reason;
	return dp_reason_verdict((enum dp_reason)reason) == DP_PASS ? DP_HOST_BUDGET : DP_STEER_BUDGET;
}

#endif
