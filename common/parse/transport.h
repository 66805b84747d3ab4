/* transport.h - TCP, UDP, ICMP and ICMPv6 headers; see parse.h.
 *
 * The cursor stands at the transport header and its `left` ends with the IP packet.
 * Source   RFC 9293, RFC 768, RFC 792, RFC 4443; RFC 7112 for what a first fragment must hold.
 */
#ifndef DP_PARSE_TRANSPORT_H
#define DP_PARSE_TRANSPORT_H

#include "facts.h"
#include "../wire/icmp.h"
#include "../wire/udp.h"
#include "../wire/checksum.h"
#include "cursor.h"

/* The packet ends inside a header: in a first fragment that is RFC 7112's case. */
DP_INLINE enum dp_reason dp_truncated(const struct dp_packet *packet, enum dp_reason reason)
{
	return packet->flags & DP_PACKET_FRAGMENT ? DP_BAD_FRAGMENT : reason;
}

DP_INLINE enum dp_reason dp_parse_tcp(struct dp_cursor *cur, struct dp_packet *packet)
{
	const struct dp_tcp *tcp = (const struct dp_tcp *)dp_take(cur, sizeof(*tcp));
	__u32 header_bytes;

	if (!tcp)
		return dp_truncated(packet, DP_SHORT_L4);
	header_bytes = (tcp->data_offset >> 4) * 4u;
	if (header_bytes < sizeof(*tcp))
		return DP_BAD_HEADER_LENGTH;
	if (header_bytes - sizeof(*tcp) > cur->left)
		return dp_truncated(packet, DP_SHORT_L4);
	dp_note_tcp(packet, tcp, cur->left - (header_bytes - (__u32)sizeof(*tcp)));
	if (dp_tcp_flags_bad(tcp->flags))
		return DP_BAD_TCP_FLAGS;
	if (tcp->source_port == 0 || tcp->destination_port == 0)
		return DP_BAD_PORT;
	return DP_NONE;
}

/* A first fragment's UDP length counts bytes of later fragments. A source port of 0 says that no answer is wanted. */
DP_INLINE enum dp_reason dp_parse_udp(struct dp_cursor *cur, struct dp_packet *packet)
{
	const struct dp_udp *udp = (const struct dp_udp *)dp_take(cur, sizeof(*udp));
	__u32 length;

	if (!udp)
		return dp_truncated(packet, DP_SHORT_L4);
	dp_note_ports(packet, udp->source_port, udp->destination_port);
	length = dp_ntohs(udp->length);
	if (length < sizeof(*udp))
		return DP_BAD_UDP_LENGTH;
	if (length - sizeof(*udp) > cur->left && !(packet->flags & DP_PACKET_FRAGMENT))
		return DP_BAD_UDP_LENGTH;
	return udp->destination_port == 0 ? DP_BAD_PORT : DP_NONE;
}

/* The query an ICMP message is, or answers; -1 when it is neither. */
DP_INLINE int dp_icmp_query_type(__u8 family, __u8 type)
{
	if (family == DP_FAMILY_V6)
		return type == DP_ICMPV6_ECHO || type == DP_ICMPV6_ECHO_REPLY ? DP_ICMPV6_ECHO : -1;
	if (type == DP_ICMP_ECHO || type == DP_ICMP_ECHO_REPLY)
		return DP_ICMP_ECHO;
	if (type == DP_ICMP_TIMESTAMP || type == DP_ICMP_TIMESTAMP_REPLY)
		return DP_ICMP_TIMESTAMP;
	return -1;
}

/* Messages that quote the packet they complain about. A redirect of ICMPv6 is neighbour discovery, not an error. */
DP_INLINE int dp_icmp_is_error(__u8 family, __u8 type)
{
	if (family == DP_FAMILY_V6)
		return type < DP_ICMPV6_FIRST_INFORMATIONAL;
	return type == DP_ICMP_UNREACHABLE || type == DP_ICMP_SOURCE_QUENCH || type == DP_ICMP_REDIRECT ||
	       type == DP_ICMP_TIME_EXCEEDED || type == DP_ICMP_PARAMETER_PROBLEM;
}

/* Ports of queries and answers: model/packet.h. */
DP_INLINE enum dp_reason dp_parse_icmp(struct dp_cursor *cur, struct dp_packet *packet)
{
	const struct dp_icmp *icmp = (const struct dp_icmp *)dp_take(cur, sizeof(*icmp));
	__be16 kind;
	int query;

	if (!icmp)
		return dp_truncated(packet, DP_SHORT_L4);
	packet->icmp_type = icmp->type;
	packet->icmp_code = icmp->code;
	if (dp_icmp_is_error(packet->family, icmp->type))
		packet->flags |= DP_PACKET_ICMP_ERROR;
	query = dp_icmp_query_type(packet->family, icmp->type);
	if (query < 0)
		return DP_NONE;
	kind = dp_htons((__u16)(query << 8 | icmp->code));
	if (icmp->type == query) {
		packet->flags |= DP_PACKET_ICMP_QUERY;
		dp_note_ports(packet, icmp->identifier, kind);
	} else {
		packet->flags |= DP_PACKET_ICMP_ANSWER;
		dp_note_ports(packet, kind, icmp->identifier);
	}
	return DP_NONE;
}

/* Notes where the cursor stands as the start of the next header, and lets it start anew from there. It stands there
 * already; but read back from memory the offset has no history for the verifier, which then takes all the ways that
 * lead here for one. Without this, IPv6 chains alone cost it half a million steps. */
DP_INLINE void dp_parse_finish(struct dp_cursor *cur, struct dp_packet *packet)
{
	__u32 offset;

	packet->l4_offset = packet->l3_offset + packet->l3_bytes - cur->left;
	offset = DP_LOAD(&packet->l4_offset);
	cur->pos = cur->frame + (offset & DP_L4_OFFSET_MASK);
}

DP_INLINE enum dp_reason dp_parse_transport(struct dp_cursor *cur, struct dp_packet *packet)
{
	dp_parse_finish(cur, packet);
	if (packet->protocol == DP_PROTOCOL_TCP)
		return dp_parse_tcp(cur, packet);
	if (packet->protocol == DP_PROTOCOL_UDP)
		return dp_parse_udp(cur, packet);
	if (packet->protocol == (packet->family == DP_FAMILY_V4 ? DP_PROTOCOL_ICMP : DP_PROTOCOL_ICMPV6))
		return dp_parse_icmp(cur, packet);
	return DP_NONE;
}

#endif
