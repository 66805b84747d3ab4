/* packet.h - the facts that parsing finds in one frame.
 *
 * Owner    the datapath that holds the frame; lives on the stack, in a per-CPU scratch entry, or beside the frame.
 * Order    addresses, ports, sequence numbers: network. Offsets, lengths, VLAN ids, EtherType: host.
 */
#ifndef DP_PACKET_H
#define DP_PACKET_H

#include "address.h"

enum dp_packet_flag {
	DP_PACKET_TO_US = 1u << 0,          /* destination MAC is one of the ingress port's */
	DP_PACKET_LINK_GROUP = 1u << 1,     /* destination MAC is multicast or broadcast */
	DP_PACKET_IP = 1u << 2,             /* addresses, protocol and ttl are set */
	DP_PACKET_FRAGMENT = 1u << 3,       /* any fragment that is not a whole packet */
	DP_PACKET_FIRST_FRAGMENT = 1u << 4, /* FRAGMENT at offset 0: transport header present */
	DP_PACKET_DONT_FRAGMENT = 1u << 5,  /* IPv4 DF; always set for IPv6 */
	DP_PACKET_SOURCE_ROUTE = 1u << 6,   /* IPv4 source route option or IPv6 routing header */
	DP_PACKET_ICMP_ERROR = 1u << 7,     /* ICMP or ICMPv6 message that quotes a packet */
	DP_PACKET_ICMP_QUERY = 1u << 8,     /* ICMP message that starts a flow: echo, timestamp */
	DP_PACKET_ICMP_ANSWER = 1u << 9,    /* ICMP message that answers a query */
	DP_PACKET_ATOMIC = 1u << 10, /* IPv6 fragment header with offset 0 and no more: a whole packet */
};

/* Ports of ICMP queries: the query has source_port = identifier and destination_port = type << 8 | code; the answer
 * has them the other way round, with the type of the query. So the two keys mirror one another as TCP's do, and an
 * echo request of the other side with the same identifier is another flow. Other ICMP has both ports zero.
 * Protocols without ports have both zero. */
struct dp_packet {
	struct dp_address source;
	struct dp_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 family; /* enum dp_family */
	__u8 protocol; /* of the transport header; of the first unknown header when the chain ends there */
	__u8 zone; /* of the ingress port */
	__u8 ttl;
	__u32 flags;       /* enum dp_packet_flag */
	__u32 frame_bytes; /* whole frame, tags included, L2 padding included */
	__u16 ingress;     /* port number */
	__u16 ether_type;  /* behind the tags */
	__u16 vlan; /* id of the first tag that names a VLAN, 0 when none does: the frame is untagged */
	__u16 inner_vlan; /* id of the second one, 0 when there is none */
	__u16 l3_offset;  /* from the start of the frame */
	__u16 l4_offset;  /* 0 when there is no transport header (later fragments) */
	__u16 l3_bytes;   /* IP header to the end of the packet, padding excluded */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 tags;            /* 0, 1, 2: also those that name no VLAN */
	__u16 tcp_data_bytes; /* of this frame, behind the header */
	__be32 tcp_sequence;
	__be32 tcp_acknowledgement;
};

/* Above every possible l4_offset: a mask that tells the verifier so. */
enum { DP_L4_OFFSET_MASK = 0x3fff };

DP_STATIC_ASSERT(sizeof(struct dp_packet) == 76, "no hidden padding");

#endif
