/* notes.h - small questions about a half that a view does not answer, and the note that a half-open one carries.
 *
 * All take a view of a live half. An entry recycled since then is noticed by its version and answered with 0.
 */
#ifndef DP_FLOW_NOTES_H
#define DP_FLOW_NOTES_H

#include "table.h"

/* Nobody has said for a while that the daemon lives: the kernel then decides what it can and makes room by itself. */
DP_INLINE int dp_heartbeat_stale(const struct dp_settings *settings, __u32 now)
{
	return settings && now - DP_LOAD(&settings->heartbeat) > settings->heartbeat_limit;
}

/* Does `slot` still hold the version of `expected`? */
DP_INLINE int dp_flow_still(struct dp_env *env, __u8 family, __u32 slot, __u32 expected)
{
	const __u32 *word = family == DP_FAMILY_V4 ? dp_flow_control4(env, slot) : dp_flow_control6(env, slot);

	return word && dp_flow_same_version(DP_LOAD(word), expected);
}

/* The partner's flags. */
DP_INLINE int dp_flow_partner_link(struct dp_env *env, __u8 family, const struct dp_flow_view *view, __u32 *link)
{
	if (family == DP_FAMILY_V4) {
		const struct dp_flow_entry4 *entry = dp_flow_entry4(env, view->partner);

		*link = entry ? DP_LOAD(&entry->link) : 0;
	} else {
		const struct dp_flow_entry6 *entry = dp_flow_entry6(env, view->partner);

		*link = entry ? DP_LOAD(&entry->link) : 0;
	}
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	return dp_flow_still(env, family, view->partner, view->link);
}

/* The zone that the partner's packets come from; DP_ZONE_NONE when the pair is gone. */
DP_INLINE __u8 dp_flow_partner_zone(struct dp_env *env, __u8 family, const struct dp_flow_view *view)
{
	__u8 zone = DP_ZONE_NONE;

	if (family == DP_FAMILY_V4) {
		const struct dp_flow_entry4 *entry = dp_flow_entry4(env, view->partner);

		if (entry)
			zone = DP_LOAD(&entry->key.zone);
	} else {
		const struct dp_flow_entry6 *entry = dp_flow_entry6(env, view->partner);

		if (entry)
			zone = DP_LOAD(&entry->key.zone);
	}
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	return dp_flow_still(env, family, view->partner, view->link) ? zone : (__u8)DP_ZONE_NONE;
}

/* Where a half-open reverse entry keeps the responder's first sequence number + 1 (DP_FLOW_SEQUENCE). */
DP_INLINE __u32 *dp_flow_sequence_word(struct dp_env *env, __u8 family, __u32 slot)
{
	if (family == DP_FAMILY_V4) {
		struct dp_flow_entry4 *entry = dp_flow_entry4(env, slot);

		return entry ? &entry->traffic.bytes_high : 0;
	} else {
		struct dp_flow_entry6 *entry = dp_flow_entry6(env, slot);

		return entry ? &entry->traffic.bytes_high : 0;
	}
}

/* On the reverse entry: `sequence`, host order, is what the originator must acknowledge. A repeated SYN-ACK replaces it.
 * The caller sets DP_FLOW_SEQUENCE behind this. */
DP_INLINE void dp_flow_store_sequence(struct dp_env *env, __u8 family, const struct dp_flow_view *view, __u32 sequence)
{
	__u32 *word = dp_flow_sequence_word(env, family, view->slot);

	if (word)
		DP_STORE_RELEASE(word, sequence);
}

/* From the forward entry: what the reverse entry remembers. */
DP_INLINE int dp_flow_load_sequence(struct dp_env *env, __u8 family, const struct dp_flow_view *view, __u32 *sequence)
{
	const __u32 *word = dp_flow_sequence_word(env, family, view->partner);
	__u32 link = 0;

	if (!word)
		return 0;
	*sequence = DP_LOAD(word);
	return dp_flow_partner_link(env, family, view, &link) && (link & DP_FLOW_SEQUENCE);
}

/* From the forward entry, once assured: the counter is a counter again. Two packets may both get here: the second finds
 * another number and leaves it. */
DP_INLINE void dp_flow_forget_sequence(struct dp_env *env, __u8 family, const struct dp_flow_view *view)
{
	__u32 *word = dp_flow_sequence_word(env, family, view->partner);
	__u32 sequence;

	if (!word || !dp_flow_load_sequence(env, family, view, &sequence))
		return;
	(void)DP_COMPARE_SWAP(word, sequence, 0);
	dp_flow_change_flags(env, family, view->partner, view->link, 0, DP_FLOW_SEQUENCE);
}

#endif
