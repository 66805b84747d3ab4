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

/* What the FINs of both directions lack: flags that the packet's entry and its partner get. When both have sent one, each
 * acknowledgement is looked at. */
DP_INLINE void dp_commit_fin_flags(struct dp_env *env, const struct dp_context *ctx, const struct dp_flow_said *said)
{
	const struct dp_flow_view *view = &ctx->view;
	__u32 own = DP_FLOW_FINS, partner = DP_FLOW_FINS;

	if (said->note == dp_ntohl(said->partner_acked))
		own |= DP_FLOW_DONE;
	if (said->partner_note == dp_ntohl(said->acked))
		partner |= DP_FLOW_DONE;
	if (own & ~said->link)
		dp_flow_change_flags(env, ctx->packet.family, view->slot, view->control, own, 0);
	if (partner & ~said->partner_link)
		dp_flow_change_flags(env, ctx->packet.family, view->partner,
				     view->link & DP_FLOW_VERSION_MASK, partner, 0);
}

/* FINs of both directions, each acknowledged by the other one, close the pair: the state it goes to. Asked behind the writes
 * of this packet, with a full barrier in between: of two last packets at one moment, one sees what the other has written. */
DP_VERB int dp_commit_fins(struct dp_env *env, const struct dp_context *ctx)
{
	const struct dp_packet *packet;
	const struct dp_flow_view *view;
	struct dp_flow_said said;

	DP_LAUNDER(env);
	if (!ctx)
		return 0;
	packet = &ctx->packet;
	view = &ctx->view;
	if (dp_packet_acknowledges(packet))
		dp_flow_exchange_acked(env, packet->family, view->slot, packet->tcp_acknowledgement);
	if (!dp_flow_said(env, packet->family, view, &said) || !(said.partner_link & DP_FLOW_FIN))
		return ctx->operation.state;
	dp_commit_fin_flags(env, ctx, &said);
	if (!dp_flow_said(env, packet->family, view, &said) || !(said.link & said.partner_link & DP_FLOW_DONE))
		return ctx->operation.state;
	return DP_FLOW_CLOSING;
}

/* Numbers of the cold elements, before the flags that say what they are. */
DP_INLINE void dp_commit_numbers(struct dp_env *env, const struct dp_context *ctx)
{
	const struct dp_operation *operation = &ctx->operation;
	const struct dp_flow_view *view = &ctx->view;
	__u32 theirs = dp_ntohl(ctx->packet.tcp_acknowledgement);

	if (operation->numbers == DP_NUMBERS_KEEP)
		return;
	dp_flow_store_numbers(env, ctx->packet.family, view->slot, view->control, operation->first,
			      operation->note);
	if (operation->numbers == DP_NUMBERS_ANEW)
		dp_flow_store_numbers(env, ctx->packet.family, view->partner, view->link, theirs, theirs);
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
	dp_commit_numbers(env, ctx);
	dp_commit_flags(env, ctx);
	state = ctx->operation.state;
	if (state != DP_FLOW_CLOSING &&
	    (((ctx->view.link & ~ctx->operation.own_clear) | ctx->operation.own_set) & DP_FLOW_FIN))
		state = (__u32)dp_commit_fins(env, ctx);
	if (state)
		dp_flow_set_state(env, ctx->packet.family, &ctx->view, state);
	ctx->view.link = (ctx->view.link & ~ctx->operation.own_clear) | ctx->operation.own_set;
	return 1;
}

DP_VERB int dp_commit_refresh(struct dp_env *env, const struct dp_context *ctx)
{
	DP_LAUNDER(env);
	if (!ctx)
		return 0;
	return dp_flow_restamp(env, ctx->packet.family, &ctx->view, ctx->operation.stamp,
			       ctx->operation.next_hop, ctx->operation.port, ctx->operation.rule);
}

/* Counts a packet whose fate is final for the rule that has decided it, unless its flow counts it: a rule that allows what
 * is forwarded has flows. A steered packet's fate is the engine's to count. */
DP_INLINE void dp_count_outcome(struct dp_env *env, const struct dp_context *ctx, int reason)
{
	enum dp_verdict verdict = dp_reason_verdict((enum dp_reason)reason);

	if (ctx->side == DP_SIDE_KERNEL && verdict == DP_STEER)
		return;
	if (ctx->match.rule && (ctx->match.action != DP_ACTION_ALLOW || verdict == DP_PASS))
		dp_env_count_rule(env, ctx->match.rule, 1, ctx->packet.frame_bytes, 0);
}

/* ctx->view is the packet's entry of the pair that was installed. Called, not inlined: the installation needs the stack. */
DP_VERB int dp_commit_view(struct dp_context *ctx)
{
	if (!ctx)
		return 0;
	if (ctx->answers)
		dp_flow_view_installed(&ctx->reverse, &ctx->install, 1, &ctx->view);
	else
		dp_flow_view_installed(&ctx->forward, &ctx->install, 0, &ctx->view);
	ctx->known = 1;
	return 1;
}

/* What the installation is asked for. A pair whose first packet is in the engine lets none of its direction overtake it. */
DP_VERB int dp_commit_ask(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	struct dp_install *install;
	__u8 crowded;

	DP_LAUNDER(env);
	if (!ctx || !settings)
		return 0;
	install = &ctx->install;
	crowded = ctx->packet.family == DP_FAMILY_V4 ? DP_CROWDED_V4 : DP_CROWDED_V6;
	if (ctx->side == DP_SIDE_ENGINE) {
		ctx->forward.flags |= DP_FLOW_ENGINE;
		if (ctx->answers)
			ctx->reverse.flags |= DP_FLOW_HELD;
		else
			ctx->forward.flags |= DP_FLOW_HELD;
	}
	install->now = ctx->now;
	install->family = ctx->packet.family;
	install->evict = 1;
	install->crowded = (settings->crowded & crowded) != 0;
	install->evict_expired = install->crowded || dp_heartbeat_stale(settings, ctx->now);
	install->slot = 0;
	install->control = 0;
	return 1;
}

/* DP_NONE: the pair is there, and ctx->view is the packet's entry. */
DP_INLINE int dp_commit_install(struct dp_env *env, struct dp_context *ctx)
{
	int result;

	dp_commit_ask(env, ctx);
	result = dp_flow_install(env, &ctx->forward, &ctx->reverse, &ctx->install);
	if (result == DP_INSTALL_FULL)
		return DP_TABLE_FULL;
	if (result != DP_INSTALL_OK)
		return DP_LOOK_AGAIN; /* another CPU or the engine was faster: its pair is as good */
	dp_commit_view(ctx);
	dp_env_count_rule(env, ctx->forward.rule, 0, 0, 1);
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
	int deleted = 1, failed;

	if (ctx->operation.kinds & DP_OPERATION_DELETE)
		deleted = dp_flow_delete(env, ctx->packet.family, &ctx->view);
	if (!deleted && (ctx->operation.kinds & DP_OPERATION_MOVE))
		return DP_LOOK_AGAIN; /* another writer moved it */
	if (!(ctx->operation.kinds & DP_OPERATION_INSTALL))
		return reason;
	failed = dp_commit_install(env, ctx);
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
