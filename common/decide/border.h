/* border.h - what belongs to the host, and what of it may reach the host.
 *
 * Nothing is passed to Linux that Linux could forward: only frames to the port's own MAC for the host's own addresses,
 * and multicast or broadcast.
 */
#ifndef DP_BORDER_H
#define DP_BORDER_H

#include "../wire/ethernet.h"
#include "../wire/icmp.h"
#include "judge.h"

enum {
	DP_DHCP_SERVER_PORT = 67, /* RFC 2131 */
	DP_DHCP_CLIENT_PORT = 68,
	DP_DHCPV6_SERVER_PORT = 547, /* RFC 8415 */
	DP_DHCPV6_CLIENT_PORT = 546,
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

/* Speaks to the host as its router: a router advertisement (RFC 4861 section 4.2), a redirect (section 4.5, RFC 792). */
DP_INLINE int dp_is_router_word(const struct dp_packet *packet)
{
	if (packet->family == DP_FAMILY_V4)
		return packet->protocol == DP_PROTOCOL_ICMP && packet->icmp_type == DP_ICMP_REDIRECT;
	return packet->protocol == DP_PROTOCOL_ICMPV6 &&
	       (packet->icmp_type == DP_ICMPV6_ROUTER_ADVERTISEMENT || packet->icmp_type == DP_ICMPV6_REDIRECT);
}

/* Such a word would take over where the host's packets go, and with it the gateway's routes: it counts on ports that say
 * so, and on no other. */
DP_INLINE int dp_router_trusted(struct dp_env *env, const struct dp_packet *packet)
{
	const struct dp_port *port = dp_env_port(env, packet->ingress);

	return port && (port->flags & DP_PORT_RA);
}

/* An answer to the host's own DHCP client, which listens before the host has the address (RFC 2131 section 4.1), or on a
 * socket that names no server (RFC 8415 section 7.2). */
DP_INLINE int dp_is_dhcp_answer(const struct dp_packet *packet)
{
	if (packet->protocol != DP_PROTOCOL_UDP || (packet->flags & DP_PACKET_FRAGMENT))
		return 0;
	if (packet->family == DP_FAMILY_V4)
		return packet->source_port == dp_htons(DP_DHCP_SERVER_PORT) &&
		       packet->destination_port == dp_htons(DP_DHCP_CLIENT_PORT);
	return packet->source_port == dp_htons(DP_DHCPV6_SERVER_PORT) &&
	       packet->destination_port == dp_htons(DP_DHCPV6_CLIENT_PORT) &&
	       dp_address_link_local(packet->family, &packet->destination);
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
	if (packet->flags & (DP_PACKET_ICMP_ANSWER | DP_PACKET_ICMP_ERROR) || dp_is_dhcp_answer(packet))
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
	if (dp_is_router_word(&ctx->packet) && !dp_router_trusted(env, &ctx->packet))
		return DP_ROUTER_ADVERTISEMENT;
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

/* A frame to a group address of the link, or a packet to a group of its stations (RFC 6085: in a frame to one of them). */
DP_VERB int dp_to_group(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_settings *settings = dp_env_settings(env);
	int reason;

	if (!ctx || !settings)
		return DP_INTERNAL;
	if (!(ctx->packet.flags & DP_PACKET_IP))
		return DP_PASS_LINK;
	if (dp_is_router_word(&ctx->packet) && !dp_router_trusted(env, &ctx->packet))
		return DP_ROUTER_ADVERTISEMENT;
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
	if (reason && dp_is_dhcp_answer(&ctx->packet))
		reason = DP_NONE;
	if (reason == DP_STEER_REJECT)
		return DP_RULE_REJECT; /* nobody answers a group */
	return reason ? reason : DP_PASS_MULTICAST;
}

/* May unicast frames of this EtherType go to Linux? */
DP_INLINE int dp_port_passes(struct dp_env *env, const struct dp_packet *packet)
{
	const struct dp_port *port = dp_env_port(env, packet->ingress);
	int passes = 0;

	if (!port || !packet->ether_type)
		return 0;
	DP_UNROLL
	for (__u32 i = 0; i < DP_PORT_ETHERTYPES_MAX; i++)
		passes |= port->pass_ethertypes[i] == packet->ether_type;
	return passes;
}

/* Frames that need no look at flows: another station's, to a group, not IP, source routed. DP_NONE: unicast IP to us. */
DP_INLINE int dp_border(struct dp_env *env, struct dp_context *ctx)
{
	const struct dp_packet *packet = &ctx->packet;

	if (!(packet->flags & (DP_PACKET_TO_US | DP_PACKET_LINK_GROUP)))
		return DP_NOT_OUR_MAC;
	if (packet->flags & DP_PACKET_SOURCE_ROUTE)
		return DP_SOURCE_ROUTE;
	if (packet->flags & DP_PACKET_LINK_GROUP)
		return dp_to_group(env, ctx);
	if (packet->flags & DP_PACKET_IP)
		return dp_address_group(packet->family, &packet->destination) ? dp_to_group(env, ctx)
									      : (int)DP_NONE;
	if (packet->ether_type == DP_ETHERTYPE_ARP)
		return DP_PASS_LINK;
	return dp_port_passes(env, packet) ? DP_PASS_ETHERTYPE : DP_UNKNOWN_ETHERTYPE;
}

#endif
