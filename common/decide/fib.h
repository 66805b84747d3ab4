/* fib.h - longest prefix match in a tree of model/fib.h. */
#ifndef DP_FIB_FIND_H
#define DP_FIB_FIND_H

#include "../model/fib.h"
#include "../env.h"

/* Which of a node's `count` ranges `value` lies in: 0..count - 1. */
DP_INLINE __u32 dp_fib_range(struct dp_env *env, __u32 node, __u32 count, __u32 value)
{
	__u32 low = 0;
	__u32 half;
	__u32 i;

	if (count >= DP_FIB_VALUES)
		return value;
	for (i = 0; i < DP_FIB_SEARCH_STEPS; i++) {
		if (count <= 1)
			break;
		half = count >> 1;
		if (dp_env_fib_word(env, node + 1 + low + half) >> 16 <= value)
			low += half;
		count -= half;
	}
	return low;
}

/* The route of the longest prefix that covers `address`, in the tree whose root is `node`; 0: none. */
DP_VERB __u32 dp_fib_find(struct dp_env *env, __u32 node, __u32 family, const struct dp_address *address)
{
	__u32 steps = family == DP_FAMILY_V4 ? DP_FIB_STEPS4 : DP_FIB_STEPS6;
	__u32 found = 0;
	__u32 head, range, route, word;
	__u32 i;

	DP_LAUNDER(env);
	if (!address)
		return 0;
	for (i = 0; i < DP_FIB_STEPS6; i++) {
		if (i >= steps || !node)
			break;
		word = dp_ntohl(address->word[i >> 1]);
		head = dp_env_fib_word(env, node);
		range = dp_fib_range(env, node, head & DP_FIB_COUNT_MASK, i & 1 ? word & 0xffff : word >> 16);
		route = dp_env_fib_word(env, node + 1 + range) & 0xffff;
		if (route)
			found = route;
		if (!(head & DP_FIB_CHILDREN))
			break;
		node = dp_env_fib_word(env, node + 1 + (head & DP_FIB_COUNT_MASK) + range);
	}
	return found;
}

#endif
