/* words.h - fields that lie side by side in a header, loaded and stored as one word.
 *
 * Order    as in memory. Whoever takes a word apart assumes little-endian, as the keys of the flow table do.
 * Why      addresses, ports, or EtherType and version cost one load and one comparison instead of several.
 */
#ifndef DP_WIRE_WORDS_H
#define DP_WIRE_WORDS_H

#include "../target.h"

/* No alignment is promised in user space (DP_WIRE); may_alias, since the bytes are fields elsewhere. */
struct dp_word16 {
	__u16 value;
} DP_WIRE __attribute__((may_alias));

struct dp_word32 {
	__u32 value;
} DP_WIRE __attribute__((may_alias));

struct dp_word64 {
	__u64 value;
} DP_WIRE __attribute__((may_alias));

DP_INLINE __u16 dp_load16(const __u8 *at)
{
	return ((const struct dp_word16 *)at)->value;
}

DP_INLINE __u32 dp_load32(const __u8 *at)
{
	return ((const struct dp_word32 *)at)->value;
}

DP_INLINE __u64 dp_load64(const __u8 *at)
{
	return ((const struct dp_word64 *)at)->value;
}

DP_INLINE void dp_store16(__u8 *at, __u16 value)
{
	((struct dp_word16 *)at)->value = value;
}

DP_INLINE void dp_store32(__u8 *at, __u32 value)
{
	((struct dp_word32 *)at)->value = value;
}

DP_INLINE void dp_store64(__u8 *at, __u64 value)
{
	((struct dp_word64 *)at)->value = value;
}

#endif
