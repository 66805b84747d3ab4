/* table.h - finding, installing, changing and deleting flows in the table that kernel and user space share.
 *
 * Shape    model/flow.h. A key has two candidate sets of eight ways; nothing else is ever searched.
 * Writers  any number at once, in the kernel and in user space, without locks: who loses a race learns it and goes on.
 * Truth    the control word. A reader of an entry copies what it needs and reads the word again; a writer of an entry owns
 *          it in a transitional state. The forward entry's word speaks for the pair: until the pair is assured the reverse
 *          entry counts only while that word is live, and mirrors its state from then on.
 * Install  claim both ways; write both; reverse entry to half-open; forward entry to pending, a full barrier; search both
 *          keys for duplicates; forward entry from pending to half-open by compare-and-swap. Of two pending duplicates the
 *          lower forward slot kills the other, and each writer releases its own slots.
 * Delete   forward entry to dying by compare-and-swap; reverse entry released; forward entry released. A release raises
 *          the version.
 * Pointers entries stay mapped for good, so a stale pointer is harmless to memory; only the control word tells whether
 *          what is behind it is still the same flow.
 * Env      a verb that is a function of its own launders `env`: in the kernel nothing uses it, and the compiler would
 *          leave the caller's register unset, which the verifier refuses.
 * Order    x86-64. Each place where arm64 would need a barrier is marked "arm64".
 * Why      docs/flow-table.md; the model is tests/model/flow_table.pml.
 *
 * Per family, from the three *_family.h files (4 and 6 alike):
 *   dp_flow_key_of4(packet, key)      what this packet is searched by
 *   dp_flow_hash4(key, seed)          64 bits of it
 *   dp_flow_find4(env, key, view)     1 and a whole copy when a usable half is found
 *   dp_flow_locate4(env, words, found)
 *                                     for the plain hit, which copies what it needs by itself (decide/hit.h)
 *   dp_flow_count4(env, slot, entry, packets, bytes, now)
 *                                     so many packets more. An entry recycled since the search gets them
 */
#ifndef DP_FLOW_TABLE_H
#define DP_FLOW_TABLE_H

#include "../env.h"
#include "control.h"
#include "traffic.h"

enum dp_install_result {
	DP_INSTALL_OK = 0,
	DP_INSTALL_FULL = 1, /* no way was free and none could be taken */
	DP_INSTALL_EXISTS_FORWARD = 2, /* another pair has the forward key: this very flow is there, look again */
	DP_INSTALL_EXISTS_REVERSE = 3, /* another pair has the reverse key alone: with NAT, try another port */
	DP_INSTALL_KILLED = 4, /* another pair with one of the keys was faster: look again */
};

enum {
	/* Bounds of retries after a lost race. Each loss is another writer's success. */
	DP_FLOW_ATTEMPTS = 4,
	DP_FLOW_SWAPS = 8,
};

/* Table words are compared and swapped in 64 bits whatever fields they hold. */
typedef __u64 __attribute__((may_alias)) dp_flow_word;
/* Both ports of a half. */
typedef __u32 __attribute__((may_alias)) dp_flow_ports_word;

enum dp_flow_claim_result { DP_CLAIM_DONE = 0, DP_CLAIM_RACED = 1, DP_CLAIM_FULL = 2 };

#define DP_FAMILY 4
#include "key_family.h"
#include "table_family.h"
#include "install_family.h"
#undef DP_FAMILY
#define DP_FAMILY 6
#include "key_family.h"
#include "table_family.h"
#include "install_family.h"
#undef DP_FAMILY

/* Finds the half that `packet` belongs to: 1 when there is one, copied into `view`. */
DP_VERB int dp_flow_find(struct dp_env *env, const struct dp_packet *packet, struct dp_flow_view *view)
{
	DP_LAUNDER(env);
	if (!packet || !view)
		return 0;
	if (packet->family == DP_FAMILY_V4) {
		struct dp_flow_key4 key;

		dp_flow_key_of4(packet, &key);
		return dp_flow_find4(env, &key, view);
	} else {
		struct dp_flow_key6 key;

		dp_flow_key_of6(packet, &key);
		return dp_flow_find6(env, &key, view);
	}
}

/* Copies the half in `slot` while its version is that of `expected` (a control word, or a partner's link word): 1 when
 * it is live. */
DP_VERB int dp_flow_view_slot(struct dp_env *env, __u8 family, __u32 slot, __u32 expected, struct dp_flow_view *view)
{
	DP_LAUNDER(env);
	if (!view)
		return 0;
	if (family == DP_FAMILY_V4)
		return dp_flow_view_slot4(env, slot, expected, view);
	return dp_flow_view_slot6(env, slot, expected, view);
}

/* What dp_flow_find would find, when a search has found it in `slot` under the control word `expected`: 1 when it is there
 * and in force. */
DP_INLINE int dp_flow_find_at(struct dp_env *env, __u8 family, __u32 slot, __u32 expected, struct dp_flow_view *view)
{
	if (!dp_flow_view_slot(env, family, slot, expected, view))
		return 0;
	return family == DP_FAMILY_V4 ? dp_flow_usable4(env, view) : dp_flow_usable6(env, view);
}

/* Installs a pair; enum dp_install_result. Both halves carry their keys as packets will show them on arrival. */
DP_INLINE int dp_flow_install(struct dp_env *env, const struct dp_flow_half *forward,
			      const struct dp_flow_half *reverse, struct dp_install *io)
{
	if (io->family == DP_FAMILY_V4)
		return dp_flow_install4(env, forward, reverse, io);
	return dp_flow_install6(env, forward, reverse, io);
}

/* Where the pair that was just installed has its halves: of the view of one of them. */
DP_INLINE void dp_flow_view_place(const struct dp_install *io, int reverse, struct dp_flow_view *view)
{
	if (reverse) {
		view->slot = io->pair.reverse;
		view->control = io->pair.reverse_version | dp_flow_tag(io->hashes.reverse) | DP_FLOW_HALF_OPEN;
		view->partner = io->pair.forward;
		view->link = io->pair.forward_version;
		return;
	}
	view->slot = io->slot;
	view->control = io->control;
	view->partner = io->pair.reverse;
	view->link = io->pair.reverse_version | DP_FLOW_FORWARD;
}

/* The view of a half that was just installed, from what was written; `reverse`: it is the pair's reverse half. */
DP_INLINE void dp_flow_view_installed(const struct dp_flow_half *half, const struct dp_install *io,
				      int reverse, struct dp_flow_view *view)
{
	dp_flow_view_place(io, reverse, view);
	view->link |= half->flags & DP_FLOW_FLAGS_MASK;
	view->stamp = half->stamp;
	view->next_hop = half->next_hop;
	view->port = half->port;
	view->new_source = half->new_source;
	view->new_destination = half->new_destination;
	view->new_source_port = half->new_source_port;
	view->new_destination_port = half->new_destination_port;
	view->delta = half->delta;
	view->pad = 0;
}

/* Counts `packets` with `bytes` in all in the half at `slot`, the last of them at `now`. */
DP_INLINE void dp_flow_count(struct dp_env *env, __u8 family, __u32 slot, __u64 packets, __u64 bytes, __u32 now)
{
	if (family == DP_FAMILY_V4) {
		struct dp_flow_entry4 *entry = dp_flow_entry4(env, slot);

		if (entry)
			dp_flow_count4(env, slot, entry, packets, bytes, now);
	} else {
		struct dp_flow_entry6 *entry = dp_flow_entry6(env, slot);

		if (entry)
			dp_flow_count6(env, slot, entry, packets, bytes, now);
	}
}

/* Brings the pair of `view` (either half) into a live state: 1 when it is in it. */
DP_VERB int dp_flow_set_state(struct dp_env *env, __u8 family, const struct dp_flow_view *view, __u32 state)
{
	DP_LAUNDER(env);
	if (!view)
		return 0;
	if (family == DP_FAMILY_V4)
		return dp_flow_set_state4(env, view, state);
	return dp_flow_set_state6(env, view, state);
}

/* Sets and clears flags of the half at `slot` while its version is that of `control`: 1 when they are so. */
DP_INLINE int dp_flow_change_flags(struct dp_env *env, __u8 family, __u32 slot, __u32 control, __u32 set, __u32 clear)
{
	if (family == DP_FAMILY_V4)
		return dp_flow_change_flags4(env, slot, control, set, clear);
	return dp_flow_change_flags6(env, slot, control, set, clear);
}

/* Replaces stamp, next hop and port of the half that `view` shows, all or none, and then the rule of its pair: 1 when done, 0
 * when the half has changed since it was copied. */
DP_INLINE int dp_flow_restamp(struct dp_env *env, __u8 family, const struct dp_flow_view *view,
			      __u32 stamp, __u16 next_hop, __u16 port, __u32 rule)
{
	if (family == DP_FAMILY_V4)
		return dp_flow_restamp4(env, view, stamp, next_hop, port, rule);
	return dp_flow_restamp6(env, view, stamp, next_hop, port, rule);
}

/* Deletes the pair of `view` (either half): 1 when this caller did it. */
DP_VERB int dp_flow_delete(struct dp_env *env, __u8 family, const struct dp_flow_view *view)
{
	DP_LAUNDER(env);
	if (!view)
		return 0;
	if (family == DP_FAMILY_V4)
		return dp_flow_delete4(env, view);
	return dp_flow_delete6(env, view);
}

#endif
