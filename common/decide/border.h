/* border.h - what belongs to the host, and what of it may reach the host.
 *
 * Nothing is passed to Linux that Linux could forward: only frames to the port's own MAC for the host's own addresses,
 * and multicast or broadcast.
 */
#ifndef DP_BORDER_H
#define DP_BORDER_H

#include "../wire/ethernet.h"
#include "judge.h"

enum {
	DP_ICMPV6_MLD_FIRST = 130,
	DP_ICMPV6_ND_FIRST = 133,
	DP_ICMPV6_ND_LAST = 137,
	DP_ICMPV6_MLD2_REPORT = 143,
	DP_PROTOCOL_IGMP = 2,
};

/* Router and neighbour discovery: hop limit 255 proves that it comes from this link (RFC 4861). */
DP_INLINE int dp_is_neighbour_discovery(const struct dp_packet *packet)
{
	return packet->protocol == DP_PROTOCOL_ICMPV6 && packet->icmp_type >= DP_ICMPV6_ND_FIRST &&
	       packet->icmp_type <= DP_ICMPV6_ND_LAST && packet->ttl == 255;
}

/* Membership reports are the link's housekeeping too (RFC 3376, 3810). */
DP_INLINE int dp_is_membership(const struct dp_packet *packet)
{
	if (packet->family == DP_FAMILY_V4)
		return packet->protocol == DP_PROTOCOL_IGMP;
	return packet->protocol == DP_PROTOCOL_ICMPV6 &&
	       ((packet->icmp_type >= DP_ICMPV6_MLD_FIRST && packet->icmp_type < DP_ICMPV6_ND_FIRST) ||
		packet->icmp_type == DP_ICMPV6_MLD2_REPORT);
}

/* Answers that can be told without asking for a socket: own traffic of the host is never subject to rules. */
DP_INLINE int dp_answers_host(const struct dp_packet *packet)
{
	if (packet->flags & (DP_PACKET_ICMP_ANSWER | DP_PACKET_ICMP_ERROR))
		return 1;
	if ((packet->flags & DP_PACKET_FRAGMENT) && !(packet->flags & DP_PACKET_FIRST_FRAGMENT))
		return 1; /* worthless without the first, which is judged */
	return 0;
}

/* Unicast to one of the host's addresses: may it reach the host? */
DP_VERB int dp_to_host(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	ctx->to_host = 1;
	if (dp_is_neighbour_discovery(&ctx->packet))
		return DP_PASS_LINK;
	if (!dp_address_link_local(ctx->packet.family, &ctx->packet.source)) {
		dp_route_query_reverse(settings, ctx, 0, &ctx->back);
		dp_route_find(env, &ctx->back);
		reason = dp_source_valid(env, ctx);
		if (reason)
			return reason;
	}
	reason = dp_policy(env, ctx, DP_ZONE_HOST);
	if (reason && dp_answers_host(&ctx->packet))
		reason = DP_NONE;
	return reason ? reason : DP_PASS_HOST;
}

/* A frame to a group address of the link. */
DP_VERB int dp_to_group(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	if (!(ctx->packet.flags & DP_PACKET_IP))
		return DP_PASS_LINK;
	if (dp_is_neighbour_discovery(&ctx->packet) || dp_is_membership(&ctx->packet))
		return DP_PASS_LINK;
	if (dp_martian_source(ctx->packet.family, &ctx->packet.source) &&
	    !dp_address_unspecified(&ctx->packet.source))
		return DP_MARTIAN_SOURCE;
	if (!dp_address_multicast(ctx->packet.family, &ctx->packet.destination)) {
		dp_route_query_forward(settings, ctx, &ctx->there);
		if (dp_route_find(env, &ctx->there) != DP_ROUTE_BROADCAST &&
		    !dp_address_broadcast(ctx->packet.family, &ctx->packet.destination))
			return DP_MARTIAN_DESTINATION;
	}
	reason = dp_policy(env, ctx, DP_ZONE_HOST);
	if (reason == DP_STEER_REJECT)
		return DP_RULE_REJECT; /* nobody answers a group */
	return reason ? reason : DP_PASS_MULTICAST;
}

/* Frames that need no look at flows: another station's, group addressed, not IP, source routed.
 * DP_NONE: unicast IP to us. */
DP_INLINE int dp_border(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_packet *packet = &ctx->packet;

	if (!(packet->flags & (DP_PACKET_TO_US | DP_PACKET_LINK_GROUP)))
		return DP_NOT_OUR_MAC;
	if (packet->flags & DP_PACKET_SOURCE_ROUTE)
		return DP_SOURCE_ROUTE;
	if (packet->flags & DP_PACKET_LINK_GROUP)
		return dp_to_group(env, ctx);
	if (!(packet->flags & DP_PACKET_IP))
		return packet->ether_type == DP_ETHERTYPE_ARP ? DP_PASS_LINK : DP_UNKNOWN_ETHERTYPE;
	return DP_NONE;
}

#endif
