/* notes.h - what a view of an entry does not have: the flags and zone of its partner, and its fields in the cold array.
 *
 * All take a view of a live entry. When another flow has been given the slot since, its version differs and the result is 0.
 */
#ifndef DP_FLOW_NOTES_H
#define DP_FLOW_NOTES_H

#include "../wire/ipv4.h"
#include "../wire/tcp.h"
#include "table.h"

/* Has the daemon's heartbeat stopped? The kernel then decides what it can, and evicts expired pairs by itself. A heartbeat
 * may be a tick ahead: the daemon's clock is not the kernel's own. */
DP_INLINE int dp_heartbeat_stale(const struct dp_settings *settings, __u32 now)
{
	return settings && dp_ticks_since(now, DP_LOAD(&settings->heartbeat)) > settings->heartbeat_limit;
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

/* What the two directions of a TCP flow have said so far. */
struct dp_flow_said {
	__u32 first; /* this direction's cold element; host order */
	__u32 note;
	__u32 partner_first;
	__u32 partner_note;
	__be32 acked; /* last acknowledgement of this direction, of the other one; 0: none */
	__be32 partner_acked;
	__u32 link;
	__u32 partner_link;
};

DP_INLINE __u32 dp_flow_link_at(struct dp_env *env, __u8 family, __u32 slot)
{
	if (family == DP_FAMILY_V4) {
		const struct dp_flow_entry4 *entry = dp_flow_entry4(env, slot);

		return entry ? DP_LOAD(&entry->link) : 0;
	} else {
		const struct dp_flow_entry6 *entry = dp_flow_entry6(env, slot);

		return entry ? DP_LOAD(&entry->link) : 0;
	}
}

DP_INLINE __be32 dp_flow_acked_at(struct dp_env *env, __u8 family, __u32 slot)
{
	if (family == DP_FAMILY_V4) {
		const struct dp_flow_entry4 *entry = dp_flow_entry4(env, slot);

		return entry ? DP_LOAD(&entry->acked) : 0;
	} else {
		const struct dp_flow_entry6 *entry = dp_flow_entry6(env, slot);

		return entry ? DP_LOAD(&entry->acked) : 0;
	}
}

/* 0 when the pair is gone. */
DP_INLINE int dp_flow_said(struct dp_env *env, __u8 family, const struct dp_flow_view *view,
			   struct dp_flow_said *said)
{
	const struct dp_flow_cold *own = dp_flow_cold_at(env, family, view->slot);
	const struct dp_flow_cold *other = dp_flow_cold_at(env, family, view->partner);

	if (!own || !other)
		return 0;
	said->first = DP_LOAD(&own->first_sequence);
	said->note = DP_LOAD(&own->note);
	said->partner_first = DP_LOAD(&other->first_sequence);
	said->partner_note = DP_LOAD(&other->note);
	said->link = dp_flow_link_at(env, family, view->slot);
	said->acked = dp_flow_acked_at(env, family, view->slot);
	said->partner_acked = dp_flow_acked_at(env, family, view->partner);
	return dp_flow_partner_link(env, family, view, &said->partner_link);
}

/* Notes numbers of the half in `slot`, while its version is that of `control`. The flags that say what they are are set
 * behind this. */
DP_INLINE void dp_flow_store_numbers(struct dp_env *env, __u8 family, __u32 slot, __u32 control,
				     __u32 first, __u32 note)
{
	struct dp_flow_cold *cold = dp_flow_cold_at(env, family, slot);

	if (!cold || !dp_flow_still(env, family, slot, control))
		return;
	DP_STORE_RELEASE(&cold->first_sequence, first);
	DP_STORE_RELEASE(&cold->note, note);
}

/* Does this packet's acknowledgement count as its direction's last? A RST's does not: whoever sends one may know nothing. */
DP_INLINE int dp_packet_acknowledges(const struct dp_packet *packet)
{
	return packet->protocol == DP_PROTOCOL_TCP && (packet->tcp_flags & (DP_TCP_ACK | DP_TCP_RST)) == DP_TCP_ACK;
}

/* The last acknowledgement of the half in `slot`. */
DP_INLINE void dp_flow_store_acked(struct dp_env *env, __u8 family, __u32 slot, __be32 acked)
{
	if (family == DP_FAMILY_V4) {
		struct dp_flow_entry4 *entry = dp_flow_entry4(env, slot);

		if (entry)
			DP_STORE_RELEASE(&entry->acked, acked);
	} else {
		struct dp_flow_entry6 *entry = dp_flow_entry6(env, slot);

		if (entry)
			DP_STORE_RELEASE(&entry->acked, acked);
	}
}

/* The same, with a full barrier behind it. */
DP_INLINE void dp_flow_exchange_acked(struct dp_env *env, __u8 family, __u32 slot, __be32 acked)
{
	if (family == DP_FAMILY_V4) {
		struct dp_flow_entry4 *entry = dp_flow_entry4(env, slot);

		if (entry)
			DP_EXCHANGE(&entry->acked, acked);
	} else {
		struct dp_flow_entry6 *entry = dp_flow_entry6(env, slot);

		if (entry)
			DP_EXCHANGE(&entry->acked, acked);
	}
}

/* A packet of the half in `slot` leaves: counts it, and notes what it acknowledges. */
DP_INLINE void dp_flow_count_packet(struct dp_env *env, const struct dp_packet *packet, __u32 slot, __u32 now)
{
	dp_flow_count(env, packet->family, slot, 1, packet->frame_bytes, now);
	if (dp_packet_acknowledges(packet))
		dp_flow_store_acked(env, packet->family, slot, packet->tcp_acknowledgement);
}

#endif
