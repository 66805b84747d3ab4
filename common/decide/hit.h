/* hit.h - the plain hit: a packet of a decided flow that changes nothing. One lookup, one next hop, or the engine.
 *
 * Everything that is not plain is refused here and decided by decide.h, which knows the reasons. So this file is only
 * a list of conditions; whatever it lets through, dp_decide would forward or steer in the same way (the differential test holds
 * the two against each other).
 */
#ifndef DP_HIT_H
#define DP_HIT_H

#include "../wire/tcp.h"
#include "../env.h"
#include "../flow/table.h"
#include "../flow/track.h"

struct dp_hit {
	struct dp_flow_view view;
	struct dp_next_hop hop; /* a copy: all questions and dp_forward see the same */
	union {
		struct dp_flow_entry4 *v4;
		struct dp_flow_entry6 *v6;
	} entry; /* where to count; valid as long as the packet */
	__u8 family;
};

/* States in which a packet of this kind changes nothing. A one-way UDP stream stays half-open, and is fast. */
DP_INLINE int dp_hit_steady(const struct dp_packet *packet, const struct dp_flow_view *view)
{
	__u32 state = view->control & DP_FLOW_STATE_MASK;

	if (state == DP_FLOW_ASSURED)
		return 1;
	return state == DP_FLOW_HALF_OPEN && packet->protocol != DP_PROTOCOL_TCP &&
	       (view->link & (DP_FLOW_FORWARD | DP_FLOW_ANSWERED)) == DP_FLOW_FORWARD;
}

/* 1: found. 0: found, and changed while it was read. -1: absent. */
DP_INLINE int dp_hit_find(struct dp_env *env, const struct dp_packet *packet, struct dp_hit *hit)
{
	struct dp_flow_key4 key4;
	struct dp_flow_key6 key6;
	int found;

	hit->family = packet->family;
	if (packet->family == DP_FAMILY_V4) {
		hit->entry.v4 = 0;
		dp_flow_key_of4(packet, &key4);
		found = dp_flow_find_steady4(env, &key4, &hit->view, &hit->entry.v4);
		return found || hit->entry.v4 ? found : -1;
	}
	hit->entry.v6 = 0;
	dp_flow_key_of6(packet, &key6);
	found = dp_flow_find_steady6(env, &key6, &hit->view, &hit->entry.v6);
	return found || hit->entry.v6 ? found : -1;
}

/* Can the next hop take this packet as it is? */
DP_INLINE int dp_hit_hop(struct dp_env *env, const struct dp_packet *packet, struct dp_hit *hit)
{
	const struct dp_next_hop *hop = dp_env_next_hop(env, hit->view.next_hop);

	if (!hop)
		return 0;
	hit->hop = *hop;
	return hit->hop.flags == (DP_NEXT_HOP_RESOLVED | DP_NEXT_HOP_UP) && hit->hop.vlan == 0 &&
	       packet->l3_bytes <= hit->hop.mtu;
}

/* Is this a plain hit? packet->zone is set. */
DP_INLINE enum dp_hit_verdict dp_hit(struct dp_env *env, const struct dp_settings *settings,
				     const struct dp_packet *packet, struct dp_hit *hit)
{
	int found;

	if (!(packet->flags & DP_PACKET_TO_US) || packet->ttl <= 1)
		return DP_HIT_NOT;
	if (packet->tcp_flags & (DP_TCP_SYN | DP_TCP_FIN | DP_TCP_RST))
		return DP_HIT_NOT;
	found = dp_hit_find(env, packet, hit);
	if (found <= 0)
		return found ? DP_HIT_ABSENT : DP_HIT_NOT;
	if (hit->view.stamp != DP_LOAD(&settings->stamp) || !dp_hit_steady(packet, &hit->view))
		return DP_HIT_NOT;
	if (hit->view.link & DP_FLOW_HELD)
		return DP_HIT_NOT;
	if (hit->view.link & DP_FLOW_USER)
		return DP_HIT_USER;
	return dp_hit_hop(env, packet, hit) ? DP_HIT_FORWARD : DP_HIT_NOT;
}

DP_INLINE void dp_hit_count(struct dp_env *env, struct dp_hit *hit, __u32 bytes, __u32 now)
{
	if (hit->family == DP_FAMILY_V4)
		dp_flow_count4(env, hit->view.slot, hit->entry.v4, 1, bytes, now);
	else
		dp_flow_count6(env, hit->view.slot, hit->entry.v6, 1, bytes, now);
}

#endif
