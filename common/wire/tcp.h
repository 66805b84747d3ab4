/* tcp.h - the TCP header.
 *
 * Order    network.
 * Source   RFC 9293 section 3.1; ECN bits: RFC 3168.
 */
#ifndef DP_WIRE_TCP_H
#define DP_WIRE_TCP_H

#include "../target.h"

enum {
	DP_TCP_BYTES = 20,    /* without options */
	DP_TCP_CHECK_AT = 16, /* offset of the checksum */
	DP_TCP_FIN = 0x01,
	DP_TCP_SYN = 0x02,
	DP_TCP_RST = 0x04,
	DP_TCP_PSH = 0x08,
	DP_TCP_ACK = 0x10,
	DP_TCP_URG = 0x20,
	DP_TCP_ECE = 0x40,
	DP_TCP_CWR = 0x80,
};

struct dp_tcp {
	__be16 source_port;
	__be16 destination_port;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 data_offset; /* header length in 32-bit words in the upper half */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
} DP_WIRE;
DP_STATIC_ASSERT(sizeof(struct dp_tcp) == DP_TCP_BYTES, "RFC 9293");

#endif
