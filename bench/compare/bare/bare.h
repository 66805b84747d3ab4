/* bare.h - what bare's BPF programs and user space share.
 *
 * Compiles  as BPF C and C++20.
 */
#ifndef BARE_H
#define BARE_H

#include "common/target.h"

/* A five-tuple. Network order, padding zero. */
struct bare_key {
  __be32 source;
  __be32 destination;
  __be16 source_port;
  __be16 destination_port;
  __u8 protocol;
  __u8 padding[3];
};

DP_STATIC_ASSERT(sizeof(struct bare_key) == 16, "no hidden padding in a hash key");

#endif
