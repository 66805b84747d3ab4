/* arp.h - ARP for IPv4 over Ethernet.
 *
 * Source   RFC 826.
 */
#ifndef DP_WIRE_ARP_H
#define DP_WIRE_ARP_H

#include "../target.h"

enum {
	DP_ARP_HARDWARE_ETHERNET = 1,
	DP_ARP_REQUEST = 1,
	DP_ARP_REPLY = 2,
};

/* Addresses are byte arrays: behind a 6-byte MAC nothing is aligned, not even in the RFC's drawing. */
struct dp_arp {
	__be16 hardware;
	__be16 protocol; /* DP_ETHERTYPE_IPV4 */
	__u8 hardware_bytes;
	__u8 protocol_bytes;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender_address[4];
	__u8 target_mac[6];
	__u8 target_address[4];
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_arp) == 28, "RFC 826");

#endif
