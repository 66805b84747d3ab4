/* stages.h - the decision of decide.h in stages: one verb each, one BPF program each in the kernel.
 *
 * Input    `known` is the first: ctx->packet is parsed; now, side are set; attempt is 0; searched says what the caller has
 *          found out already.
 * Result   each returns the stage that follows (model/stage.h). DP_STAGE_SEND: ctx->reason is decided. Its budget,
 *          ctx->operation.budget, is still to be paid (dp_commit_budget): before that, the datapath asks what only it knows.
 * Why      each program has the whole stack of 512 bytes, and the verifier walks them one by one.
 */
#ifndef DP_DECIDE_STAGES_H
#define DP_DECIDE_STAGES_H

#include "commit.h"
#include "../model/stage.h"

DP_INLINE int dp_decided(struct dp_context *ctx, int reason)
{
	ctx->reason = (__u8)reason;
	ctx->operation.budget = dp_budget_of(ctx, reason);
	return DP_STAGE_SEND;
}

/* The border, and packets of live flows: where they go, and what they change. */
DP_INLINE int dp_stage_known(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	DP_LAUNDER(env);
	if (!ctx)
		return DP_STAGE_SEND;
	if (!settings)
		return dp_decided(ctx, DP_INTERNAL);
	dp_look_begin(settings, ctx);
	reason = dp_border(env, ctx);
	if (!reason)
		reason = dp_look_flow(env, ctx);
	if (reason == DP_LOOK_NEW)
		return DP_STAGE_NEW; /* what ctx->operation deletes by now is deleted when the new pair is installed */
	if (ctx->operation.kinds)
		dp_commit_pair(env, ctx);
	return dp_decided(ctx, reason);
}

/* Packets that begin a flow, and the host's. */
DP_INLINE int dp_stage_new(struct dp_env *env, struct dp_context *ctx)
{
	DP_LAUNDER(env);
	if (!ctx)
		return DP_STAGE_SEND;
	dp_decided(ctx, dp_look_new(env, ctx));
	return ctx->operation.kinds & (DP_OPERATION_DELETE | DP_OPERATION_INSTALL) ? DP_STAGE_INSTALL : DP_STAGE_SEND;
}

/* Carries the operation out. A loser's second look finds the winner's pair, or a winner that has yet to go live and waits
 * for it; the look behind a move finds the pair that was moved. */
DP_INLINE int dp_stage_install(struct dp_env *env, struct dp_context *ctx)
{
	int reason;

	DP_LAUNDER(env);
	if (!ctx)
		return DP_STAGE_SEND;
	reason = dp_commit_flow(env, ctx, ctx->reason);
	if (reason == ctx->reason)
		return DP_STAGE_SEND;
	if (reason != DP_LOOK_AGAIN)
		return dp_decided(ctx, reason);
	ctx->searched = DP_SEARCHED_NOT;
	if (++ctx->attempt < DP_DECIDE_LOOKS)
		return DP_STAGE_KNOWN;
	return dp_decided(ctx, DP_TABLE_FULL);
}

/* Runs one of the three. */
DP_INLINE int dp_stage_run(struct dp_env *env, struct dp_context *ctx, int stage)
{
	switch (stage) {
	case DP_STAGE_KNOWN:
		return dp_stage_known(env, ctx);
	case DP_STAGE_NEW:
		return dp_stage_new(env, ctx);
	case DP_STAGE_INSTALL:
		return dp_stage_install(env, ctx);
	default:
		return DP_STAGE_SEND;
	}
}

#endif
