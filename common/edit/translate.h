/* translate.h - NAT of one packet: which fields change, what that adds to the checks, and the change itself.
 *
 * Two steps, because not everybody who translates may write checks:
 *   dp_translate_edits  hands out the edits of a packet of a flow: new values, where they belong, deltas for the checks
 *   dp_translate_apply  writes them into the packet and adds the deltas to its checks (XDP, the engine)
 * A tc program would use the edits alone: while the device has still to complete a segment's checksum, that covers only the
 * pseudo header, so address_delta goes to bpf_l4_csum_replace with BPF_F_PSEUDO_HDR and port_delta without it.
 *
 * Offsets  Edits count from the IP header and from the transport header, wherever in the frame these are: the packet that
 *          an ICMP error quotes and the packet inside a tunnel are translated by the same two steps.
 * Checks   updated, never recomputed: a check that was wrong on arrival stays wrong, so that the receiver notices it.
 * Order    values and deltas as on the wire; offsets: host.
 * Source   RFC 1624, RFC 3022 section 4.1, RFC 5508 (ICMP identifiers), RFC 768 (UDP without a checksum).
 */
#ifndef DP_TRANSLATE_H
#define DP_TRANSLATE_H

#include "../model/flow.h"
#include "../wire/ipv6.h"
#include "checksum.h"

enum {
	DP_EDIT_NONE = 0xff,     /* an offset: the packet has no such field */
	DP_EDIT_QUOTE_BYTES = 8, /* of a transport header: a quote holds at least so many (RFC 792) */
};

enum dp_edit_flag {
	DP_EDIT_PSEUDO_HEADER = 1 << 0, /* the transport check covers the addresses too */
	DP_EDIT_ZERO_IS_NONE = 1 << 1,  /* UDP: a transport check of zero says that there is none */
};

struct dp_edits {
	struct dp_address source; /* both addresses, always; IPv4 in word[0] */
	struct dp_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u16 address_delta; /* what new addresses add to a sum: IPv4's header check, checks with a pseudo header */
	__u16 l4_at;      /* transport header, from the IP header; 0: only the addresses change */
	__u32 port_delta; /* what new ports add to a sum, unfolded; < 2^18 */
	__u8 family;      /* enum dp_family */
	__u8 flags;       /* enum dp_edit_flag */
	__u8 source_port_at;      /* from the transport header, or DP_EDIT_NONE */
	__u8 destination_port_at; /* likewise */
	__u8 check_at;            /* likewise */
	__u8 pad[3];
};
DP_STATIC_ASSERT(sizeof(struct dp_edits) == 52, "no hidden padding");

/* What new addresses add to a sum; kept in dp_flow_half.delta at installation. Ports are not in it: a later fragment has
 * none, and in ICMP only one of the two stands in the packet. */
DP_INLINE __u16 dp_translate_address_delta(const struct dp_flow_half *half)
{
	return dp_checksum_fold(dp_checksum_delta_address(&half->source, &half->new_source) +
				dp_checksum_delta_address(&half->destination, &half->new_destination));
}

/* What new ports add to a sum; kept in dp_flow_half.delta_ports. */
DP_INLINE __u16 dp_translate_port_delta(const struct dp_flow_half *half)
{
	return dp_checksum_fold(dp_checksum_delta16(half->source_port, half->new_source_port) +
				dp_checksum_delta16(half->destination_port, half->new_destination_port));
}

DP_INLINE void dp_translate_edit_ports(const struct dp_packet *packet, struct dp_edits *edits)
{
	edits->source_port_at = 0;
	edits->destination_port_at = 2;
	edits->port_delta = dp_checksum_delta16(packet->source_port, edits->source_port) +
			    dp_checksum_delta16(packet->destination_port, edits->destination_port);
}

/* Of the two ports of a query or an answer only the identifier stands in the packet (model/packet.h). */
DP_INLINE void dp_translate_edit_identifier(const struct dp_packet *packet, struct dp_edits *edits)
{
	if (packet->flags & DP_PACKET_ICMP_QUERY) {
		edits->source_port_at = DP_ICMP_IDENTIFIER_AT;
		edits->port_delta = dp_checksum_delta16(packet->source_port, edits->source_port);
	} else if (packet->flags & DP_PACKET_ICMP_ANSWER) {
		edits->destination_port_at = DP_ICMP_IDENTIFIER_AT;
		edits->port_delta = dp_checksum_delta16(packet->destination_port, edits->destination_port);
	}
}

/* Ports and check of the transport header. Other protocols have nothing that is ours to change. */
DP_INLINE void dp_translate_edit_transport(const struct dp_packet *packet, struct dp_edits *edits)
{
	if (packet->protocol == DP_PROTOCOL_TCP) {
		edits->check_at = DP_TCP_CHECK_AT;
		edits->flags = DP_EDIT_PSEUDO_HEADER;
		dp_translate_edit_ports(packet, edits);
	} else if (packet->protocol == DP_PROTOCOL_UDP) {
		edits->check_at = DP_UDP_CHECK_AT;
		edits->flags = DP_EDIT_PSEUDO_HEADER | DP_EDIT_ZERO_IS_NONE;
		dp_translate_edit_ports(packet, edits);
	} else if (packet->protocol == DP_PROTOCOL_ICMP && packet->family == DP_FAMILY_V4) {
		edits->check_at = DP_ICMP_CHECK_AT;
		dp_translate_edit_identifier(packet, edits);
	} else if (packet->protocol == DP_PROTOCOL_ICMPV6 && packet->family == DP_FAMILY_V6) {
		edits->check_at = DP_ICMP_CHECK_AT;
		edits->flags = DP_EDIT_PSEUDO_HEADER;
		dp_translate_edit_identifier(packet, edits);
	}
}

/* The edits of a packet whose half has DP_FLOW_REWRITE. `packet`: its facts, with the ports that stand in it. */
DP_INLINE void dp_translate_edits(const struct dp_packet *packet, const struct dp_flow_view *view,
				  struct dp_edits *edits)
{
	edits->source = view->new_source;
	edits->destination = view->new_destination;
	edits->source_port = view->new_source_port;
	edits->destination_port = view->new_destination_port;
	edits->address_delta = view->delta;
	edits->l4_at = packet->l4_offset ? packet->l4_offset - packet->l3_offset : 0;
	edits->port_delta = 0;
	edits->family = packet->family;
	edits->flags = 0;
	edits->source_port_at = edits->destination_port_at = edits->check_at = DP_EDIT_NONE;
	if (packet->l4_offset)
		dp_translate_edit_transport(packet, edits);
}

/* The edits of a packet that an ICMP error quotes (parse/quote.h), so that it reads as its sender wrote it. `view`: the
 * half by which answers to that packet come. A quote may end behind the ports: then it holds no check to be changed. */
DP_INLINE void dp_translate_edits_quote(const struct dp_packet *quoted,
					const struct dp_flow_view *view, struct dp_edits *edits)
{
	struct dp_flow_view sent = *view;

	sent.new_source = view->new_destination;
	sent.new_destination = view->new_source;
	sent.new_source_port = view->new_destination_port;
	sent.new_destination_port = view->new_source_port;
	dp_translate_edits(quoted, &sent, edits);
	if (edits->check_at == DP_TCP_CHECK_AT && edits->l4_at + DP_TCP_BYTES > quoted->l3_bytes)
		edits->check_at = DP_EDIT_NONE;
}

DP_INLINE int dp_translate_ipv4(__u8 *l3, const __u8 *end, const struct dp_edits *edits)
{
	struct dp_ipv4 *ip = (struct dp_ipv4 *)l3;

	if (l3 + sizeof(*ip) > end)
		return 0;
	ip->source = edits->source.word[0];
	ip->destination = edits->destination.word[0];
	ip->checksum = dp_checksum_update(ip->checksum, edits->address_delta);
	return 1;
}

DP_INLINE int dp_translate_ipv6(__u8 *l3, const __u8 *end, const struct dp_edits *edits)
{
	struct dp_ipv6 *ip = (struct dp_ipv6 *)l3;

	if (l3 + sizeof(*ip) > end)
		return 0;
	ip->source = edits->source;
	ip->destination = edits->destination;
	return 1;
}

DP_INLINE void dp_translate_ports(__u8 *l4, const struct dp_edits *edits)
{
	struct dp_half *field = (struct dp_half *)l4;

	if (edits->source_port_at == 0) {
		field[0].value = edits->source_port;
		field[1].value = edits->destination_port;
	} else if (edits->source_port_at == DP_ICMP_IDENTIFIER_AT) {
		field[2].value = edits->source_port;
	} else if (edits->destination_port_at == DP_ICMP_IDENTIFIER_AT) {
		field[2].value = edits->destination_port;
	}
}

/* Ports and check of a header of `bytes` bytes. Called with constants: so one comparison with `end` is enough for all fields,
 * and the verifier does not follow each by itself. */
DP_INLINE int dp_translate_header(__u8 *l4, const __u8 *end, const struct dp_edits *edits, __u32 bytes, __u32 check_at)
{
	struct dp_half *check = (struct dp_half *)(l4 + check_at);
	__u32 delta = edits->port_delta;

	if (l4 + bytes > end)
		return 0;
	dp_translate_ports(l4, edits);
	if (check_at == DP_EDIT_NONE)
		return 1;
	if (edits->flags & DP_EDIT_PSEUDO_HEADER)
		delta += edits->address_delta;
	check->value = edits->flags & DP_EDIT_ZERO_IS_NONE ? dp_checksum_update_udp(check->value, delta)
							   : dp_checksum_update(check->value, delta);
	return 1;
}

DP_INLINE int dp_translate_transport(__u8 *l4, const __u8 *end, const struct dp_edits *edits)
{
	if (edits->check_at == DP_TCP_CHECK_AT)
		return dp_translate_header(l4, end, edits, DP_TCP_BYTES, DP_TCP_CHECK_AT);
	if (edits->check_at == DP_UDP_CHECK_AT)
		return dp_translate_header(l4, end, edits, DP_UDP_BYTES, DP_UDP_CHECK_AT);
	if (edits->check_at == DP_ICMP_CHECK_AT)
		return dp_translate_header(l4, end, edits, DP_ICMP_BYTES, DP_ICMP_CHECK_AT);
	if (edits->source_port_at != DP_EDIT_NONE || edits->destination_port_at != DP_EDIT_NONE)
		return dp_translate_header(l4, end, edits, DP_EDIT_QUOTE_BYTES, DP_EDIT_NONE);
	return 1;
}

/* Carries the edits out on the packet whose IP header is at `l3`. Returns 0 when a field lies beyond `end`, which parsing
 * has excluded: a defect. */
DP_INLINE int dp_translate_apply(__u8 *l3, const __u8 *end, const struct dp_edits *edits)
{
	__u32 l4_at = edits->l4_at;
	__u8 *l4;

	if (!(edits->family == DP_FAMILY_V4 ? dp_translate_ipv4(l3, end, edits)
					    : dp_translate_ipv6(l3, end, edits)))
		return 0;
	if (l4_at == 0)
		return 1;
	DP_LAUNDER(l4_at);
	l4 = l3 + (l4_at & DP_L4_OFFSET_MASK);
	return dp_translate_transport(l4, end, edits);
}

#endif
