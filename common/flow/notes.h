/* notes.h - what a view of an entry does not have: the flags and zone of its partner, and its fields in the cold array.
 *
 * All take a view of a live entry. When another flow has been given the slot since, its version differs and the result is 0.
 */
#ifndef DP_FLOW_NOTES_H
#define DP_FLOW_NOTES_H

#include "table.h"

/* Has the daemon's heartbeat stopped? The kernel then decides what it can, and evicts expired pairs by itself. A heartbeat
 * may be a tick ahead: the daemon's clock is not the kernel's own. */
DP_INLINE int dp_heartbeat_stale(const struct dp_settings *settings, __u32 now)
{
	__u32 limit;

	if (!settings)
		return 0;
	limit = settings->heartbeat_limit;
	return now - DP_LOAD(&settings->heartbeat) + limit > 2 * limit;
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

DP_INLINE struct dp_flow_cold *dp_flow_cold_at(struct dp_env *env, __u8 family, __u32 slot)
{
	return family == DP_FAMILY_V4 ? dp_env_cold4(env, slot) : dp_env_cold6(env, slot);
}

/* The rule that the pair of `view` (either half) was decided by; 0: a zone's default. */
DP_INLINE __u32 dp_flow_rule(struct dp_env *env, __u8 family, const struct dp_flow_view *view)
{
	const __u32 *word = family == DP_FAMILY_V4 ? dp_flow_rule_word4(env, view)
						   : dp_flow_rule_word6(env, view);

	return word ? DP_LOAD(word) & DP_FLOW_RULE_MASK : 0;
}

/* On the reverse entry: `sequence`, host order, is what the originator must acknowledge. A repeated SYN-ACK replaces it.
 * The caller sets DP_FLOW_SEQUENCE behind this. */
DP_INLINE void dp_flow_store_sequence(struct dp_env *env, __u8 family, const struct dp_flow_view *view, __u32 sequence)
{
	struct dp_flow_cold *cold = dp_flow_cold_at(env, family, view->slot);

	if (cold)
		DP_STORE_RELEASE(&cold->first_sequence, sequence);
}

/* From the forward entry: what the reverse entry remembers. */
DP_INLINE int dp_flow_load_sequence(struct dp_env *env, __u8 family, const struct dp_flow_view *view, __u32 *sequence)
{
	const struct dp_flow_cold *cold = dp_flow_cold_at(env, family, view->partner);
	__u32 link = 0;

	if (!cold)
		return 0;
	*sequence = DP_LOAD(&cold->first_sequence);
	return dp_flow_partner_link(env, family, view, &link) && (link & DP_FLOW_SEQUENCE);
}

#endif
