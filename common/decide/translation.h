/* translation.h - where NAT and published services stand in the order of a decision (decide.h). Nothing is translated yet:
 * all three answer "no".
 */
#ifndef DP_TRANSLATION_H
#define DP_TRANSLATION_H

#include "../env.h"
#include "../model/context.h"

/* Is the packet's destination, one of the host's own addresses, also the address of flows: of a NAT pool, or published
 * with the packet's protocol? Then its fragments and the ICMP errors to it are looked up as parts of flows before they are
 * the host's. */
DP_INLINE int dp_address_claimed(struct dp_env *env, const struct dp_context *ctx)
{
	(void)env;
	(void)ctx;
	return 0;
}

/* Before the route: a service or a published port may choose another destination for a packet that begins a flow.
 * DP_NONE: go on, with the destination the flow is to have; otherwise the reason against the packet. */
DP_INLINE int dp_translate_destination(struct dp_env *env, struct dp_context *ctx)
{
	(void)env;
	(void)ctx;
	return DP_NONE;
}

/* Behind the rules, which speak of addresses before translation: source and source port of a flow that leaves by `egress`,
 * in ctx->forward; the reverse half is made from it. DP_NONE, or the reason against the packet. */
DP_INLINE int dp_translate_source(struct dp_env *env, struct dp_context *ctx, const struct dp_port *egress)
{
	(void)env;
	(void)ctx;
	(void)egress;
	return DP_NONE;
}

#endif
