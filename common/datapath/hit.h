/* hit.h - the plain hit: a packet of a decided flow that changes nothing. One lookup, one next hop.
 *
 * Everything that is not plain is refused here and decided by decide.h, which knows the reasons. So this file is only
 * a list of conditions; whatever it lets through, dp_decide would forward in the same way (the differential test holds
 * the two against each other).
 */
#ifndef DP_HIT_H
#define DP_HIT_H

#include "../wire/tcp.h"
#include "env.h"
#include "flow_table.h"
#include "track.h"

struct dp_hit {
	struct dp_flow_view view;
	union {
		struct dp_flow_entry4 *v4;
		struct dp_flow_entry6 *v6;
	} entry; /* where to count; valid as long as the packet */
	__u8 family;
};

/* States in which a packet of this kind changes nothing. A one-way UDP stream stays half-open, and is fast. */
DP_INLINE int dp_hit_settled(const struct dp_packet *packet, const struct dp_flow_view *view)
{
	__u32 state = view->control & DP_FLOW_STATE_MASK;

	if (state == DP_FLOW_ASSURED)
		return 1;
	return state == DP_FLOW_HALF_OPEN && packet->protocol != DP_PROTOCOL_TCP &&
	       (view->link & (DP_FLOW_MASTER | DP_FLOW_ANSWERED)) == DP_FLOW_MASTER;
}

DP_INLINE int dp_hit_find(struct dp_env *env, const struct dp_packet *packet, struct dp_hit *hit)
{
	struct dp_flow_key4 key4;
	struct dp_flow_key6 key6;

	if (packet->family == DP_FAMILY_V4) {
		dp_flow_key4_of(packet, &key4);
		return dp_flow_find4(env, &key4, &hit->view, &hit->entry.v4);
	}
	dp_flow_key6_of(packet, &key6);
	return dp_flow_find6(env, &key6, &hit->view, &hit->entry.v6);
}

/* The next hop to send `packet` to, or NULL: not a plain hit. packet->zone is set. */
DP_INLINE const struct dp_next_hop *dp_hit(struct dp_env *env, const struct dp_settings *settings,
					   const struct dp_packet *packet, struct dp_hit *hit)
{
	const struct dp_next_hop *hop;

	if (!(packet->flags & DP_PACKET_TO_US) || packet->ttl <= 1)
		return 0;
	if (packet->tcp_flags & (DP_TCP_SYN | DP_TCP_FIN | DP_TCP_RST))
		return 0;
	hit->family = packet->family;
	if (!dp_hit_find(env, packet, hit))
		return 0;
	if (hit->view.stamp != DP_LOAD(&settings->stamp) || !dp_hit_settled(packet, &hit->view))
		return 0;
	if (hit->view.link & (DP_FLOW_USER | DP_FLOW_HELD))
		return 0;
	hop = dp_env_next_hop(env, hit->view.next_hop);
	if (!hop || hop->flags != (DP_NEXT_HOP_RESOLVED | DP_NEXT_HOP_UP) || hop->vlan)
		return 0;
	return packet->l3_bytes <= hop->mtu ? hop : 0;
}

DP_INLINE void dp_hit_count(struct dp_hit *hit, __u32 bytes, __u32 now)
{
	if (hit->family == DP_FAMILY_V4)
		dp_flow_count4(hit->entry.v4, bytes, now);
	else
		dp_flow_count6(hit->entry.v6, bytes, now);
}

#endif
