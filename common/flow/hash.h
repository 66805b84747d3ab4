/* hash.h - the keyed hash of everything that must not be predictable from outside.
 *
 * One multiplication per word and one at the end: measured, it spread as well as jhash at a third of its cost. It
 * is not cryptographic: somebody who knows the seed can make keys that collide.
 * Use      hash = seed; hash = dp_hash_add(hash, word) for each word; result = dp_hash_end(hash).
 * Bits     all 64 of the result are usable; take ranges by dp_hash_range, not by a remainder (BPF has no fast division).
 */
#ifndef DP_HASH_H
#define DP_HASH_H

#include "../target.h"

DP_INLINE __u64 dp_hash_add(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

DP_INLINE __u64 dp_hash_end(__u64 hash)
{
	hash *= 0xd6e8feb86659fd93ull;
	return hash ^ hash >> 29;
}

/* One hash of two, whichever comes first: multiplied, because in a sum what is added to one and taken from the other is
 * gone, and neighbouring addresses differ like that. Odd factors lose no bit. */
DP_INLINE __u64 dp_hash_join(__u64 one, __u64 other)
{
	__u64 hash = (one | 1) * (other | 1);

	return hash ^ hash >> 32;
}

/* A number below `size`, spread evenly, from 32 bits of a hash. */
DP_INLINE __u32 dp_hash_range(__u32 hash, __u32 size)
{
	return (__u32)((__u64)hash * size >> 32);
}

#endif
