/* parse.h - from the bytes of a frame to the facts of struct dp_packet.
 *
 * Two entrances that agree on every fact:
 *   dp_parse_plain  the fast path, for what nearly all traffic is. 1: all facts are set. 0: not that simple, or not
 *                   good; the facts are then unspecified, ask dp_parse.
 *   dp_parse        everything. DP_NONE: the facts are whole. Otherwise the first reason against the frame, headers
 *                   from the outside in, inside a header in the order of the functions below; the facts found before
 *                   it are set.
 *
 * Caller   sets packet->ingress and packet->zone; parsing leaves them alone and sets every other field.
 * Input    `frame` .. `end`: what can be read; `frame_bytes`: the whole frame, more than that when its tail lies in
 *          other buffers (bpf_xdp_get_buff_len). Headers must lie before `end`. `mac`: the ingress port's address.
 * Meaning  Only what the bytes say is judged here. What needs tables, and what only the border may decide (foreign MAC,
 *          source routes, martians, unknown EtherTypes), is flagged or left: ARP, 802.3 and the like are DP_NONE
 *          without DP_PACKET_IP. The packet quoted in an ICMP error: quote.h.
 * Later fragments have the protocol of the fragment header, no ports, and l4_offset 0. Other packets have the l4_offset
 * of their transport header, or of the first unknown header.
 *
 * Sources  RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 792, RFC 4443; RFC 7112 (first fragments hold the whole header
 *          chain), RFC 1858 and 3128 (tiny fragments), IEEE 802.1Q.
 */
#ifndef DP_PARSE_H
#define DP_PARSE_H

#include "../wire/ethernet.h"
#include "ipv4.h"
#include "ipv6.h"
#include "plain.h"

DP_INLINE int dp_is_vlan(__u16 ether_type)
{
	return ether_type == DP_ETHERTYPE_VLAN || ether_type == DP_ETHERTYPE_QINQ;
}

DP_INLINE enum dp_reason dp_parse_tag(struct dp_cursor *cur, struct dp_packet *packet, __u16 *id)
{
	const struct dp_vlan *tag = (const struct dp_vlan *)dp_take(cur, sizeof(*tag));

	if (!tag)
		return DP_SHORT_ETHERNET;
	*id = dp_ntohs(tag->control) & DP_VLAN_ID_MASK;
	packet->ether_type = dp_ntohs(tag->type);
	packet->tags++;
	return DP_NONE;
}

/* No port has three tags. A tag with id 0 names no VLAN, only a priority (IEEE 802.1Q, table 9-2): beside another tag the
 * other one counts, alone it leaves the frame untagged. */
DP_INLINE enum dp_reason dp_parse_tags(struct dp_cursor *cur, struct dp_packet *packet)
{
	enum dp_reason reason = dp_parse_tag(cur, packet, &packet->vlan);

	if (reason || !dp_is_vlan(packet->ether_type))
		return reason;
	reason = dp_parse_tag(cur, packet, &packet->inner_vlan);
	if (reason)
		return reason;
	if (!packet->vlan) {
		packet->vlan = packet->inner_vlan;
		packet->inner_vlan = 0;
	}
	return dp_is_vlan(packet->ether_type) ? DP_UNKNOWN_VLAN : DP_NONE;
}

/* Is the frame sent to `mac`, or to a group? Asked again by the caller for a tagged frame, whose port is known only when
 * the tags are: a VLAN device may have an address of its own. */
DP_INLINE void dp_parse_destination(const __u8 *destination, const __u8 *mac, struct dp_packet *packet)
{
	packet->flags &= ~((__u32)DP_PACKET_TO_US | DP_PACKET_LINK_GROUP);
	if (dp_mac_equal(destination, mac))
		packet->flags |= DP_PACKET_TO_US;
	else if (dp_mac_is_group(destination))
		packet->flags |= DP_PACKET_LINK_GROUP;
}

DP_INLINE enum dp_reason dp_parse_link(struct dp_cursor *cur, const __u8 *mac, struct dp_packet *packet)
{
	const struct dp_ethernet *ethernet = (const struct dp_ethernet *)dp_take(cur, sizeof(*ethernet));
	enum dp_reason reason = DP_NONE;

	if (!ethernet)
		return DP_SHORT_ETHERNET;
	dp_parse_destination(ethernet->destination, mac, packet);
	packet->ether_type = dp_ntohs(ethernet->type);
	if (dp_is_vlan(packet->ether_type))
		reason = dp_parse_tags(cur, packet);
	packet->l3_offset = DP_ETHERNET_BYTES + packet->tags * DP_VLAN_BYTES;
	return reason;
}

DP_INLINE enum dp_reason dp_parse(const void *frame, const void *end, __u32 frame_bytes,
				  const __u8 *mac, struct dp_packet *packet)
{
	struct dp_cursor cur = { (const __u8 *)frame, (const __u8 *)frame, (const __u8 *)end, frame_bytes };
	enum dp_reason reason;

	dp_packet_clear(packet, frame_bytes);
	reason = dp_parse_link(&cur, mac, packet);
	if (reason)
		return reason;
	if (packet->ether_type == DP_ETHERTYPE_IPV4)
		reason = dp_parse_ipv4(&cur, packet);
	else if (packet->ether_type == DP_ETHERTYPE_IPV6)
		reason = dp_parse_ipv6(&cur, packet);
	if (reason)
		return reason;
	return dp_packet_land(packet) ? DP_LAND : DP_NONE;
}

#endif
