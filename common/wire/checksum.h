/* checksum.h - the arithmetic of the Internet checksum: sums and incremental updates.
 *
 * Order    16-bit words as they lie on the wire, loaded without swapping: the sum does not depend on byte order
 *          (RFC 1071 section 2 B), so nothing here swaps.
 * Terms    sum: one's complement sum, not complemented, perhaps unfolded. check: what stands in a header, the
 *          complement of the folded sum. delta: a sum that takes a check from old to new words.
 * Source   RFC 1071; RFC 1624 equation 3, HC' = ~(~HC + ~m + m'), and not equation 4 or RFC 1141, which turn some sums
 *          into the wrong zero.
 */
#ifndef DP_WIRE_CHECKSUM_H
#define DP_WIRE_CHECKSUM_H

#include "../target.h"

/* Words of a header or payload; may_alias, since the bytes are fields elsewhere. */
struct dp_words {
	__u32 word[8];
} DP_WIRE __attribute__((may_alias));

struct dp_half {
	__u16 value;
} DP_WIRE __attribute__((may_alias));

/* The folded sum, 16 bits. Four steps are enough for any 64-bit value. */
DP_INLINE __u16 dp_checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* Does a sum over a whole header, its check included, come out right: folded, 0xffff? For sums below 2^48. Two steps
 * leave either what is left to fold or 0xffff, and only 0x1fffe folds to it. */
DP_INLINE int dp_checksum_right(__u64 sum)
{
	__u32 halves;

	sum = (sum & 0xffffffff) + (sum >> 32);
	halves = (__u32)(sum & 0xffff) + (__u32)(sum >> 16);
	return halves == 0xffff || halves == 0x1fffe;
}

/* Sum of `count` ≤ 8 32-bit words; far from overflow. */
DP_INLINE __u64 dp_checksum_words(const void *data, __u32 count)
{
	const struct dp_words *from = (const struct dp_words *)data;
	__u64 sum = 0;

	DP_UNROLL
	for (__u32 i = 0; i < count; i++)
		sum += from->word[i];
	return sum;
}

/* What replacing one word (or several, added up) adds to a sum. An unchanged word gives 0xffff, the other zero. */
DP_INLINE __u32 dp_checksum_delta16(__u16 before, __u16 after)
{
	return (__u32)(__u16)~before + after;
}

DP_INLINE __u64 dp_checksum_delta32(__u32 before, __u32 after)
{
	return (__u64)(__u32)~before + after;
}

/* RFC 1624 equation 3. `delta` may be several deltas added up, below 2^31. */
DP_INLINE __u16 dp_checksum_update(__u16 check, __u32 delta)
{
	__u32 sum = (__u32)(__u16)~check + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* The same for UDP: a zero says that there is no checksum and stays; a computed zero becomes 0xffff (RFC 768). */
DP_INLINE __u16 dp_checksum_update_udp(__u16 check, __u32 delta)
{
	__u16 updated;

	if (check == 0)
		return 0;
	updated = dp_checksum_update(check, delta);
	return updated ? updated : 0xffff;
}

#endif
