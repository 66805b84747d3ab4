/* flow.h - the flow table: one direction of a flow, the words that guard it, and what is kept beside it.
 *
 * Shape    A flow is a pair of halves: forward (direction of the first packet) and reverse. A table is an array of
 *          buckets. A bucket is one cache line with 16 control words, followed by their 16 entries: two sets of 8 ways.
 *          `slot` numbers entries through the whole table: slot >> 4 is the bucket, slot & 15 the lane, slot >> 3 the
 *          set. Control words stand apart, so that a search reads one line for a set instead of eight, and a miss reads
 *          no entry at all.
 * Cold     Beside each table lies an array of one `dp_flow_cold` a slot: what only the slow path and people need.
 * Memory   bytes            IPv4    IPv6
 *          control word        4       4   a slot
 *          entry              64     128
 *          cold               16      16
 *          a pair            336     592   two slots, in a table that is half full at max_pairs
 * Writers  With the protocol of flow/table.h: the kernel datapath on every CPU, the engine, and of the control plane expiry,
 *          recovery after a crash, and deletion by REST and by a reload (userspace/flows).
 * Order    addresses, ports, checksum deltas and acknowledgements: network. The rest: host.
 * Units    seen, created: ticks (settings.h). Traffic: whole frames, as received.
 *
 * Control word: bits 0-2 state, 3-14 tag (part of the hash), 15-31 version (one more at every release).
 * Link word:    bits 0-14 flags, 15-31 the version of the partner's control word that this half belongs to.
 */
#ifndef DP_FLOW_H
#define DP_FLOW_H

#include "address.h"
#include "limits.h"

enum {
	DP_FLOW_WAYS = 8,
	DP_FLOW_LANES = 16,
};

/* Bit 2 set means live. Closing is live: packets pass, by the slow path, and a SYN may start anew. */
enum dp_flow_state {
	DP_FLOW_EMPTY = 0,
	DP_FLOW_CLAIMED = 1, /* one writer owns the slot and fills it */
	DP_FLOW_PENDING = 2, /* a forward entry that is published to duplicates, not yet to readers */
	DP_FLOW_DYING = 3,   /* being deleted, or killed by a duplicate */
	DP_FLOW_HALF_OPEN = 4,
	DP_FLOW_ASSURED = 5,
	DP_FLOW_CLOSING = 6, /* TCP: FINs of both sides, acknowledged, or a RST that fits */
};

enum {
	DP_FLOW_STATE_MASK = 7,
	DP_FLOW_LIVE = 4,
	DP_FLOW_TAG_SHIFT = 3,
	DP_FLOW_TAG_MASK = 0xfff << 3,
	DP_FLOW_VERSION_SHIFT = 15,
	DP_FLOW_VERSION_ONE = 1 << 15,
};
#define DP_FLOW_VERSION_MASK (~0u << DP_FLOW_VERSION_SHIFT)
#define DP_FLOW_FLAGS_MASK (~DP_FLOW_VERSION_MASK)

/* Flags of a half, in its link word. Set and cleared with atomics while the entry is live. */
enum dp_flow_flag {
	DP_FLOW_FORWARD = 1 << 0, /* the forward half: direction of the first packet */
	DP_FLOW_USER = 1 << 1,    /* place: user, every packet visits the engine */
	DP_FLOW_HELD = 1 << 2, /* earlier packets are still in the engine: steer, do not overtake */
	DP_FLOW_REWRITE = 1 << 3, /* addresses or ports change; without it the new ones are those of the key */
	/* on the forward entry: the responder has sent something; TCP: it has acknowledged what the originator sent */
	DP_FLOW_ANSWERED = 1 << 4,
	DP_FLOW_FIN = 1 << 5,  /* TCP: this direction has sent FIN, whose number + 1 is in `note` */
	DP_FLOW_DONE = 1 << 6, /* TCP: the other direction has acknowledged this one's FIN */
	/* TCP: this direction has sent another SYN. Half-open: `note` is its number + 1; later: `first_sequence` is */
	DP_FLOW_SYN = 1 << 7,
	DP_FLOW_ENGINE = 1 << 8,    /* on the forward entry: installed by the engine (origin) */
	DP_FLOW_PICKUP = 1 << 9,    /* on the forward entry: TCP seen without its SYN */
	DP_FLOW_SEQUENCE = 1 << 10, /* TCP, half-open: `first_sequence` and `note` are known */
	DP_FLOW_LOG = 1 << 11,      /* the rule says log */
	DP_FLOW_FINS = 1 << 12, /* TCP: both directions have sent FIN, so each acknowledgement takes the slow path */
};

/* Packets and bytes of a half share the word `recent`, so that a packet pays for one addition: bytes in bits 0 to 39,
 * packets in the others. The packet that changes the top bit of a field notes it in `carried` of the cold element,
 * whose lower bits count 2^39 bytes each and whose upper bits count 2^23 packets each (flow/traffic.h). One half counts
 * 2^52 bytes and 2^42 - 2^12 packets before it begins anew: at 10 Gbit/s in frames of 1,500 bytes, after 41 and 61 days. */
enum {
	DP_TRAFFIC_BYTE_BITS = 40,
	DP_TRAFFIC_CARRIED_BYTE_BITS = 13,
};

/* What a table is searched for: the packets of one direction as they look on arrival.
 * `delta` is no part of the key and is never compared or hashed: in a table entry it is the one's complement sum that the
 * translation of both addresses adds to a checksum (network order; edit/translate.h), and lies here because the line has
 * no other room. */
struct dp_flow_key4 {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 zone;
	__u16 delta;
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_key4) == 16, "two words");

struct dp_flow_key6 {
	__be32 source[4];
	__be32 destination[4];
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 zone;
	__u16 delta;
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_key6) == 40, "five words");

/* Entries. Fields that both families have:
 *
 * partner      slot of the other half
 * link         enum dp_flow_flag | version of the partner
 * stamp        generation << 16 | route epoch, the numbers of the tables this half was decided under (settings.h); 0 is
 *              never current: the next packet takes the slow path. The expiry scan writes 0 into stamps far behind, so
 *              that a number that comes round again is never taken for the old one
 * port         by which packets of this half came in when the flow began
 * acked        TCP: the acknowledgement that this direction sent last, by which one side confirms what the other says
 *              (flow/track.h). 0: none yet
 * recent       packets and bytes, the lower bits of both
 * delta_ports  one's complement sum that a change of both ports adds to a checksum
 *
 * stamp, next_hop and port are one aligned word, which is compared and swapped as one. */
struct dp_flow_entry4 {
	struct dp_flow_key4 key;
	__u32 partner;
	__u32 link;
	__u32 stamp;
	__u16 next_hop;
	__u16 port;
	__be32 new_source;
	__be32 new_destination;
	__be16 new_source_port;
	__be16 new_destination_port;
	__u32 seen;
	__u64 recent;
	__be32 acked;
	__u16 delta_ports;
	__u16 reserved;
} __attribute__((aligned(64)));
DP_STATIC_ASSERT(sizeof(struct dp_flow_entry4) == 64, "one cache line");
DP_STATIC_ASSERT(offsetof(struct dp_flow_entry4, stamp) % 8 == 0,
		 "the route word is swapped as one");
DP_STATIC_ASSERT(offsetof(struct dp_flow_entry4, recent) % 8 == 0, "added to as one");

/* The first line is all that a packet without translation reads and writes on its way through the kernel datapath; one of
 * TCP also writes `acked`, for which it has no room, into the second: a store that nobody waits for. */
struct dp_flow_entry6 {
	struct dp_flow_key6 key;
	__u32 stamp;
	__u16 next_hop;
	__u16 port;
	__u32 link;
	__u32 seen;
	__u64 recent; /* end of the first line */
	__be32 new_source[4];
	__be32 new_destination[4];
	__be16 new_source_port;
	__be16 new_destination_port;
	__u32 partner;
	__be32 acked;
	__u16 delta_ports;
	__u16 reserved[9];
} __attribute__((aligned(64)));
DP_STATIC_ASSERT(sizeof(struct dp_flow_entry6) == 128, "two cache lines");
DP_STATIC_ASSERT(offsetof(struct dp_flow_entry6, stamp) % 8 == 0,
		 "the route word is swapped as one");
DP_STATIC_ASSERT(offsetof(struct dp_flow_entry6, recent) == 56, "last in the first line");

/* What one half keeps beside its entry. The slow path reads and writes it, and a packet whose count carries; a plain hit
 * does not. Whoever installs a pair zeroes both elements. The last word depends on the half:
 *
 * forward   created: tick of the installation, for the age shown to users
 * reverse   rule and service of the pair (dp_flow_rule_word) */
struct dp_flow_cold {
	/* TCP, host order. Half-open: what the direction has sent, from the number behind its SYN to the one behind its last
	 * byte (flow/numbers.h); later: the number behind a SYN, and the one behind its FIN */
	__u32 first_sequence;
	__u32 note;
	__u32 carried; /* packets << 13 | bytes */
	union {
		__u32 created;
		__u32 rule_word;
	};
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_cold) == 16, "a quarter of a cache line");

/* Rule word: bits 0-19 id of the operator's rule, 0 for a zone's default; 20-31 the service. */
enum {
	DP_FLOW_RULE_BITS = 20,
	DP_FLOW_RULE_MASK = (1 << 20) - 1,
};
DP_STATIC_ASSERT((int)DP_RULE_IDS_MAX <= (int)DP_FLOW_RULE_MASK + 1,
		 "every rule has its number in a cold element");

struct dp_flow_bucket4 {
	__u32 control[DP_FLOW_LANES];
	struct dp_flow_entry4 entry[DP_FLOW_LANES];
};

DP_STATIC_ASSERT(sizeof(struct dp_flow_bucket4) == 64 + 16 * 64, "68 bytes per slot");

struct dp_flow_bucket6 {
	__u32 control[DP_FLOW_LANES];
	struct dp_flow_entry6 entry[DP_FLOW_LANES];
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_bucket6) == 64 + 16 * 128, "132 bytes per slot");

/* What a packet needs of an entry, copied out and then checked against the control word: an entry may be recycled while
 * another CPU reads it, so nobody acts on fields still in the table. IPv4 lies in word[0] of the addresses. */
struct dp_flow_view {
	__u32 slot;
	__u32 control; /* as it was when the copy was found to be whole */
	__u32 partner;
	__u32 link;
	__u32 stamp;
	__u16 next_hop;
	__u16 port;
	struct dp_address new_source;
	struct dp_address new_destination;
	__be16 new_source_port;
	__be16 new_destination_port;
	__u16 delta;
	__u16 pad;
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_view) == 64, "no hidden padding");

/* What is written into a half at installation. */
struct dp_flow_half {
	struct dp_address source; /* the key */
	struct dp_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 zone;
	__u16 next_hop;
	struct dp_address new_source; /* the packet after translation; equal to the key without DP_FLOW_REWRITE */
	struct dp_address new_destination;
	__be16 new_source_port;
	__be16 new_destination_port;
	__u32 flags; /* enum dp_flow_flag; FORWARD is added by the installation */
	__u32 stamp;
	__u32 rule; /* id; kept once for the pair, from the reverse half */
	__u16 port;
	__u16 delta;
	__u16 delta_ports;
	__u16 pad;
	/* TCP: what this direction has said, as in the entry and its cold element */
	__be32 acked;
	__u32 first_sequence;
	__u32 note;
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_half) == 108, "no hidden padding");

#endif
