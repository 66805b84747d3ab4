/* flow.h - one direction of a flow in the flow table, and the words that guard it.
 *
 * Shape    A table is an array of buckets. A bucket is one cache line with 16 control words, followed by their 16
 *          entries: two sets of 8 ways. `slot` numbers entries through the whole table: slot >> 4 is the bucket,
 *          slot & 15 the lane, slot >> 3 the set. 68 bytes per IPv4 slot, 132 per IPv6 slot, two slots per pair, the
 *          table at most half full: 272 and 528 bytes per pair at max_pairs.
 *          Why control words stand apart: a search reads one line for a set instead of eight, and a miss reads no
 *          entry at all.
 * Writers  The kernel datapath on every CPU and the engine, with the protocol of flow/table.h. The expiry
 *          scan deletes. Everybody else maps the table read-only.
 * Order    addresses, ports and checksum deltas: network. The rest: host.
 * Units    seen: ticks (settings.h). Traffic: whole frames, as received.
 *
 * Control word: bits 0-2 state, 3-14 tag (part of the hash), 15-31 version (one more at every release).
 * Link word:    bits 0-14 flags, 15-31 the version of the partner's control word that this half belongs to.
 */
#ifndef DP_FLOW_H
#define DP_FLOW_H

#include "address.h"

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
	DP_FLOW_CLOSING = 6, /* TCP: FIN from both sides, or a RST not yet contradicted */
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
	DP_FLOW_REWRITE = 1 << 3,  /* addresses or ports change */
	DP_FLOW_ANSWERED = 1 << 4, /* on the forward entry: the responder has sent something */
	DP_FLOW_FIN = 1 << 5,      /* this direction has sent FIN */
	DP_FLOW_RESET = 1 << 6,    /* this direction has sent RST */
	DP_FLOW_ALIVE = 1 << 7,    /* this direction has sent something else after a RST */
	DP_FLOW_ENGINE = 1 << 8,   /* on the forward entry: installed by the engine (origin) */
	DP_FLOW_PICKUP = 1 << 9,   /* on the forward entry: TCP seen without its SYN */
	DP_FLOW_SEQUENCE = 1 << 10, /* on the reverse entry, until assured: `bytes_high` is the responder's first sequence
				       number + 1, host order */
	DP_FLOW_LOG = 1 << 11,    /* the rule says log */
	DP_FLOW_PROVEN = 1 << 12, /* has been assured: a RST that is contradicted leads back there */
};

/* Packets and bytes of a half. `recent` takes both in one addition: bytes in bits 0 to 39, packets in the others. The top
 * bit of each field is carried off at once into the high words, which count 2^39 bytes and 2^23 packets
 * (flow/traffic.h). */
enum { DP_TRAFFIC_BYTE_BITS = 40 };

struct dp_flow_traffic {
	__u64 recent;
	__u32 packets_high;
	__u32 bytes_high; /* with DP_FLOW_SEQUENCE something else, and no half-open flow needs it */
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_traffic) == 16, "what an entry has room for");

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

/* `stamp` is generation << 16 | route epoch, the numbers of the tables this half was decided under (settings.h);
 * 0 is never current: the next packet takes the slow path. The expiry scan writes 0 into stamps far behind, so that
 * a number that comes round again is never taken for the old one. */
struct dp_flow_entry4 {
	struct dp_flow_key4 key;
	__u32 partner; /* slot of the other half */
	__u32 link;    /* enum dp_flow_flag | version of the partner */
	__u32 stamp;
	__u16 next_hop;
	__u16 rule; /* id of the operator's rule, 0 for a zone's default */
	__be32 new_source;
	__be32 new_destination;
	__be16 new_source_port;
	__be16 new_destination_port;
	__u32 seen;
	struct dp_flow_traffic traffic;
} __attribute__((aligned(64)));
DP_STATIC_ASSERT(sizeof(struct dp_flow_entry4) == 64, "one cache line");

struct dp_flow_entry6 {
	struct dp_flow_key6 key;
	__u32 partner;
	__u32 link;
	__u32 stamp;
	__u16 next_hop;
	__u16 rule;
	__u32 seen;
	__u32 pad; /* end of the first line */
	__be32 new_source[4];
	__be32 new_destination[4];
	__be16 new_source_port;
	__be16 new_destination_port;
	__u32 created; /* tick of installation, for the age shown to users */
	struct dp_flow_traffic traffic;
	__u64 pad2;
} __attribute__((aligned(64)));
DP_STATIC_ASSERT(sizeof(struct dp_flow_entry6) == 128, "two cache lines");

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

/* What a hit needs of an entry, copied out and then checked against the control word: an entry may be recycled while
 * another CPU reads it, so nobody acts on fields still in the table. IPv4 lies in word[0] of the addresses. */
struct dp_flow_view {
	__u32 slot;
	__u32 control; /* as it was when the copy was found to be whole */
	__u32 partner;
	__u32 link;
	__u32 stamp;
	__u16 next_hop;
	__u16 rule;
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
	struct dp_address new_source; /* the packet after translation; equal to the key without NAT */
	struct dp_address new_destination;
	__be16 new_source_port;
	__be16 new_destination_port;
	__u32 flags; /* enum dp_flow_flag; FORWARD is added by the installation */
	__u32 stamp;
	__u16 rule;
	__u16 delta;
};
DP_STATIC_ASSERT(sizeof(struct dp_flow_half) == 88, "no hidden padding");

#endif
