/* track.h - what a packet of a live flow does to the flow's state.
 *
 * Writes   nothing: what the packet changes is noted in ctx->operation (model/operation.h), and a commit carries it out.
 * Rule     TCP: what one side says, the other must confirm. A stranger can write any source address, but does not see the
 *          answers. So a packet that could be forged is forwarded along the pair and changes nothing, except that its number
 *          may be noted; the pair changes when an acknowledgement of the other direction agrees with it.
 *
 *          | packet         | counts when                                                 | then                          |
 *          |----------------|-------------------------------------------------------------|-------------------------------|
 *          | ACK, half-open | the originator acknowledges what the responder has sent;    | assured                       |
 *          |                |   picked up without SYN: and the responder the originator's |                               |
 *          | RST            | its number is the last acknowledgement of the other         | closing                       |
 *          |                |   direction, and half-open: one that its own has sent; or,  |                               |
 *          |                |   half-open: it acknowledges what the other one has sent    |                               |
 *          | FIN            | the other direction has acknowledged it; both directions    | closing (commit.h)            |
 *          | SYN            | half-open: kept beside the first one                        | as half-open                  |
 *          | SYN            | assured: the responder's SYN-ACK acknowledges it            | half-open: life anew in place |
 *          | SYN            | closing                                                     | another pair, judged anew     |
 *
 * Source   RFC 9293; RFC 5961 sections 3.2 and 4.2; nf_conntrack, which differs in that it keeps windows and drops what is
 *          outside of them. docs/flow-life.md.
 */
#ifndef DP_TRACK_H
#define DP_TRACK_H

#include "../wire/ipv4.h"
#include "../wire/tcp.h"
#include "../model/context.h"
#include "notes.h"
#include "numbers.h"

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

DP_INLINE void dp_track_numbers(struct dp_context *ctx, enum dp_numbers_note which, __u32 first, __u32 note)
{
	ctx->operation.kinds |= DP_OPERATION_TRACK;
	ctx->operation.numbers = (__u8)which;
	ctx->operation.first = first;
	ctx->operation.note = note;
}

DP_INLINE int dp_track_is_forward(const struct dp_context *ctx)
{
	return (ctx->view.link & DP_FLOW_FORWARD) != 0;
}

DP_INLINE __u32 dp_track_state(const struct dp_context *ctx)
{
	return ctx->view.control & DP_FLOW_STATE_MASK;
}

/* Half-open, not TCP: an answer, then another packet of the originator. ICMP never. */
DP_INLINE void dp_track_exchange(struct dp_context *ctx)
{
	if (!dp_track_is_forward(ctx))
		dp_track_partner(ctx, DP_FLOW_ANSWERED, 0);
	else if ((ctx->view.link & DP_FLOW_ANSWERED) && ctx->packet.protocol != DP_PROTOCOL_ICMP &&
		 ctx->packet.protocol != DP_PROTOCOL_ICMPV6)
		dp_track_move(ctx, DP_FLOW_ASSURED);
}

/* The numbers of a half-open direction, from the words of its cold element and its flags. */
DP_INLINE void dp_track_read_numbers(__u32 first, __u32 note, __u32 link, struct dp_numbers *numbers)
{
	numbers->first = first;
	numbers->end = note;
	numbers->known = (link & DP_FLOW_SEQUENCE) != 0;
	numbers->apart = (link & DP_FLOW_SYN) != 0;
	numbers->pad = 0;
}

/* Does the packet acknowledge what the other direction has sent? Of a half-open pair. */
DP_INLINE int dp_track_acknowledges(const struct dp_context *ctx, const struct dp_flow_said *said)
{
	struct dp_numbers theirs;

	if (!(ctx->packet.tcp_flags & DP_TCP_ACK))
		return 0;
	dp_track_read_numbers(said->partner_first, said->partner_note, said->partner_link, &theirs);
	return dp_numbers_has(&theirs, dp_ntohl(ctx->packet.tcp_acknowledgement));
}

/* What a segment says of its sender's numbers. Where they stood is in `said`. Nothing follows a FIN, so its number is the last
 * one, and one that something follows was none. */
DP_INLINE void dp_track_sent(struct dp_context *ctx, const struct dp_flow_said *said, __u8 vouched)
{
	const __u32 known = DP_FLOW_SEQUENCE | DP_FLOW_SYN | DP_FLOW_FIN;
	const struct dp_packet *packet = &ctx->packet;
	__u32 forward_link = dp_track_is_forward(ctx) ? ctx->view.link : said->partner_link;
	__u32 link = ctx->view.link & known, wanted = DP_FLOW_SEQUENCE;
	__u8 fin = (packet->tcp_flags & DP_TCP_FIN) != 0;
	struct dp_numbers_sent sent;
	struct dp_numbers own;

	sent.syn = (packet->tcp_flags & DP_TCP_SYN) != 0;
	sent.vouched = vouched;
	sent.settled = (forward_link & DP_FLOW_ANSWERED) != 0;
	sent.beside = sent.syn || (forward_link & DP_FLOW_PICKUP) != 0;
	sent.start = dp_ntohl(packet->tcp_sequence) + sent.syn;
	sent.end = sent.start + packet->tcp_data_bytes + fin;
	dp_track_read_numbers(said->first, said->note, link, &own);
	dp_numbers_take(&own, &sent);
	if (own.first != said->first || own.end != said->note || !link)
		dp_track_numbers(ctx, DP_NUMBERS_OWN, own.first, own.end);
	if (own.apart)
		wanted |= DP_FLOW_SYN;
	else if (own.end == said->note)
		wanted |= link & DP_FLOW_FIN;
	if (fin && !own.apart && own.end == sent.end)
		wanted |= DP_FLOW_FIN;
	if (link != wanted)
		dp_track_own(ctx, wanted, link & ~wanted);
}

/* Half-open: who has sent what, and is the originator there? A responder that acknowledges the originator has seen its
 * packets, so what it says itself is not a stranger's. */
DP_INLINE void dp_track_handshake(struct dp_context *ctx, const struct dp_flow_said *said)
{
	int vouched = dp_track_acknowledges(ctx, said), forward = dp_track_is_forward(ctx);

	dp_track_sent(ctx, said, (__u8)vouched);
	if (!vouched)
		return;
	if (!forward && !(said->partner_link & DP_FLOW_ANSWERED))
		dp_track_partner(ctx, DP_FLOW_ANSWERED, 0);
	if (!forward || (ctx->view.link & (DP_FLOW_PICKUP | DP_FLOW_ANSWERED)) == DP_FLOW_PICKUP)
		return;
	dp_track_move(ctx, DP_FLOW_ASSURED);
	/* from here on the flag means another thing */
	ctx->operation.own_set &= ~(__u32)DP_FLOW_SYN;
	dp_track_own(ctx, 0, DP_FLOW_SYN);
	if (said->partner_link & DP_FLOW_SYN)
		dp_track_partner(ctx, 0, DP_FLOW_SYN);
}

/* Has the direction of the RST sent its number? An end that is still in its handshake resets whatever acknowledges what it has
 * not sent, and takes the number of the RST from there (RFC 9293 section 3.10.7): so a stranger's acknowledgement and the
 * end's honest RST agree, though neither end has given up. A flow picked up may have shown no packet of that direction. */
DP_INLINE int dp_track_reset_sent(const struct dp_context *ctx, const struct dp_flow_said *said)
{
	__u32 forward_link = dp_track_is_forward(ctx) ? said->link : said->partner_link;
	struct dp_numbers own;

	if (dp_track_state(ctx) != DP_FLOW_HALF_OPEN || (forward_link & DP_FLOW_PICKUP))
		return 1;
	dp_track_read_numbers(said->first, said->note, said->link, &own);
	return dp_numbers_has(&own, dp_ntohl(ctx->packet.tcp_sequence));
}

/* Does it close the pair? Only who sees the other direction's packets knows what that has acknowledged. */
DP_INLINE int dp_track_reset_fits(const struct dp_context *ctx, const struct dp_flow_said *said)
{
	if (said->partner_acked && ctx->packet.tcp_sequence == said->partner_acked &&
	    dp_track_reset_sent(ctx, said))
		return 1;
	return dp_track_state(ctx) == DP_FLOW_HALF_OPEN && dp_track_acknowledges(ctx, said);
}

/* A SYN or SYN-ACK on an assured pair. Both ends agree on a new connection when the responder acknowledges the
 * originator's SYN: the firewall alone did not know that the old one was over. The rules in force allow it, because they
 * allow the pair: its stamp is theirs. */
DP_INLINE void dp_track_synchronize(struct dp_context *ctx, const struct dp_flow_said *said)
{
	const __u32 over = DP_FLOW_FIN | DP_FLOW_FINS | DP_FLOW_DONE | DP_FLOW_SYN;
	__u32 number = dp_ntohl(ctx->packet.tcp_sequence) + 1;

	if (!(ctx->packet.tcp_flags & DP_TCP_ACK)) {
		dp_track_numbers(ctx, DP_NUMBERS_OWN, number, said->note);
		dp_track_own(ctx, DP_FLOW_SYN, 0);
		return;
	}
	if (dp_track_is_forward(ctx) || !(said->partner_link & DP_FLOW_SYN) ||
	    dp_ntohl(ctx->packet.tcp_acknowledgement) != said->partner_first)
		return;
	dp_track_move(ctx, DP_FLOW_HALF_OPEN);
	dp_track_numbers(ctx, DP_NUMBERS_ANEW, number, number + ctx->packet.tcp_data_bytes);
	dp_track_own(ctx, DP_FLOW_SEQUENCE, over);
	dp_track_partner(ctx, DP_FLOW_SEQUENCE | DP_FLOW_ANSWERED, over | DP_FLOW_PICKUP);
}

/* Notes the number behind a FIN, which the other direction has to acknowledge. Of several the one counts that is next to what
 * has been acknowledged: nothing follows a FIN, so a later one is a stranger's, and one behind it is none at all. */
DP_INLINE void dp_track_fin(struct dp_context *ctx, const struct dp_flow_said *said)
{
	__u32 number = dp_ntohl(ctx->packet.tcp_sequence) + ctx->packet.tcp_data_bytes + 1;
	__u32 ahead = number - dp_ntohl(said->partner_acked);

	if ((ctx->view.link & DP_FLOW_DONE) || (said->partner_acked && ahead > DP_TCP_WINDOW_MAX))
		return;
	if ((ctx->view.link & DP_FLOW_FIN) && said->note - dp_ntohl(said->partner_acked) <= ahead)
		return;
	dp_track_numbers(ctx, DP_NUMBERS_OWN, said->first, number);
	dp_track_own(ctx, DP_FLOW_FIN, 0);
}

DP_INLINE int dp_track_tcp(struct dp_env *env, struct dp_context *ctx)
{
	__u32 state = dp_track_state(ctx);
	__u8 flags = ctx->packet.tcp_flags;
	struct dp_flow_said said;

	if ((flags & (DP_TCP_SYN | DP_TCP_ACK)) == DP_TCP_SYN && state == DP_FLOW_CLOSING)
		return DP_TRACK_ANEW;
	if (!dp_flow_said(env, ctx->packet.family, &ctx->view, &said))
		return DP_TRACK_GO_ON;
	if (flags & DP_TCP_RST) {
		if (dp_track_reset_fits(ctx, &said))
			dp_track_move(ctx, DP_FLOW_CLOSING);
		return DP_TRACK_GO_ON;
	}
	if (state == DP_FLOW_HALF_OPEN)
		dp_track_handshake(ctx, &said);
	if (state != DP_FLOW_ASSURED)
		return DP_TRACK_GO_ON;
	if (flags & DP_TCP_SYN)
		dp_track_synchronize(ctx, &said);
	else if (flags & DP_TCP_FIN)
		dp_track_fin(ctx, &said);
	if (ctx->view.link & DP_FLOW_FINS)
		dp_track_own(ctx, 0, 0); /* its acknowledgement may be the last one */
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
