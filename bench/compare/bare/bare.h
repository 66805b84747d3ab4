/* bare.h - map keys and values that bare's BPF programs and user space share.
 *
 * Compiles  as BPF C and C++20.
 * Order     addresses and ports: network. The rest: host.
 */
#ifndef BARE_H
#define BARE_H

#include "common/target.h"

enum {
  BARE_FIRST = 1, /* ports; 0 is none */
  BARE_SECOND = 2,
  BARE_PORTS = 3,
  BARE_MAC_BYTES = 6,
};

/* IPv4 five-tuple, padding zero. */
struct bare_key {
  __be32 source;
  __be32 destination;
  __be16 source_port;
  __be16 destination_port;
  __u8 protocol;
  __u8 padding[3];
};
DP_STATIC_ASSERT(sizeof(struct bare_key) == 16, "no hidden padding in a hash key");

/* IPv6 five-tuple, padding zero. */
struct bare_key6 {
  __be32 source[4];
  __be32 destination[4];
  __be16 source_port;
  __be16 destination_port;
  __u8 protocol;
  __u8 padding[3];
};
DP_STATIC_ASSERT(sizeof(struct bare_key6) == 40, "no hidden padding in a hash key");

struct bare_next_hop {
  __u8 destination_mac[BARE_MAC_BYTES];
  __u8 source_mac[BARE_MAC_BYTES];
  __u32 port; /* egress */
};

/* One direction of a flow. 48 bytes, because with its key it then has the 64 bytes of a twinpath entry of IPv4. */
struct bare_policy {
  struct bare_next_hop next_hop;
  __u64 packets;
  __u64 bytes;
  struct bare_key translated; /* the five-tuple that packets leave with */
};
DP_STATIC_ASSERT(sizeof(struct bare_policy) == 48, "64 bytes with its key");

/* Packets that bare_insert dropped or forwarded without two new entries. */
struct bare_exceptions {
  __u64 known;       /* the flow had an entry already; forwarded */
  __u64 no_room;     /* the map was full; dropped */
  __u64 not_handled; /* no IPv4 without options and UDP behind it, or a TTL of 1; dropped */
};

#endif
