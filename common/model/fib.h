/* fib.h - the forwarding information base: longest-prefix trees in one array of words.
 *
 * Shape     A tree decides an address in steps of 16 bits: at most 2 for IPv4, 8 for IPv6. A node decides one step:
 *             word 0            dp_fib_head: number of ranges, and whether the node has children
 *             words 1..n        ranges, ascending: first value << 16 | route
 *             words n+1..2n     with children: for each range the node of the next step, 0 for none
 *           The first range begins at 0, so each value lies in one range: the last that begins at or below it. A node of
 *           DP_FIB_VALUES ranges has one for each value and is addressed without a search.
 * Route     index of a dp_route, 0: no prefix of this node covers the range, and what a step before found holds.
 *           A prefix of p bits is a route of the node of step (p - 1) / 16, the default route of the root.
 * Node      number of its first word in the array; 0: no node.
 * Lines     the array is read by lines of 64 bytes: values of a BPF array are a multiple of eight bytes.
 * Writer    control plane (userspace/fib). A node is never changed once it can be reached: what changes is written
 *           anew, up to the root, and the root's number is replaced by one store.
 * Source    ranges instead of nodes a bit: DXR (Zec, Rizzo, Mikuc: "DXR: Towards a Billion Routing Lookups per Second in
 *           Software", 2012).
 */
#ifndef DP_FIB_H
#define DP_FIB_H

#include "../target.h"

enum {
	DP_FIB_STEP_BITS = 16,
	DP_FIB_VALUES = 1 << DP_FIB_STEP_BITS,
	DP_FIB_STEPS4 = 2,
	DP_FIB_STEPS6 = 8,
	/* With more ranges than these a node gets one for each value. */
	DP_FIB_SEARCHED_MAX = 1 << 14,
	DP_FIB_SEARCH_STEPS = 14, /* halvings from DP_FIB_SEARCHED_MAX to one */
	DP_FIB_LINE_WORDS = 16,
};

enum dp_fib_head {
	DP_FIB_COUNT_MASK = (1 << 17) - 1,
	DP_FIB_CHILDREN = 1 << 17,
};

struct dp_fib_line {
	__u32 word[DP_FIB_LINE_WORDS];
};
DP_STATIC_ASSERT(sizeof(struct dp_fib_line) == 64, "a cache line");

#endif
