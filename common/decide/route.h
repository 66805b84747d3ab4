/* route.h - from a destination to a next hop.
 *
 * Source   Linux's own rules: the rules of policy routing in turn (net/core/fib_rules.c, fib_rules_lookup), in each table
 *          the longest prefix, then a hash over the flow among equal paths (RFC 2992's aim: packets of one flow keep
 *          one path).
 */
#ifndef DP_ROUTE_QUERY_H
#define DP_ROUTE_QUERY_H

#include "../env.h"
#include "fib.h"

DP_INLINE __u32 dp_route_on_link_next_hop(struct dp_env *env, const struct dp_route_query *query, __u16 mtu)
{
	struct dp_neighbour_key key;

	key.address = query->address;
	key.port = query->port;
	key.mtu = mtu;
	key.family = query->family;
	key.pad[0] = 0;
	key.pad[1] = 0;
	key.pad[2] = 0;
	return dp_env_neighbour(env, &key);
}

DP_INLINE int dp_route_prefix_covers(const struct dp_address *prefix, const struct dp_address *mask,
				     const struct dp_address *address)
{
	return !(((address->word[0] ^ prefix->word[0]) & mask->word[0]) |
		 ((address->word[1] ^ prefix->word[1]) & mask->word[1]) |
		 ((address->word[2] ^ prefix->word[2]) & mask->word[2]) |
		 ((address->word[3] ^ prefix->word[3]) & mask->word[3]));
}

DP_INLINE int dp_route_rule_selects(const struct dp_route_rule *rule, const struct dp_route_query *query)
{
	if (rule->port && rule->port != query->ingress)
		return 0;
	if (rule->protocol && rule->protocol != query->protocol)
		return 0;
	if (rule->source_port_high &&
	    (query->source_port < rule->source_port_low || query->source_port > rule->source_port_high))
		return 0;
	if (rule->destination_port_high && (query->destination_port < rule->destination_port_low ||
					    query->destination_port > rule->destination_port_high))
		return 0;
	return dp_route_prefix_covers(&rule->source, &rule->source_mask, &query->source) &&
	       dp_route_prefix_covers(&rule->destination, &rule->destination_mask, &query->address);
}

/* Fills port and next hop of a route that leads on. */
DP_INLINE void dp_route_take(struct dp_env *env, const struct dp_route *route, struct dp_route_query *query)
{
	const struct dp_path *path;
	__u16 mtu = 0;

	query->kind = route->kind;
	query->port = route->port;
	query->path = route->first_path;
	if (route->kind == DP_ROUTE_VIA) {
		/* high bits of hash × count: a division would differ between the targets at zero */
		query->path = (__u16)(route->first_path +
				      (__u32)(((__u64)query->hash * route->path_count) >> 32));
		path = dp_env_path(env, query->path);
		if (!path) {
			query->kind = DP_ROUTE_NONE;
			query->port = 0;
			return;
		}
		query->first_path = route->first_path;
		query->path_count = route->path_count;
		query->port = path->port;
		query->next_hop = path->next_hop;
		mtu = path->mtu;
	}
	if (!query->next_hop && (route->kind == DP_ROUTE_ON_LINK || route->kind == DP_ROUTE_VIA))
		query->next_hop = (__u16)dp_route_on_link_next_hop(env, query, mtu);
}

/* Asks one table. 0: it has no answer, or none that counts. */
DP_INLINE int dp_route_ask_tree(struct dp_env *env, const struct dp_route_rule *rule, struct dp_route_query *query)
{
	__u32 index = dp_fib_find(env, rule->root, query->family, &query->address);
	const struct dp_route *route = index ? dp_env_route(env, index) : 0;

	if (!route || route->kind == DP_ROUTE_THROW)
		return 0;
	/* only a route that leads somewhere can be too short (fib4_rule_suppress) */
	if (route->prefix_bits < rule->bits_at_least && route->kind != DP_ROUTE_UNREACHABLE &&
	    route->kind != DP_ROUTE_BLACKHOLE && route->kind != DP_ROUTE_PROHIBITED)
		return 0;
	dp_route_take(env, route, query);
	return 1;
}

/* A rule that refuses says "network unreachable" where a route says "host unreachable" (fib4_rule_action, fib_props). */
DP_INLINE __u8 dp_route_refusal(__u8 action)
{
	switch (action) {
	case DP_ROUTE_ASK_BLACKHOLE:
		return DP_ROUTE_BLACKHOLE;
	case DP_ROUTE_ASK_PROHIBIT:
		return DP_ROUTE_PROHIBITED;
	default:
		return DP_ROUTE_NONE;
	}
}

/* Fills the answer: all of it 0 when there is no route. Returns the kind. */
DP_VERB int dp_route_find(struct dp_env *env, struct dp_route_query *query)
{
	const struct dp_route_rule *rule;
	__u32 base;
	__u32 rank = 0;
	__u32 i;

	DP_LAUNDER(env);
	if (!query)
		return DP_ROUTE_NONE;
	query->kind = DP_ROUTE_NONE;
	query->path_count = 0;
	query->port = 0;
	query->next_hop = 0;
	query->first_path = 0;
	query->path = 0;
	base = (query->bank * 2u + (query->family == DP_FAMILY_V6)) * DP_ROUTE_RULES_MAX;
	for (i = 0; i < DP_ROUTE_RULES_MAX; i++) {
		rule = rank < DP_ROUTE_RULES_MAX ? dp_env_route_rule(env, base + rank) : 0;
		if (!rule || rule->action == DP_ROUTE_ASK_END)
			break;
		rank++;
		if (dp_route_rule_selects(rule, query) == !!rule->invert)
			continue;
		if (rule->action == DP_ROUTE_ASK_JUMP) {
			rank = rule->target;
		} else if (rule->action == DP_ROUTE_ASK_TREE) {
			if (dp_route_ask_tree(env, rule, query))
				break;
		} else {
			query->kind = dp_route_refusal(rule->action);
			break;
		}
	}
	return query->kind;
}

/* The port that a route leads to; NULL when it names none. 0 is no port, but the lookup answers for it as for any other. */
DP_INLINE const struct dp_port *dp_route_egress(struct dp_env *env, const struct dp_route_query *query)
{
	return query->port ? dp_env_port(env, query->port) : 0;
}

/* Does any path of the route that was found leave by `port`? The question of strict reverse path validation
 * (RFC 3704, 2.2 feasible path). */
DP_VERB int dp_route_uses_port(struct dp_env *env, const struct dp_route_query *query, __u32 port)
{
	const struct dp_path *path;
	__u32 i;

	DP_LAUNDER(env);
	if (!query)
		return 0;
	if (query->kind == DP_ROUTE_ON_LINK)
		return query->port == port;
	for (i = 0; i < DP_ROUTE_PATHS_MAX; i++) {
		if (i >= query->path_count)
			break;
		path = dp_env_path(env, query->first_path + i);
		if (path && path->port == port)
			return 1;
	}
	return 0;
}

#endif
