/* ipv4.h - the IPv4 header.
 *
 * Order    network.
 * Source   RFC 791; option numbers: IANA, RFC 791 section 3.1.
 */
#ifndef DP_WIRE_IPV4_H
#define DP_WIRE_IPV4_H

#include "../target.h"

enum {
	DP_IPV4_BYTES = 20,            /* without options */
	DP_IPV4_OPTION_BYTES_MAX = 40, /* the header length has four bits: 60 bytes in all */
	DP_IPV4_OPTION_WORDS_MAX = 10,
	DP_IPV4_OPTION_MASK = 63, /* above every offset into the options, for the verifier */
	DP_IPV4_DONT_FRAGMENT = 0x4000,
	DP_IPV4_MORE_FRAGMENTS = 0x2000,
	DP_IPV4_OFFSET_MASK = 0x1fff, /* in units of eight bytes */
	DP_IPV4_PLAIN = 0x45,         /* version 4, no options */
	DP_IPV4_OPTION_END = 0,
	DP_IPV4_OPTION_NOP = 1,
	DP_IPV4_OPTION_LOOSE_SOURCE_ROUTE = 131,
	DP_IPV4_OPTION_STRICT_SOURCE_ROUTE = 137,
	DP_IP_BYTES_MAX = 65535, /* the largest datagram, and the largest IPv6 payload */
};

/* Numbers of the protocol field and of IPv6's next header (IANA). */
enum {
	DP_PROTOCOL_HOP_BY_HOP = 0,
	DP_PROTOCOL_ICMP = 1,
	DP_PROTOCOL_TCP = 6,
	DP_PROTOCOL_UDP = 17,
	DP_PROTOCOL_ROUTING = 43,
	DP_PROTOCOL_FRAGMENT = 44,
	DP_PROTOCOL_ESP = 50,
	DP_PROTOCOL_AH = 51,
	DP_PROTOCOL_ICMPV6 = 58,
	DP_PROTOCOL_NO_NEXT_HEADER = 59,
	DP_PROTOCOL_DESTINATION_OPTIONS = 60,
};

struct dp_ipv4 {
	__u8 version_ihl; /* header length in 32-bit words in the lower half */
	__u8 service;
	__be16 total_length;
	__be16 identification;
	__be16 fragment; /* reserved, DF, MF, then 13 bits of offset */
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_ipv4) == DP_IPV4_BYTES, "RFC 791");

#endif
