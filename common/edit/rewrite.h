/* rewrite.h - the last thing done to a forwarded frame: new MAC addresses, tag, TTL, and for NAT addresses and ports.
 *
 * Input    a frame that parsed without objection, TTL above 1, and whoever has a next hop for it.
 * Tags     The new frame has the next hop's tag or none. When the number of tags changes, its front moves: the caller
 *          moves the start of the frame by dp_rewrite_vlan_growth first (bpf_xdp_adjust_head takes it negated) and
 *          passes the new start; facts in `packet` stay those of arrival. Priority bits of an old tag are not kept, as
 *          in Linux.
 * Checks   updated, never recomputed: what was wrong on arrival stays wrong, so that the receiver still notices.
 * Source   RFC 1812 section 5.3.1 (TTL), RFC 1624, RFC 3022 section 4.1, RFC 5508 (ICMP identifiers).
 */
#ifndef DP_REWRITE_H
#define DP_REWRITE_H

#include "../model/flow.h"
#include "../model/next_hop.h"
#include "../wire/ethernet.h"
#include "../wire/ipv6.h"
#include "checksum.h"

/* Bytes by which the frame grows: 4, 0, -4 or -8. */
DP_INLINE int dp_rewrite_vlan_growth(const struct dp_packet *packet, const struct dp_next_hop *next_hop)
{
	return (next_hop->vlan ? DP_VLAN_BYTES : 0) - packet->tags * DP_VLAN_BYTES;
}

/* What the rewrite of both addresses adds to a checksum, to be kept in dp_flow_half.delta at installation. Ports are
 * not in it: a later fragment has none, and in ICMP only one of the two stands in the packet. */
DP_INLINE __u16 dp_rewrite_delta(const struct dp_flow_half *half)
{
	return dp_checksum_fold(dp_checksum_delta_address(&half->source, &half->new_source) +
				dp_checksum_delta_address(&half->destination, &half->new_destination));
}

/* MAC addresses, tag, EtherType. */
DP_INLINE void dp_rewrite_link(__u8 *frame, const struct dp_packet *packet, const struct dp_next_hop *next_hop)
{
	struct dp_ethernet *ethernet = (struct dp_ethernet *)frame;
	struct dp_vlan *tag = (struct dp_vlan *)(ethernet + 1);

	*(struct dp_mac_pair *)frame = *(const struct dp_mac_pair *)next_hop->destination_mac;
	if (next_hop->vlan) {
		ethernet->type = dp_htons(DP_ETHERTYPE_VLAN);
		tag->control = dp_htons(next_hop->vlan);
		tag->type = dp_htons(packet->ether_type);
	} else if (packet->tags) {
		ethernet->type = dp_htons(packet->ether_type);
	}
}

/* One hop less; `delta` goes into the header's check together with it. */
DP_INLINE void dp_rewrite_hop4(struct dp_ipv4 *ip, __u32 delta)
{
	delta += dp_checksum_delta16(dp_htons((__u16)(ip->ttl << 8)), dp_htons((__u16)((ip->ttl - 1) << 8)));
	ip->checksum = dp_checksum_update(ip->checksum, delta);
	ip->ttl--;
}

/* Returns what the change adds to a checksum. */
DP_INLINE __u32 dp_rewrite_port(__u8 *at, __be16 port)
{
	struct dp_half *field = (struct dp_half *)at;
	__u32 delta = dp_checksum_delta16(field->value, port);

	field->value = port;
	return delta;
}

DP_INLINE int dp_rewrite_tcp(__u8 *l4, const __u8 *end, const struct dp_flow_view *view)
{
	struct dp_tcp *tcp = (struct dp_tcp *)l4;
	__u32 delta = view->delta;

	if (l4 + sizeof(*tcp) > end)
		return 0;
	delta += dp_rewrite_port(l4, view->new_source_port);
	delta += dp_rewrite_port(l4 + 2, view->new_destination_port);
	tcp->checksum = dp_checksum_update(tcp->checksum, delta);
	return 1;
}

DP_INLINE int dp_rewrite_udp(__u8 *l4, const __u8 *end, const struct dp_flow_view *view)
{
	struct dp_udp *udp = (struct dp_udp *)l4;
	__u32 delta = view->delta;

	if (l4 + sizeof(*udp) > end)
		return 0;
	delta += dp_rewrite_port(l4, view->new_source_port);
	delta += dp_rewrite_port(l4 + 2, view->new_destination_port);
	udp->checksum = dp_checksum_update_udp(udp->checksum, delta);
	return 1;
}

/* Of the two ports of a query or answer only the identifier stands in the packet (model/packet.h). `delta`: of the
 * pseudo header, which ICMPv6 has and ICMP has not. */
DP_INLINE int dp_rewrite_icmp(__u8 *l4, const __u8 *end, const struct dp_packet *packet,
			      const struct dp_flow_view *view, __u32 delta)
{
	struct dp_icmp *icmp = (struct dp_icmp *)l4;

	if (l4 + sizeof(*icmp) > end)
		return 0;
	if (packet->flags & DP_PACKET_ICMP_QUERY)
		delta += dp_rewrite_port(l4 + 4, view->new_source_port);
	else if (packet->flags & DP_PACKET_ICMP_ANSWER)
		delta += dp_rewrite_port(l4 + 4, view->new_destination_port);
	icmp->checksum = dp_checksum_update(icmp->checksum, delta);
	return 1;
}

/* Ports and check of the transport header. Other protocols, and later fragments, have nothing to change. */
DP_INLINE int dp_rewrite_transport(__u8 *l4, const __u8 *end, const struct dp_packet *packet,
				   const struct dp_flow_view *view)
{
	if (packet->protocol == DP_PROTOCOL_TCP)
		return dp_rewrite_tcp(l4, end, view);
	if (packet->protocol == DP_PROTOCOL_UDP)
		return dp_rewrite_udp(l4, end, view);
	if (packet->protocol == DP_PROTOCOL_ICMP && packet->family == DP_FAMILY_V4)
		return dp_rewrite_icmp(l4, end, packet, view, 0);
	if (packet->protocol == DP_PROTOCOL_ICMPV6 && packet->family == DP_FAMILY_V6)
		return dp_rewrite_icmp(l4, end, packet, view, view->delta);
	return 1;
}

/* Nothing is written behind the IP header without DP_FLOW_REWRITE. */
DP_INLINE int dp_rewrite_ipv4(__u8 *l3, const __u8 *end, const struct dp_flow_view *view)
{
	struct dp_ipv4 *ip = (struct dp_ipv4 *)l3;

	if (l3 + sizeof(*ip) > end)
		return 0;
	if (!(view->link & DP_FLOW_REWRITE)) {
		dp_rewrite_hop4(ip, 0);
		return 1;
	}
	ip->source = view->new_source.word[0];
	ip->destination = view->new_destination.word[0];
	dp_rewrite_hop4(ip, view->delta);
	return 1;
}

DP_INLINE int dp_rewrite_ipv6(__u8 *l3, const __u8 *end, const struct dp_flow_view *view)
{
	struct dp_ipv6 *ip = (struct dp_ipv6 *)l3;

	if (l3 + sizeof(*ip) > end)
		return 0;
	ip->hop_limit--;
	if (view->link & DP_FLOW_REWRITE) {
		ip->source = view->new_source;
		ip->destination = view->new_destination;
	}
	return 1;
}

/* Returns 0 when the frame does not hold the headers its facts speak of, which parsing has excluded: a defect. */
DP_INLINE int dp_rewrite(void *frame, const void *end, const struct dp_packet *packet,
			 const struct dp_flow_view *view, const struct dp_next_hop *next_hop)
{
	const __u8 *limit = (const __u8 *)end;
	__u8 *l3 = (__u8 *)frame + DP_ETHERNET_BYTES;
	__u32 header_bytes = packet->l4_offset - packet->l3_offset;
	int whole;

	if (next_hop->vlan)
		l3 += DP_VLAN_BYTES;
	whole = packet->family == DP_FAMILY_V4 ? dp_rewrite_ipv4(l3, limit, view)
					       : dp_rewrite_ipv6(l3, limit, view);
	if (!whole)
		return 0;
	dp_rewrite_link((__u8 *)frame, packet, next_hop);
	if (!(view->link & DP_FLOW_REWRITE) || packet->l4_offset == 0)
		return 1;
	DP_LAUNDER(header_bytes);
	header_bytes &= DP_L4_OFFSET_MASK;
	return dp_rewrite_transport(l3 + header_bytes, limit, packet, view);
}

#endif
