/* model.h - what the generator's and the sink's BPF programs share with user space.
 *
 * Compiles  as BPF C and C++20.
 * Owner     a lane belongs to one CPU: user space writes it before the lane's thread starts, the
 *           program from then on. Counters are per CPU and written by the programs alone.
 */
#ifndef PKTGEN_MODEL_H
#define PKTGEN_MODEL_H

#include "common/target.h"

/* The payload of our packets, right behind the transport header; network order. */
struct pktgen_stamp {
	__be16 magic;
	__be32 flow;
	__be32 sequence; /* grows with every packet of a lane, so also within a flow; gaps are normal */
	__be64 sent_ns; /* monotonic clock; 0: not taken for this packet */
} __attribute__((packed));

DP_STATIC_ASSERT(sizeof(struct pktgen_stamp) == 18, "fits a 64-byte frame of UDP over IPv4");

/* One digit of a flow's number, which is read like a number with as many digits as fields vary.
 * The quotient by `count` is number * inverse >> shift: exact below 2^31, and a tenth of what a
 * division costs (Granlund and Montgomery, "Division by invariant integers", theorem 4.2). */
struct pktgen_digit {
	__u32 first; /* host order */
	__u32 count;
	__u32 inverse; /* ceil(2^shift / count) */
	__u32 shift;   /* 31 + ceil(log2(count)) */
};

enum {
	PKTGEN_NUMBER_MASK = 0x7fffffff,
	PKTGEN_TEMPLATE_WORDS = 10, /* Ethernet, IPv6 and TCP headers, in eights */
	PKTGEN_SIZES = 3,
	PKTGEN_IMIX_ROUND = 12,
	PKTGEN_SHARE_SHIFT = 36, /* new flows per nanosecond, as a binary fraction */
};

/* TCP as both ends would have it after a handshake without data. */
enum {
	PKTGEN_CLIENT_SEQUENCE = 1000,
	PKTGEN_SERVER_SEQUENCE = 5000,
	PKTGEN_TCP_SYN = 0x02,
	PKTGEN_TCP_ACK = 0x10,
};

/* What does not change while a generator lives: constants for the verifier. */
struct pktgen_plan {
	__u64 header[PKTGEN_TEMPLATE_WORDS];
	__u64 ip_sum; /* of the IPv4 header in the template */
	__u64 l4_sum; /* of the transport header, the pseudo header without length, and the magic */
	struct pktgen_digit source_port, source, destination_port, destination;
	__u32 family; /* 4 or 6 */
	__u32 protocol;
	__u32 header_bytes; /* Ethernet to transport */
	__u32 write_bytes; /* what the program writes at least: template or payload, whichever ends later */
	__u32 sizes[PKTGEN_SIZES]; /* of the buffer; all equal without IMIX */
	__u32 imix;
	__u32 random;
	__u32 stamps;
	__u32 clock_mask; /* the time is taken when the packet's number has none of these bits */
	__u32 tcp_flags;  /* 0: SYN first, then ACK */
	__u16 magic;
	__u16 padding[3];
};

/* One generator thread. Its flows are those whose number leaves `lane` when divided by `lanes`;
 * counted here without the others: 0, 1, 2, ... */
struct pktgen_lane {
	__u64 packets;
	__u64 bytes; /* of the buffers: without check sequence */
	__u64 limit; /* stop after so many packets */
	__u64 random;
	__u64 share;    /* new flows per nanosecond << PKTGEN_SHARE_SHIFT */
	__u64 due;      /* new flows due, the same fraction */
	__u64 clock_ns; /* when `due` was reckoned; 0: never */
	__u32 lane;
	__u32 lanes;
	__u32 flows;  /* at work at a time */
	__u32 base;   /* the oldest at work */
	__u32 next;   /* the first never sent */
	__u32 cursor; /* order in sequence: the next to send */
	__u32 every_packet_new;
	__u32 imix;
};

/* What the sink is to do. */
struct pktgen_duty {
	__u32 family;
	__u32 protocol;
	__u32 header_bytes;
	__u32 stamps;
	__u32 watched_flows; /* 0: no order */
	__u32 checksum_mask; /* packets without these bits in their number are verified */
	__u32 check_checksums;
	__u32 measure_latency;
	__u32 reply;
	__u16 magic;
	__u16 reply_magic;
};

struct pktgen_seen {
	__u64 received;
	__u64 bytes; /* of the buffers */
	__u64 foreign;
	__u64 order_checked;
	__u64 reordered;
	__u64 duplicated;
	__u64 checksums_checked;
	__u64 bad_ip_checksums;
	__u64 bad_l4_checksums;
	__u64 replied;
};

struct pktgen_flow {
	__u32 packets;
	__u32 highest; /* sequence number */
};

/* Log-linear buckets: exact below 64, then 64 per doubling. */
enum {
	PKTGEN_BUCKET_BITS = 6,
	PKTGEN_BUCKETS_PER_DOUBLING = 1 << PKTGEN_BUCKET_BITS,
	PKTGEN_LATENCY_BITS = 41,
	PKTGEN_BUCKETS = (PKTGEN_LATENCY_BITS - PKTGEN_BUCKET_BITS + 1) << PKTGEN_BUCKET_BITS,
};

struct pktgen_latency {
	__u64 max_ns;
	__u64 buckets[PKTGEN_BUCKETS];
};

/* Position of the highest bit set; 0 for 0. Without a loop, for the verifier. */
DP_INLINE __u32 pktgen_highest_bit(__u64 value)
{
	__u32 bit = 0;

	if (value >> 32) {
		bit += 32;
		value >>= 32;
	}
	if (value >> 16) {
		bit += 16;
		value >>= 16;
	}
	if (value >> 8) {
		bit += 8;
		value >>= 8;
	}
	if (value >> 4) {
		bit += 4;
		value >>= 4;
	}
	if (value >> 2) {
		bit += 2;
		value >>= 2;
	}
	return bit + (value >> 1 ? 1 : 0);
}

/* The bucket of a latency; always below PKTGEN_BUCKETS. */
DP_INLINE __u32 pktgen_bucket(__u64 ns)
{
	__u32 doubling;

	if (ns >> PKTGEN_LATENCY_BITS)
		return PKTGEN_BUCKETS - 1;
	if (ns < PKTGEN_BUCKETS_PER_DOUBLING)
		return (__u32)ns;
	doubling = pktgen_highest_bit(ns) - PKTGEN_BUCKET_BITS;
	return ((doubling + 1) << PKTGEN_BUCKET_BITS) +
	       (__u32)((ns >> doubling) & (PKTGEN_BUCKETS_PER_DOUBLING - 1));
}

/* Takes the digit off `number`, and returns the field's value. */
DP_INLINE __u32 pktgen_take_digit(__u32 first, __u32 count, __u32 inverse, __u32 shift, __u32 *number)
{
	__u32 quotient = (__u32)((__u64)*number * inverse >> (shift & 63));
	__u32 value = first + (*number - quotient * count);

	*number = quotient;
	return value;
}

#endif
