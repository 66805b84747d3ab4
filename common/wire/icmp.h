/* icmp.h - ICMP and ICMPv6 messages.
 *
 * Order    network.
 * Source   RFC 792, RFC 4443; quoting messages: RFC 792, RFC 4443 section 2.1 (types below 128 are errors).
 */
#ifndef DP_WIRE_ICMP_H
#define DP_WIRE_ICMP_H

#include "../target.h"

enum {
	DP_ICMP_BYTES = 8,         /* every message of both RFCs has eight bytes at least */
	DP_ICMP_CHECK_AT = 2,      /* offset of the checksum */
	DP_ICMP_IDENTIFIER_AT = 4, /* of queries and answers */
	DP_ICMP_ECHO_REPLY = 0,
	DP_ICMP_UNREACHABLE = 3,
	DP_ICMP_SOURCE_QUENCH = 4,
	DP_ICMP_REDIRECT = 5,
	DP_ICMP_ECHO = 8,
	DP_ICMP_TIME_EXCEEDED = 11,
	DP_ICMP_PARAMETER_PROBLEM = 12,
	DP_ICMP_TIMESTAMP = 13,
	DP_ICMP_TIMESTAMP_REPLY = 14,

	DP_ICMP_CODE_NET_UNREACHABLE = 0,
	DP_ICMP_CODE_HOST_UNREACHABLE = 1,
	DP_ICMP_CODE_PORT_UNREACHABLE = 3,
	DP_ICMP_CODE_FRAGMENTATION_NEEDED = 4,
	DP_ICMP_CODE_ADMIN_PROHIBITED = 13,

	DP_ICMPV6_UNREACHABLE = 1,
	DP_ICMPV6_TOO_BIG = 2,
	DP_ICMPV6_TIME_EXCEEDED = 3,
	DP_ICMPV6_PARAMETER_PROBLEM = 4,
	DP_ICMPV6_FIRST_INFORMATIONAL = 128,
	DP_ICMPV6_ECHO = 128,
	DP_ICMPV6_ECHO_REPLY = 129,
	DP_ICMPV6_ROUTER_SOLICITATION = 133,
	DP_ICMPV6_ROUTER_ADVERTISEMENT = 134,
	DP_ICMPV6_NEIGHBOUR_SOLICITATION = 135,
	DP_ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136,
	DP_ICMPV6_REDIRECT = 137,

	DP_ICMPV6_CODE_NO_ROUTE = 0,
	DP_ICMPV6_CODE_ADMIN_PROHIBITED = 1,
	DP_ICMPV6_CODE_ADDRESS_UNREACHABLE = 3,
	DP_ICMPV6_CODE_PORT_UNREACHABLE = 4,
};

struct dp_icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;   /* ICMPv6: with a pseudo header; ICMP: without */
	__be16 identifier; /* of queries and answers */
	__be16 sequence; /* of queries and answers; next-hop MTU of IPv4's "fragmentation needed" */
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_icmp) == DP_ICMP_BYTES, "RFC 792");

#endif
