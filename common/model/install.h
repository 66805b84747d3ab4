/* install.h - the installation of one pair: what is asked for, what comes out, and what it works with in between.
 *
 * Owner    the caller; in the kernel it lies in the context of the packet, as all of it would take a third of the stack.
 * Verbs    flow/table.h.
 */
#ifndef DP_INSTALL_H
#define DP_INSTALL_H

#include "flow.h"

/* The two halves of one flow, and the version bits that each slot's control word has while it belongs to the pair. */
struct dp_flow_pair {
	__u32 forward;
	__u32 reverse;
	__u32 forward_version;
	__u32 reverse_version;
};

/* What a writer looks for in one set while it makes room. */
struct dp_flow_claim {
	__u64 hash;
	__u32 now;
	__u8 evict;
	__u8 evict_expired;
	__u8 crowded;
	__u8 pad;
	__u32 slot;    /* out */
	__u32 version; /* out: the version bits of the claimed slot */
};

/* Of the two keys of a pair. */
struct dp_flow_hashes {
	__u64 forward;
	__u64 reverse;
};

/* The search for another pair with one of the caller's keys. */
struct dp_flow_search {
	__u64 hash;
	__u32 own;     /* slot that holds the caller's own copy of the key */
	__u32 forward; /* slot of the caller's forward entry */
};

struct dp_install {
	__u32 now; /* ticks */
	__u8 family;
	__u8 evict;         /* 1: half-open pairs may make room, oldest of the set first */
	__u8 evict_expired; /* 1: so may pairs past their timeout, whatever their state */
	__u8 crowded;       /* 1: make room even where there is some (enum dp_crowded) */
	__u32 slot;         /* out, when OK: of the forward entry */
	__u32 control;      /* out, when OK: the forward entry's control word */
	/* what the installation works with: too much for the stack of a BPF program */
	struct dp_flow_pair pair; /* when OK: the pair */
	struct dp_flow_hashes hashes;
	struct dp_flow_claim claim;
	struct dp_flow_search search;
	__u64 words[5]; /* of the key that is searched; IPv4: two */
};
DP_STATIC_ASSERT(sizeof(struct dp_install) == 128, "no hidden padding");

#endif
