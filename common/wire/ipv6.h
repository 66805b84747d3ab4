/* ipv6.h - the IPv6 header and its extension headers.
 *
 * Order    network.
 * Source   RFC 8200. RFC 7045 lists the extension headers; those that are followed here are the ones a packet may
 *          carry in front of its transport header on the open network: hop-by-hop and destination options, routing,
 *          fragment. AH, ESP, mobility, HIP and Shim6 end the chain: they are protocols of their own.
 */
#ifndef DP_WIRE_IPV6_H
#define DP_WIRE_IPV6_H

#include "../model/address.h"
#include "ipv4.h"

enum {
	DP_IPV6_BYTES = 40,
	DP_IPV6_EXTENSION_BYTES = 8, /* the least, and the unit of their length fields */
	DP_IPV6_EXTENSIONS_MAX = 6,  /* RFC 8200's recommended chain has no more */
	DP_IPV6_MORE_FRAGMENTS = 1,
	DP_IPV6_OFFSET_MASK = 0xfff8, /* in bytes as it stands */
	DP_IPV6_MTU_MIN = 1280,
};

struct dp_ipv6 {
	__be32 version_class_flow;
	__be16 payload_length; /* all behind this header */
	__u8 next_header;
	__u8 hop_limit;
	struct dp_address source;
	struct dp_address destination;
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_ipv6) == DP_IPV6_BYTES, "RFC 8200 section 3");

/* The first eight bytes of every extension header that is followed. */
struct dp_ipv6_extension {
	__u8 next_header;
	__u8 length; /* in units of eight bytes, the first eight not counted; reserved in a fragment header */
	__be16 offset_more; /* fragment header only */
	__be32 identification;
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_ipv6_extension) == DP_IPV6_EXTENSION_BYTES, "RFC 8200 section 4");

#endif
