/* ipv6.h - the IPv6 header with its extension headers and all behind it; see parse.h.
 *
 * Source   RFC 8200, RFC 7112.
 */
#ifndef DP_PARSE_IPV6_H
#define DP_PARSE_IPV6_H

#include "fragment.h"
#include "transport.h"
#include "../wire/ipv6.h"

DP_INLINE int dp_is_extension(__u8 protocol)
{
	return protocol == DP_PROTOCOL_HOP_BY_HOP || protocol == DP_PROTOCOL_ROUTING ||
	       protocol == DP_PROTOCOL_FRAGMENT || protocol == DP_PROTOCOL_DESTINATION_OPTIONS;
}

/* A second fragment header hides what the first one said: it is out of place. */
DP_INLINE enum dp_reason dp_parse_fragment6(struct dp_cursor *cur, const struct dp_ipv6_extension *header,
					    struct dp_packet *packet)
{
	__u32 field = dp_ntohs(header->offset_more);
	__u32 offset = field & DP_IPV6_OFFSET_MASK;

	if (packet->flags & (DP_PACKET_FRAGMENT | DP_PACKET_ATOMIC))
		return DP_EXTENSION_CHAIN;
	if (offset == 0 && !(field & DP_IPV6_MORE_FRAGMENTS)) {
		packet->flags |= DP_PACKET_ATOMIC;
		return DP_NONE;
	}
	return dp_note_fragment(packet, offset, field & DP_IPV6_MORE_FRAGMENTS,
				packet->l3_bytes - DP_IPV6_BYTES - DP_IPV6_EXTENSION_BYTES, cur->left);
}

/* One extension header; packet->protocol says which, and afterwards what follows it. */
DP_INLINE enum dp_reason dp_parse_extension(struct dp_cursor *cur, struct dp_packet *packet)
{
	const struct dp_ipv6_extension *header;
	__u8 protocol = packet->protocol;

	header = (const struct dp_ipv6_extension *)dp_take(cur, sizeof(*header));
	if (!header)
		return dp_truncated(packet, DP_SHORT_L3);
	packet->protocol = header->next_header;
	if (protocol == DP_PROTOCOL_FRAGMENT)
		return dp_parse_fragment6(cur, header, packet);
	if (protocol == DP_PROTOCOL_ROUTING)
		packet->flags |= DP_PACKET_SOURCE_ROUTE;
	if (!dp_take(cur, header->length * 8u))
		return dp_truncated(packet, DP_BAD_HEADER_LENGTH);
	return DP_NONE;
}

/* Hop-by-hop options may only come first (RFC 8200 section 4.1); any other order is only advice there. */
DP_INLINE enum dp_reason dp_parse_extensions(struct dp_cursor *cur, struct dp_packet *packet)
{
	enum dp_reason reason;

	for (__u32 i = 0; i < DP_IPV6_EXTENSIONS_MAX; i++) {
		if (!dp_is_extension(packet->protocol) || dp_is_later_fragment(packet))
			return DP_NONE;
		dp_parse_finish(cur, packet);
		if (packet->protocol == DP_PROTOCOL_HOP_BY_HOP && i > 0)
			return DP_EXTENSION_CHAIN;
		reason = dp_parse_extension(cur, packet);
		if (reason)
			return reason;
	}
	if (dp_is_extension(packet->protocol) && !dp_is_later_fragment(packet))
		return DP_EXTENSION_CHAIN;
	return DP_NONE;
}

/* A payload length of zero in front of hop-by-hop options announces a jumbogram (RFC 2675), which no port carries. */
DP_INLINE enum dp_reason dp_check_ipv6(const struct dp_ipv6 *ip, __u32 left)
{
	__u32 payload = dp_ntohs(ip->payload_length);

	if ((dp_ntohl(ip->version_class_flow) >> 28) != 6)
		return DP_BAD_VERSION;
	if (payload > left || payload + DP_IPV6_BYTES > DP_IP_BYTES_MAX)
		return DP_BAD_TOTAL_LENGTH;
	if (payload == 0 && ip->next_header == DP_PROTOCOL_HOP_BY_HOP)
		return DP_BAD_TOTAL_LENGTH;
	return DP_NONE;
}

DP_INLINE enum dp_reason dp_parse_ipv6(struct dp_cursor *cur, struct dp_packet *packet)
{
	const struct dp_ipv6 *ip = (const struct dp_ipv6 *)dp_take(cur, sizeof(*ip));
	enum dp_reason reason;

	if (!ip)
		return DP_SHORT_L3;
	reason = dp_check_ipv6(ip, cur->left);
	if (reason)
		return reason;
	dp_note_ipv6(packet, ip);
	cur->left = packet->l3_bytes - sizeof(*ip);
	reason = dp_parse_extensions(cur, packet);
	if (reason)
		return reason;
	if (!dp_is_later_fragment(packet))
		return dp_parse_transport(cur, packet);
	packet->l4_offset = 0;
	return DP_NONE;
}

#endif
