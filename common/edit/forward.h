/* forward.h - the last thing done to a frame that is forwarded: translated if its flow says so, one hop less, MAC addresses
 * and tag of its next hop.
 *
 * Input    a frame that parsed without objection, TTL above 1, and a next hop for it. What a frame is wrapped in on its
 *          way out belongs to the next hop, never to the flow: a neighbour's change is one write.
 * Tags     The new frame has the next hop's tag or none. The caller reads it once (dp_next_hop_tag), because it may change
 *          at any moment. When the number of tags changes, the frame's front moves: the caller moves its start by
 *          dp_forward_growth first (bpf_xdp_adjust_head takes it negated) and passes the new start; facts in `packet` stay
 *          those of arrival. Priority bits of an old tag are not kept, as in Linux.
 * Source   RFC 1812 section 5.3.1 (TTL), RFC 8200 section 3 (hop limit), RFC 1624.
 */
#ifndef DP_FORWARD_H
#define DP_FORWARD_H

#include "../model/next_hop.h"
#include "../wire/ethernet.h"
#include "../wire/words.h"
#include "translate.h"

/* Bytes by which the frame grows: 4, 0, -4 or -8. */
DP_INLINE int dp_forward_growth(const struct dp_packet *packet, __u16 tag)
{
	return (tag ? DP_VLAN_BYTES : 0) - packet->tags * DP_VLAN_BYTES;
}

/* MAC addresses, tag, EtherType. */
DP_INLINE void dp_forward_link(__u8 *frame, const struct dp_packet *packet,
			       const struct dp_next_hop *next_hop, __u16 tag)
{
	struct dp_ethernet *ethernet = (struct dp_ethernet *)frame;
	struct dp_vlan *vlan = (struct dp_vlan *)(ethernet + 1);

	dp_store64(frame, dp_next_hop_mac_front(next_hop));
	dp_store32(frame + 8, dp_next_hop_mac_back(next_hop));
	if (tag) {
		ethernet->type = dp_htons(DP_ETHERTYPE_VLAN);
		vlan->control = dp_htons(tag);
		vlan->type = dp_htons(packet->ether_type);
	} else if (packet->tags) {
		ethernet->type = dp_htons(packet->ether_type);
	}
}

/* Makes a frame that is passed to Linux one to all stations of the link: Linux shows it to its sockets, and forwards it to
 * nobody, whatever its destination (ip_forward() takes frames to its own MAC address alone). 0: a defect. */
DP_INLINE int dp_to_all_stations(__u8 *frame, const __u8 *end)
{
	if (frame + DP_ETHERNET_BYTES > end)
		return 0;
	dp_store32(frame, 0xffffffff);
	dp_store16(frame + 4, 0xffff);
	return 1;
}

DP_INLINE int dp_forward_ttl(__u8 *l3, const __u8 *end)
{
	struct dp_ipv4 *ip = (struct dp_ipv4 *)l3;

	if (l3 + sizeof(*ip) > end)
		return 0;
	ip->checksum = dp_checksum_update(ip->checksum,
					  dp_checksum_delta16(dp_htons((__u16)(ip->ttl << 8)),
							      dp_htons((__u16)((ip->ttl - 1) << 8))));
	ip->ttl--;
	return 1;
}

DP_INLINE int dp_forward_hop_limit(__u8 *l3, const __u8 *end)
{
	struct dp_ipv6 *ip = (struct dp_ipv6 *)l3;

	if (l3 + sizeof(*ip) > end)
		return 0;
	ip->hop_limit--;
	return 1;
}

/* Nothing behind the IP header is written unless the flow is translated. Returns 0 when the frame does not hold the headers
 * that its facts speak of, which parsing has excluded: a defect. */
DP_INLINE int dp_forward(void *frame, const void *end, const struct dp_packet *packet,
			 const struct dp_flow_view *view, const struct dp_next_hop *next_hop, __u16 tag)
{
	const __u8 *limit = (const __u8 *)end;
	__u8 *l3 = (__u8 *)frame + DP_ETHERNET_BYTES;
	struct dp_edits edits;

	if (tag)
		l3 += DP_VLAN_BYTES;
	if (view->link & DP_FLOW_REWRITE) {
		dp_translate_edits(packet, view, &edits);
		if (!dp_translate_apply(l3, limit, &edits))
			return 0;
	}
	if (!(packet->family == DP_FAMILY_V4 ? dp_forward_ttl(l3, limit) : dp_forward_hop_limit(l3, limit)))
		return 0;
	dp_forward_link((__u8 *)frame, packet, next_hop, tag);
	return 1;
}

#endif
