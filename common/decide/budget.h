/* budget.h - which budget of the running second a packet is taken from, and whether anything is left there.
 *
 * Shares   Each port has a share of each budget for itself; the rest is for whichever comes first. So a flood from one
 *          port leaves the others their shares, and all ports together never take more than the budget.
 * Races    Two CPUs, or the kernel and the engine, may both start a new second: the count is then a little low, which a
 *          budget can bear.
 * None     forwarded and dropped packets, and what the operator or the device sends to the engine: place: user, an egress
 *          without redirect, a checksum.
 * Engine   takes nothing for what was steered to it: the kernel has paid.
 */
#ifndef DP_BUDGET_H
#define DP_BUDGET_H

#include "../model/context.h"
#include "judge.h"

/* What is to be fragmented is work like fragments, and must not use up the budget of errors. */
DP_INLINE __u8 dp_steer_budget(const struct dp_packet *packet, int reason)
{
	if (reason == DP_STEER_TOO_BIG && dp_may_fragment(packet))
		return DP_BUDGET_FRAGMENT;
	switch (reason) {
	case DP_STEER_FRAGMENT:
		return DP_BUDGET_FRAGMENT;
	case DP_STEER_TTL:
		return DP_BUDGET_TTL;
	case DP_STEER_ICMP_ERROR:
	case DP_STEER_TOO_BIG:
	case DP_STEER_REJECT:
	case DP_STEER_UNREACHABLE:
		return DP_BUDGET_ICMP_ERROR;
	case DP_STEER_NEIGHBOUR:
		return DP_BUDGET_NEIGHBOUR;
	case DP_STEER_HELD:
		return DP_BUDGET_HELD;
	default:
		return DP_BUDGET_NONE;
	}
}

DP_INLINE __u8 dp_budget_of(const struct dp_context *ctx, int reason)
{
	switch (dp_reason_verdict((enum dp_reason)reason)) {
	case DP_PASS:
		return reason == DP_PASS_LINK ? DP_BUDGET_LINK : DP_BUDGET_HOST;
	case DP_STEER:
		return ctx->side == DP_SIDE_KERNEL ? dp_steer_budget(&ctx->packet, reason) : (__u8)DP_BUDGET_NONE;
	default:
		return DP_BUDGET_NONE;
	}
}

/* Counts a packet in its second: how many came before it. The engine's clock may be a little behind the kernel's: a window
 * that began less than a second ahead is the running one. */
DP_INLINE __u32 dp_budget_count(struct dp_budget_window *window, __u32 ticks_per_second, __u32 now)
{
	__u32 start = DP_LOAD(&window->second);

	if (now - start + ticks_per_second >= 2 * ticks_per_second &&
	    DP_COMPARE_SWAP(&window->second, start, now) == start)
		DP_STORE_RELEASE(&window->used, 0);
	return DP_FETCH_ADD(&window->used, 1);
}

/* Takes one packet that came in by `port`; 0: the budget is used up. */
DP_INLINE int dp_budget_take(struct dp_env *env, __u32 kind, __u32 port, __u32 now)
{
	const struct dp_settings *limits = dp_env_settings(env);
	struct dp_budget_window *window;

	if (!limits || kind >= DP_BUDGETS || !port)
		return 0;
	window = dp_env_budget_window(env, kind, port);
	if (window && dp_budget_count(window, limits->ticks_per_second, now) < limits->budget_share[kind & 7])
		return 1;
	window = dp_env_budget_window(env, kind, 0);
	/* masked: the verifier forgets the check above */
	return window && dp_budget_count(window, limits->ticks_per_second, now) < limits->budget[kind & 7];
}

#endif
