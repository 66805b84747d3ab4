/* address.h - an IPv4 or IPv6 address in one shape.
 *
 * Shape    16 bytes. IPv4 lies in word[0] and the other words are zero; the family stands beside it.
 * Order    network.
 */
#ifndef DP_ADDRESS_H
#define DP_ADDRESS_H

#include "../target.h"

enum dp_family { DP_FAMILY_NONE = 0, DP_FAMILY_V4 = 4, DP_FAMILY_V6 = 6 };

struct dp_address {
	__be32 word[4];
};
DP_STATIC_ASSERT(sizeof(struct dp_address) == 16, "an address is 16 bytes");

DP_INLINE int dp_address_equal(const struct dp_address *a, const struct dp_address *b)
{
	return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		(a->word[3] ^ b->word[3])) == 0;
}

/* True when `address` lies in the prefix `base` under `mask`; base has no bits outside the mask. */
DP_INLINE int dp_address_in(const struct dp_address *address, const struct dp_address *base,
			    const struct dp_address *mask)
{
	return (((address->word[0] & mask->word[0]) ^ base->word[0]) |
		((address->word[1] & mask->word[1]) ^ base->word[1]) |
		((address->word[2] & mask->word[2]) ^ base->word[2]) |
		((address->word[3] & mask->word[3]) ^ base->word[3])) == 0;
}

#endif
