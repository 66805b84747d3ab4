/* route.h - from a destination to a next hop.
 *
 * Source   Linux's own rules: longest prefix, then a hash over the flow among equal paths (RFC 2992's aim: packets of
 *          one flow keep one path).
 */
#ifndef DP_ROUTE_QUERY_H
#define DP_ROUTE_QUERY_H

#include "../env.h"

DP_INLINE __u32 dp_route_on_link_next_hop(struct dp_env *env, const struct dp_route_query *query)
{
	struct dp_neighbour_key key;

	key.address = query->address;
	key.port = query->port;
	key.family = query->family;
	key.pad = 0;
	return dp_env_neighbour(env, &key);
}

/* Fills kind, port and next_hop. Returns the kind. */
DP_VERB int dp_route_find(struct dp_env *env, struct dp_route_query *query)
{
	const struct dp_route *route;
	const struct dp_path *path;

	if (!query)
		return DP_ROUTE_NONE;
	query->kind = DP_ROUTE_NONE;
	query->port = 0;
	query->next_hop = 0;
	query->first_path = 0;
	query->path_count = 0;
	route = dp_env_route(env, query);
	if (!route)
		return DP_ROUTE_NONE;
	query->kind = route->kind;
	query->port = route->port;
	if (route->kind == DP_ROUTE_ON_LINK) {
		query->next_hop = (__u16)dp_route_on_link_next_hop(env, query);
	} else if (route->kind == DP_ROUTE_VIA) {
		query->first_path = route->first_path;
		query->path_count = route->path_count;
		/* high bits of hash × count: a division would differ between the targets at zero */
		path = dp_env_path(env, query->bank,
				   route->first_path + (__u32)(((__u64)query->hash * route->path_count) >> 32));
		if (!path)
			return DP_ROUTE_NONE;
		query->port = path->port;
		query->next_hop = path->next_hop;
	}
	return query->kind;
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
		path = dp_env_path(env, query->bank, query->first_path + i);
		if (path && path->port == port)
			return 1;
	}
	return 0;
}

#endif
