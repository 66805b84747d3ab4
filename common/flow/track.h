/* track.h - what a packet of a live flow does to the flow's state.
 *
 * Writes   nothing: what the packet changes is noted in ctx->operation (model/operation.h), and a commit carries it out.
 * Source   docs/flow-table.md, "A RST"; RFC 9293 for TCP. No window is tracked: a RST only shortens the timeout, and later
 *          packets of both directions restore the flow, so a blind RST ends nobody's flow, in the handshake neither. A SYN
 *          on a closing flow starts a new one, as in nf_conntrack.
 */
#ifndef DP_TRACK_H
#define DP_TRACK_H

#include "../wire/ipv4.h"
#include "../wire/tcp.h"
#include "../model/context.h"
#include "notes.h"

/* What dp_track says of the packet. */
enum dp_track_result {
	DP_TRACK_GO_ON = 0,
	DP_TRACK_ANEW = 1, /* the flow is over and this packet starts a new one */
};

DP_INLINE void dp_track_own(struct dp_context *ctx, __u32 set, __u32 clear)
{
	ctx->operation.kinds |= DP_OPERATION_TRACK;
	ctx->operation.own_set |= set;
	ctx->operation.own_clear |= clear;
}

DP_INLINE void dp_track_partner(struct dp_context *ctx, __u32 set, __u32 clear)
{
	ctx->operation.kinds |= DP_OPERATION_TRACK;
	ctx->operation.partner_set |= set;
	ctx->operation.partner_clear |= clear;
}

DP_INLINE void dp_track_move(struct dp_context *ctx, __u32 state)
{
	ctx->operation.kinds |= DP_OPERATION_TRACK;
	ctx->operation.state = (__u8)state;
}

DP_INLINE int dp_track_is_forward(const struct dp_context *ctx)
{
	return (ctx->view.link & DP_FLOW_FORWARD) != 0;
}

DP_INLINE __u32 dp_track_state(const struct dp_context *ctx)
{
	return ctx->view.control & DP_FLOW_STATE_MASK;
}

/* The originator has proved to be there. A pair that a RST has closed stays so until both have contradicted it. */
DP_INLINE void dp_track_assure(struct dp_context *ctx)
{
	if (dp_track_state(ctx) == DP_FLOW_HALF_OPEN)
		dp_track_move(ctx, DP_FLOW_ASSURED);
	dp_track_own(ctx, DP_FLOW_PROVEN, 0);
	ctx->operation.sequence = DP_SEQUENCE_FORGET;
}

/* Half-open, not TCP with a handshake: an answer, then another packet of the originator. ICMP never. */
DP_INLINE void dp_track_exchange(struct dp_context *ctx)
{
	if (!dp_track_is_forward(ctx))
		dp_track_partner(ctx, DP_FLOW_ANSWERED, 0);
	else if ((ctx->view.link & DP_FLOW_ANSWERED) && ctx->packet.protocol != DP_PROTOCOL_ICMP &&
		 ctx->packet.protocol != DP_PROTOCOL_ICMPV6)
		dp_track_assure(ctx);
}

/* A SYN-ACK names the responder's first sequence number. A repeated one replaces it. */
DP_INLINE void dp_track_answer(struct dp_context *ctx)
{
	const struct dp_packet *packet = &ctx->packet;

	if ((packet->tcp_flags & (DP_TCP_SYN | DP_TCP_ACK)) == (DP_TCP_SYN | DP_TCP_ACK)) {
		ctx->operation.sequence = DP_SEQUENCE_STORE;
		ctx->operation.sequence_number = dp_ntohl(packet->tcp_sequence) + 1;
		dp_track_own(ctx, DP_FLOW_SEQUENCE, 0);
	}
	dp_track_partner(ctx, DP_FLOW_ANSWERED, 0);
}

/* TCP not yet proven: remember the responder's first sequence number, wait for its acknowledgement. */
DP_INLINE void dp_track_handshake(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_packet *packet = &ctx->packet;
	__u32 wanted;

	if (!dp_track_is_forward(ctx)) {
		dp_track_answer(ctx);
		return;
	}
	if (!(packet->tcp_flags & DP_TCP_ACK))
		return;
	if (ctx->view.link & DP_FLOW_PROVEN) {
		/* two CPUs contradicted a RST at once, and the slower one did not know of the proof yet */
		dp_track_assure(ctx);
		return;
	}
	if (ctx->view.link & DP_FLOW_PICKUP) {
		if (ctx->view.link & DP_FLOW_ANSWERED)
			dp_track_assure(ctx);
		return;
	}
	if (dp_flow_load_sequence(env, packet->family, &ctx->view, &wanted) &&
	    dp_ntohl(packet->tcp_acknowledgement) == wanted)
		dp_track_assure(ctx);
}

/* A RST from here: seconds to live, unless both directions contradict it. */
DP_INLINE void dp_track_reset(struct dp_context *ctx)
{
	dp_track_own(ctx, DP_FLOW_RESET, DP_FLOW_ALIVE);
	dp_track_partner(ctx, 0, DP_FLOW_ALIVE);
	dp_track_move(ctx, DP_FLOW_CLOSING);
}

/* A closing flow that still talks. Behind a RST the handshake goes on, and once both directions have spoken again the
 * flow is what it would be without the RST: half-open, or assured. After two FINs it stays closing. */
DP_INLINE void dp_track_closing(struct dp_env *env, struct dp_context *ctx)
{
	__u32 own = ctx->view.link, partner = 0;

	if (!dp_flow_partner_link(env, ctx->packet.family, &ctx->view, &partner))
		return;
	if (!((own | partner) & DP_FLOW_RESET))
		return;
	if (!((own | partner) & DP_FLOW_PROVEN))
		dp_track_handshake(env, ctx);
	if (!(partner & DP_FLOW_ALIVE) || (own & partner & DP_FLOW_FIN)) {
		dp_track_own(ctx, DP_FLOW_ALIVE, 0);
		return;
	}
	dp_track_own(ctx, 0, DP_FLOW_RESET | DP_FLOW_ALIVE);
	dp_track_partner(ctx, 0, DP_FLOW_RESET | DP_FLOW_ALIVE);
	dp_track_move(ctx, (own | partner | ctx->operation.own_set) & DP_FLOW_PROVEN ? DP_FLOW_ASSURED : DP_FLOW_HALF_OPEN);
}

/* When both directions have sent FIN the pair is closing. The commit asks for the partner's FIN, behind its own write: of
 * two FINs at one moment one sees the other. */
DP_INLINE void dp_track_fin(struct dp_context *ctx)
{
	dp_track_own(ctx, DP_FLOW_FIN, 0);
}

DP_INLINE int dp_track_tcp(struct dp_env *env, struct dp_context *ctx)
{
	__u8 flags = ctx->packet.tcp_flags;

	if ((flags & (DP_TCP_SYN | DP_TCP_ACK)) == DP_TCP_SYN && dp_track_state(ctx) == DP_FLOW_CLOSING)
		return DP_TRACK_ANEW;
	if (flags & DP_TCP_RST) {
		dp_track_reset(ctx);
		return DP_TRACK_GO_ON;
	}
	if (dp_track_state(ctx) == DP_FLOW_HALF_OPEN)
		dp_track_handshake(env, ctx);
	else if (dp_track_state(ctx) == DP_FLOW_CLOSING)
		dp_track_closing(env, ctx);
	if (flags & DP_TCP_FIN)
		dp_track_fin(ctx);
	return DP_TRACK_GO_ON;
}

/* ctx->view is the packet's entry. Notes in ctx->operation what the packet does to the pair. */
DP_VERB int dp_track(struct dp_env *env, struct dp_context *ctx)
{
	if (!ctx)
		return DP_TRACK_GO_ON;
	if (ctx->packet.protocol == DP_PROTOCOL_TCP)
		return dp_track_tcp(env, ctx);
	if (dp_track_state(ctx) == DP_FLOW_HALF_OPEN)
		dp_track_exchange(ctx);
	return DP_TRACK_GO_ON;
}

#endif
