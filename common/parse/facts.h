/* facts.h - writes what headers say into struct dp_packet: the part that both ways of parsing share (parse.h). */
#ifndef DP_FACTS_H
#define DP_FACTS_H

#include "../model/packet.h"
#include "../model/verdict.h"
#include "../wire/ipv4.h"
#include "../wire/ipv6.h"
#include "../wire/tcp.h"

/* Every field but `ingress` and `zone`. */
DP_INLINE void dp_packet_clear(struct dp_packet *packet, __u32 frame_bytes)
{
	DP_UNROLL
	for (__u32 i = 0; i < 4; i++) {
		packet->source.word[i] = 0;
		packet->destination.word[i] = 0;
	}
	packet->source_port = 0;
	packet->destination_port = 0;
	packet->family = DP_FAMILY_NONE;
	packet->protocol = 0;
	packet->ttl = 0;
	packet->flags = 0;
	packet->frame_bytes = frame_bytes;
	packet->ether_type = 0;
	packet->vlan = 0;
	packet->inner_vlan = 0;
	packet->l3_offset = 0;
	packet->l4_offset = 0;
	packet->l3_bytes = 0;
	packet->tcp_flags = 0;
	packet->icmp_type = 0;
	packet->icmp_code = 0;
	packet->tags = 0;
	packet->tcp_data_bytes = 0;
	packet->tcp_sequence = 0;
	packet->tcp_acknowledgement = 0;
}

/* Flags that no stack sends. Besides the contradictions: a segment without SYN or RST carries ACK (RFC 9293 section
 * 3.10.7.4), so neither FIN nor PSH nor nothing stands alone. */
DP_INLINE int dp_tcp_flags_bad(__u8 flags)
{
	if (flags & DP_TCP_SYN)
		return (flags & (DP_TCP_FIN | DP_TCP_RST)) != 0;
	if (flags & DP_TCP_ACK)
		return 0;
	return !(flags & DP_TCP_RST) || (flags & DP_TCP_FIN);
}

DP_INLINE void dp_note_ports(struct dp_packet *packet, __be16 source, __be16 destination)
{
	packet->source_port = source;
	packet->destination_port = destination;
}

/* `data_bytes`: what of the packet lies behind the header. */
DP_INLINE void dp_note_tcp(struct dp_packet *packet, const struct dp_tcp *tcp, __u32 data_bytes)
{
	dp_note_ports(packet, tcp->source_port, tcp->destination_port);
	packet->tcp_flags = tcp->flags;
	packet->tcp_data_bytes = (__u16)data_bytes;
	packet->tcp_sequence = tcp->sequence;
	packet->tcp_acknowledgement = tcp->acknowledgement;
}

DP_INLINE void dp_note_ipv4(struct dp_packet *packet, const struct dp_ipv4 *ip)
{
	packet->family = DP_FAMILY_V4;
	packet->flags |= DP_PACKET_IP;
	if (ip->fragment & dp_htons(DP_IPV4_DONT_FRAGMENT))
		packet->flags |= DP_PACKET_DONT_FRAGMENT;
	packet->source.word[0] = ip->source;
	packet->destination.word[0] = ip->destination;
	packet->protocol = ip->protocol;
	packet->ttl = ip->ttl;
	packet->l3_bytes = dp_ntohs(ip->total_length);
}

DP_INLINE void dp_note_ipv6(struct dp_packet *packet, const struct dp_ipv6 *ip)
{
	packet->family = DP_FAMILY_V6;
	packet->flags |= DP_PACKET_IP | DP_PACKET_DONT_FRAGMENT;
	packet->source = ip->source;
	packet->destination = ip->destination;
	packet->protocol = ip->next_header;
	packet->ttl = ip->hop_limit;
	packet->l3_bytes = DP_IPV6_BYTES + dp_ntohs(ip->payload_length);
}

DP_INLINE int dp_packet_land(const struct dp_packet *packet)
{
	const struct dp_address *source = &packet->source;

	return dp_address_equal(source, &packet->destination) &&
	       (source->word[0] | source->word[1] | source->word[2] | source->word[3]) != 0;
}

#endif
