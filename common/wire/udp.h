/* udp.h - the UDP header.
 *
 * Order    network.
 * Source   RFC 768; checksum zero over IPv6: RFC 8200 section 8.1, RFC 6936.
 */
#ifndef DP_WIRE_UDP_H
#define DP_WIRE_UDP_H

#include "../target.h"

enum {
	DP_UDP_BYTES = 8,
	DP_UDP_CHECK_AT = 6, /* offset of the checksum */
};

struct dp_udp {
	__be16 source_port;
	__be16 destination_port;
	__be16 length;   /* header and data */
	__be16 checksum; /* 0: none was computed; a computed 0 is sent as 0xffff */
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_udp) == DP_UDP_BYTES, "RFC 768");

#endif
