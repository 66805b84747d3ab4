/* quote.h - the packet that an ICMP error quotes, so that the error finds the flow it speaks of.
 *
 * Input    a frame that parsed with DP_PACKET_ICMP_ERROR; `outer` are its facts.
 * Output   facts of the quoted packet as it was when it was sent, that is, of the direction opposite to the error's:
 *          addresses, ports (model/packet.h for ICMP queries), protocol, ttl, flags of IP; TCP's sequence number.
 *          l3_offset and l4_offset count from the start of the same frame; l3_bytes is what is there of the quote.
 *          Link facts are those of the frame. DP_NONE, or why the quote cannot be read.
 * Lenient  A quote may end eight bytes behind the IP header (RFC 792), and routers on its way have changed it: its
 *          total length, checksums, TCP flags and UDP length are not judged.
 */
#ifndef DP_PARSE_QUOTE_H
#define DP_PARSE_QUOTE_H

#include "ipv4.h"
#include "ipv6.h"

enum { DP_QUOTED_L4_BYTES = 8 }; /* ports, and TCP's sequence number */

DP_INLINE enum dp_reason dp_quote_transport(struct dp_cursor *cur, struct dp_packet *quoted)
{
	const struct dp_tcp *tcp; /* only its first eight bytes are there */

	dp_parse_finish(cur, quoted);
	if (quoted->protocol == (quoted->family == DP_FAMILY_V4 ? DP_PROTOCOL_ICMP : DP_PROTOCOL_ICMPV6))
		return dp_parse_icmp(cur, quoted);
	if (quoted->protocol != DP_PROTOCOL_TCP && quoted->protocol != DP_PROTOCOL_UDP)
		return DP_NONE;
	tcp = (const struct dp_tcp *)dp_take(cur, DP_QUOTED_L4_BYTES);
	if (!tcp)
		return DP_SHORT_L4;
	dp_note_ports(quoted, tcp->source_port, tcp->destination_port);
	if (quoted->protocol == DP_PROTOCOL_TCP)
		quoted->tcp_sequence = tcp->sequence;
	return DP_NONE;
}

DP_INLINE enum dp_reason dp_quote_ipv4(struct dp_cursor *cur, struct dp_packet *quoted)
{
	__u32 there = cur->left, header_bytes, fragment;
	const struct dp_ipv4 *ip = (const struct dp_ipv4 *)dp_take(cur, sizeof(*ip));

	if (!ip)
		return DP_SHORT_L3;
	header_bytes = (ip->version_ihl & 0xf) * 4u;
	if (ip->version_ihl >> 4 != 4)
		return DP_BAD_VERSION;
	if (header_bytes < sizeof(*ip))
		return DP_BAD_HEADER_LENGTH;
	dp_note_ipv4(quoted, ip);
	quoted->l3_bytes = there;
	if (!dp_take(cur, header_bytes - sizeof(*ip)))
		return DP_SHORT_L3;
	fragment = dp_ntohs(ip->fragment);
	if (fragment & (DP_IPV4_OFFSET_MASK | DP_IPV4_MORE_FRAGMENTS))
		quoted->flags |= DP_PACKET_FRAGMENT;
	if (fragment & DP_IPV4_OFFSET_MASK)
		return DP_NONE;
	if (quoted->flags & DP_PACKET_FRAGMENT)
		quoted->flags |= DP_PACKET_FIRST_FRAGMENT;
	return dp_quote_transport(cur, quoted);
}

DP_INLINE enum dp_reason dp_quote_ipv6(struct dp_cursor *cur, struct dp_packet *quoted)
{
	__u32 there = cur->left;
	const struct dp_ipv6 *ip = (const struct dp_ipv6 *)dp_take(cur, sizeof(*ip));
	enum dp_reason reason;

	if (!ip)
		return DP_SHORT_L3;
	if ((dp_ntohl(ip->version_class_flow) >> 28) != 6)
		return DP_BAD_VERSION;
	dp_note_ipv6(quoted, ip);
	quoted->l3_bytes = there;
	reason = dp_parse_extensions(cur, quoted);
	if (reason)
		return reason;
	if (!dp_is_later_fragment(quoted))
		return dp_quote_transport(cur, quoted);
	quoted->l4_offset = 0;
	return DP_NONE;
}

DP_INLINE enum dp_reason dp_parse_quote(const void *frame, const void *end,
					const struct dp_packet *outer, struct dp_packet *quoted)
{
	__u32 offset = outer->l4_offset + DP_ICMP_BYTES;
	struct dp_cursor cur = { (const __u8 *)frame, (const __u8 *)frame, (const __u8 *)end, 0 };

	dp_packet_clear(quoted, outer->frame_bytes);
	quoted->ingress = outer->ingress;
	quoted->zone = outer->zone;
	quoted->ether_type = outer->ether_type;
	quoted->vlan = outer->vlan;
	quoted->inner_vlan = outer->inner_vlan;
	quoted->tags = outer->tags;
	quoted->l3_offset = offset;
	cur.left = outer->l3_offset + outer->l3_bytes - offset;
	DP_LAUNDER(offset);
	cur.pos = cur.frame + (offset & DP_L4_OFFSET_MASK);
	return outer->family == DP_FAMILY_V4 ? dp_quote_ipv4(&cur, quoted) : dp_quote_ipv6(&cur, quoted);
}

#endif
