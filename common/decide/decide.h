/* decide.h - the whole decision on one packet, for both datapaths: everything that is not a plain hit.
 *
 * Order    of the questions; the first that refuses names the reason.
 *
 *          | question                                       | asked by                 |
 *          |------------------------------------------------|--------------------------|
 *          | can the frame be read?                         | the caller (parse/)      |
 *          | is it the link's, or for us?                   | dp_border                |
 *          | which live flow does it belong to? A fragment: | dp_look_flow; of a live  |
 *          |   its datagram's; an ICMP error: the quoted    |   flow: dp_look_known    |
 *          | can such addresses be?                         | dp_look_addresses        |
 *          | destination translation                        | dp_translate_destination |
 *          | where is the destination?                      | dp_route_find            |
 *          | the host's, or to be forwarded?                | dp_to_host, or           |
 *          |                                                |   dp_look_forward:       |
 *          | does the source fit the port?                  | dp_source_valid          |
 *          | may it pass? route, TTL, TCP's SYN, rules      | dp_judge                 |
 *          | source translation                             | dp_translate_source      |
 *          | can the next hop take it now?                  | dp_next_hop_ready        |
 *
 *          A fragment or an ICMP error to an own address that no translation claims (dp_address_claimed) is the host's.
 * Parts    look.h reads the tables and says what the packet changes; commit.h changes it.
 * Stages   stages.h splits the two into stages, each a program of the kernel datapath; dp_decide runs them all in a loop.
 * Sides    The kernel and the engine ask with the same facts and tables and get the same answer; the side only says what
 *          the caller can finish (sender.h). The kernel installs a pair when it can send the packet by itself, the engine
 *          also when the packet must wait or visit it.
 * Result   DP_NONE: forward with ctx->view and ctx->next_hop, then count it.
 *          STEER_*: kernel: to the engine. Engine: `ctx->known` says whether ctx->view is a flow's half; reasons that
 *          dp_engine_sends() names are the engine's to send, the others its to answer (ICMP, reset) or to drop.
 *          PASS_* and drops: as they say.
 */
#ifndef DP_DECIDE_H
#define DP_DECIDE_H

#include "stages.h"

/* ctx->packet is parsed; now, side are set. Fills the rest. */
DP_INLINE int dp_decide(struct dp_env *env, struct dp_context *ctx)
{
	int stage = DP_STAGE_KNOWN;

	ctx->attempt = 0;
	ctx->searched = DP_SEARCHED_NOT;
	while (stage != DP_STAGE_SEND)
		stage = dp_stage_run(env, ctx, stage);
	return dp_commit_budget(env, ctx, ctx->reason);
}

#endif
