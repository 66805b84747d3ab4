/* plain.h - the fast path of parsing, for what nearly all traffic is; see parse.h for its contract. */
#ifndef DP_PARSE_PLAIN_H
#define DP_PARSE_PLAIN_H

#include "../wire/checksum.h"
#include "facts.h"
#include "ipv6.h"
#include "../wire/ethernet.h"
#include "../wire/udp.h"

/* No options, not a fragment, lengths and checksum right. */
DP_INLINE int dp_plain_ipv4(const struct dp_ipv4 *ip, __u32 left, struct dp_packet *packet)
{
	__u32 total = dp_ntohs(ip->total_length);

	if (ip->version_ihl != DP_IPV4_PLAIN || total < sizeof(*ip) || total > left)
		return 0;
	if (ip->fragment & dp_htons(DP_IPV4_MORE_FRAGMENTS | DP_IPV4_OFFSET_MASK))
		return 0;
	if (!dp_checksum_right(dp_checksum_words(ip, sizeof(*ip) / 4)))
		return 0;
	dp_note_ipv4(packet, ip);
	packet->l4_offset = DP_ETHERNET_BYTES + sizeof(*ip);
	return 1;
}

DP_INLINE int dp_plain_ipv6(const struct dp_ipv6 *ip, __u32 left, struct dp_packet *packet)
{
	if (left < sizeof(*ip) || dp_check_ipv6(ip, left - sizeof(*ip)) != DP_NONE)
		return 0;
	dp_note_ipv6(packet, ip);
	packet->l4_offset = DP_ETHERNET_BYTES + sizeof(*ip);
	return 1;
}

DP_INLINE int dp_plain_tcp(const __u8 *l4, const __u8 *end, __u32 bytes, struct dp_packet *packet)
{
	const struct dp_tcp *tcp = (const struct dp_tcp *)l4;
	__u32 header_bytes;

	if (bytes < sizeof(*tcp) || l4 + sizeof(*tcp) > end)
		return 0;
	header_bytes = (tcp->data_offset >> 4) * 4u;
	if (header_bytes < sizeof(*tcp) || header_bytes > bytes || dp_tcp_flags_bad(tcp->flags))
		return 0;
	dp_note_tcp(packet, tcp, bytes - header_bytes);
	return 1;
}

DP_INLINE int dp_plain_udp(const __u8 *l4, const __u8 *end, __u32 bytes, struct dp_packet *packet)
{
	const struct dp_udp *udp = (const struct dp_udp *)l4;
	__u32 length;

	if (bytes < sizeof(*udp) || l4 + sizeof(*udp) > end)
		return 0;
	length = dp_ntohs(udp->length);
	if (length < sizeof(*udp) || length > bytes)
		return 0;
	dp_note_ports(packet, udp->source_port, udp->destination_port);
	return 1;
}

DP_INLINE int dp_plain_transport(const __u8 *l4, const __u8 *end, __u32 bytes, struct dp_packet *packet)
{
	int whole = 0;

	if (packet->protocol == DP_PROTOCOL_TCP)
		whole = dp_plain_tcp(l4, end, bytes, packet);
	else if (packet->protocol == DP_PROTOCOL_UDP)
		whole = dp_plain_udp(l4, end, bytes, packet);
	return whole && packet->source_port != 0 && packet->destination_port != 0 && !dp_packet_land(packet);
}

/* Of one family: untagged, without options or extension headers, not a fragment, TCP or UDP, and nothing to object to.
 * The destination MAC has been looked at. DP_PACKET_TO_US is always set. */
DP_INLINE int dp_parse_plain4(const __u8 *frame, const __u8 *end, __u32 frame_bytes, struct dp_packet *packet)
{
	const __u8 *l3 = frame + DP_ETHERNET_BYTES;

	if (l3 + DP_IPV4_BYTES > end || ((const struct dp_ethernet *)frame)->type != dp_htons(DP_ETHERTYPE_IPV4))
		return 0;
	dp_packet_clear(packet, frame_bytes);
	packet->flags = DP_PACKET_TO_US;
	packet->ether_type = DP_ETHERTYPE_IPV4;
	packet->l3_offset = DP_ETHERNET_BYTES;
	return dp_plain_ipv4((const struct dp_ipv4 *)l3, frame_bytes - DP_ETHERNET_BYTES, packet) &&
	       dp_plain_transport(l3 + DP_IPV4_BYTES, end, packet->l3_bytes - DP_IPV4_BYTES, packet);
}

DP_INLINE int dp_parse_plain6(const __u8 *frame, const __u8 *end, __u32 frame_bytes, struct dp_packet *packet)
{
	const __u8 *l3 = frame + DP_ETHERNET_BYTES;

	if (l3 + DP_IPV6_BYTES > end || ((const struct dp_ethernet *)frame)->type != dp_htons(DP_ETHERTYPE_IPV6))
		return 0;
	dp_packet_clear(packet, frame_bytes);
	packet->flags = DP_PACKET_TO_US;
	packet->ether_type = DP_ETHERTYPE_IPV6;
	packet->l3_offset = DP_ETHERNET_BYTES;
	return dp_plain_ipv6((const struct dp_ipv6 *)l3, frame_bytes - DP_ETHERNET_BYTES, packet) &&
	       dp_plain_transport(l3 + DP_IPV6_BYTES, end, packet->l3_bytes - DP_IPV6_BYTES, packet);
}

/* Whole, and to our MAC: the condition of the two above. */
DP_INLINE int dp_plain_link(const __u8 *frame, const __u8 *end, const __u8 *mac)
{
	return frame + DP_ETHERNET_BYTES <= end &&
	       dp_mac_equal(((const struct dp_ethernet *)frame)->destination, mac);
}

DP_INLINE int dp_parse_plain(const void *frame, const void *end, __u32 frame_bytes, const __u8 *mac,
			     struct dp_packet *packet)
{
	const __u8 *first = (const __u8 *)frame, *limit = (const __u8 *)end;

	return dp_plain_link(first, limit, mac) && (dp_parse_plain4(first, limit, frame_bytes, packet) ||
						    dp_parse_plain6(first, limit, frame_bytes, packet));
}

#endif
