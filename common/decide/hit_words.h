/* hit_words.h - the parts of a plain hit (hit.h) that both families share. */
#ifndef DP_HIT_WORDS_H
#define DP_HIT_WORDS_H

#include "../env.h"
#include "../flow/table.h"
#include "../wire/checksum.h"
#include "../wire/ethernet.h"
#include "../wire/ipv6.h"
#include "../wire/tcp.h"
#include "../wire/udp.h"
#include "../wire/words.h"

struct dp_hit {
	/* the flow's half, copied while its control word stood */
	__u64 route; /* stamp, next hop and port: dp_flow_route_word */
	__u32 slot;
	__u32 control;
	__u32 link;
	__u16 delta;
	__u16 delta_ports;
	__u32 new_ports;        /* both; these and the addresses with DP_FLOW_REWRITE alone */
	__u64 new_addresses[4]; /* source, then destination; IPv4: both in the first */
	union {
		struct dp_flow_entry4 *v4;
		struct dp_flow_entry6 *v6;
	} entry; /* where to count; valid as long as the packet */
	/* the packet */
	__u32 l3_bytes;
	__be32 acked; /* what it acknowledges; not TCP: 0 */
	__u8 family;
	__u8 protocol;
	/* the next hop, read once: all questions and the new header see the same */
	__u16 egress;    /* its port */
	__u16 device;    /* that of the port */
	__u64 mac_front; /* both MAC addresses, as they are to stand in the frame */
	__u32 mac_back;
};

/* Words that hold several fields of a struct. */
DP_STATIC_ASSERT(offsetof(struct dp_port, mac) + 8 <= sizeof(struct dp_port),
		 "eight bytes from the MAC address on");

/* The shortest frame that can be a plain hit: UDP over IPv4 without data. */
enum {
	DP_HIT_BYTES_MIN = sizeof(struct dp_ethernet) + sizeof(struct dp_ipv4) + sizeof(struct dp_udp)
};

/* Long enough to be one, and to our MAC: the condition of everything else. */
DP_INLINE int dp_hit_link(const __u8 *frame, const __u8 *end, const struct dp_port *port)
{
	return frame + DP_HIT_BYTES_MIN <= end && (dp_load64(frame) ^ dp_load64(port->mac)) << 16 == 0;
}

/* `bytes` ≥ DP_UDP_BYTES: of the IP packet, from the transport header on. A TCP segment with SYN, FIN or RST may change its
 * flow; one with neither RST nor ACK is bad. */
DP_INLINE enum dp_hit_verdict dp_hit_transport(const __u8 *l4, const __u8 *end, __u32 bytes, struct dp_hit *hit)
{
	__u32 ports = dp_load32(l4), protocol = hit->protocol, length;

	if (!(ports & 0xffff) || !(ports >> 16))
		return DP_HIT_ODD;
	hit->acked = 0;
	if (protocol == DP_PROTOCOL_UDP) {
		length = dp_ntohs(dp_load16(l4 + offsetof(struct dp_udp, length)));
		return length < DP_UDP_BYTES || length > bytes ? DP_HIT_ODD : DP_HIT_FORWARD;
	}
	if (protocol != DP_PROTOCOL_TCP || l4 + DP_TCP_BYTES > end)
		return DP_HIT_ODD;
	length = (l4[offsetof(struct dp_tcp, data_offset)] >> 4) * 4u;
	if (length < DP_TCP_BYTES || length > bytes)
		return DP_HIT_ODD;
	hit->acked = dp_load32(l4 + offsetof(struct dp_tcp, acknowledgement));
	return (l4[offsetof(struct dp_tcp, flags)] & (DP_TCP_SYN | DP_TCP_FIN | DP_TCP_RST | DP_TCP_ACK)) == DP_TCP_ACK
		       ? DP_HIT_FORWARD
		       : DP_HIT_NOT;
}

/* Ports, protocol and zone as the last word of a key: dp_flow_ports. */
DP_INLINE __u64 dp_hit_ports_word(const __u8 *l4, __u32 protocol, const struct dp_port *port)
{
	return dp_load32(l4) | (__u64)protocol << 32 | (__u64)port->zone << 40;
}

/* States in which a packet of this kind changes nothing. A one-way UDP stream stays half-open, and is fast. */
DP_INLINE int dp_hit_steady(const struct dp_hit *hit)
{
	__u32 state = hit->control & DP_FLOW_STATE_MASK;

	if (state == DP_FLOW_ASSURED)
		return 1;
	return state == DP_FLOW_HALF_OPEN && hit->protocol != DP_PROTOCOL_TCP &&
	       (hit->link & (DP_FLOW_FORWARD | DP_FLOW_ANSWERED)) == DP_FLOW_FORWARD;
}

/* Can the next hop take this packet as it is? */
DP_INLINE int dp_hit_hop(struct dp_env *env, struct dp_hit *hit)
{
	const struct dp_next_hop *hop = dp_env_next_hop(env, (__u32)(hit->route >> 32) & 0xffff);
	__u32 tag_and_flags;

	if (!hop)
		return 0;
	tag_and_flags = dp_next_hop_tag_and_flags(hop);
	hit->mac_front = dp_next_hop_mac_front(hop);
	hit->mac_back = dp_next_hop_mac_back(hop);
	hit->egress = hop->port;
	hit->device = hop->device;
	return tag_and_flags == (DP_NEXT_HOP_RESOLVED | DP_NEXT_HOP_UP) << 16 && hit->l3_bytes <= hop->mtu;
}

/* Other bits than 0: this packet did not come in where packets of its half come in, and that port is strict about sources. */
DP_INLINE __u32 dp_hit_astray(const struct dp_port *port, __u32 number, const struct dp_hit *hit)
{
	__u32 strict = 0u - (__u32)(port->source_check / DP_SOURCE_CHECK_STRICT);

	return (number ^ (__u32)(hit->route >> 48)) & strict;
}

/* The flow's half is found and copied: what becomes of the packet that came in by the port `number`? */
DP_INLINE enum dp_hit_verdict dp_hit_judge(struct dp_env *env, const struct dp_settings *settings,
					   const struct dp_port *port, __u32 number, struct dp_hit *hit)
{
	__u32 other = (__u32)hit->route ^ DP_LOAD(&settings->stamp);

	if ((other | dp_hit_astray(port, number, hit)) || !dp_hit_steady(hit))
		return DP_HIT_FOUND;
	if (hit->link & (DP_FLOW_HELD | DP_FLOW_FINS | DP_FLOW_USER))
		return hit->link & (DP_FLOW_HELD | DP_FLOW_FINS) ? DP_HIT_FOUND : DP_HIT_USER;
	return dp_hit_hop(env, hit) ? DP_HIT_FORWARD : DP_HIT_FOUND;
}

DP_INLINE void dp_hit_write_macs(__u8 *frame, const struct dp_hit *hit)
{
	dp_store64(frame, hit->mac_front);
	dp_store32(frame + 8, hit->mac_back);
}

/* Translates ports and check of the transport header: 0 when it is not there, a defect. */
DP_INLINE int dp_hit_translate(__u8 *l4, const __u8 *end, const struct dp_hit *hit)
{
	__u32 delta = (__u32)hit->delta + hit->delta_ports;
	__u8 *check = l4 + DP_UDP_CHECK_AT;

	if (hit->protocol == DP_PROTOCOL_TCP) {
		if (l4 + DP_TCP_BYTES > end)
			return 0;
		check = l4 + DP_TCP_CHECK_AT;
		dp_store16(check, dp_checksum_update(dp_load16(check), delta));
	} else {
		dp_store16(check, dp_checksum_update_udp(dp_load16(check), delta));
	}
	dp_store32(l4, hit->new_ports);
	return 1;
}

#endif
