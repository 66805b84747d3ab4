/* routing.h - from a destination to a next hop.
 *
 * Source   Linux's own rules: longest prefix, then a hash over the flow among equal paths (RFC 2992's aim: packets of
 *          one flow keep one path).
 */
#ifndef DP_ROUTING_H
#define DP_ROUTING_H

#include "env.h"

/* A question and its answer, in one struct so that the verb can be a BPF global function. */
struct dp_way {
	struct dp_address address; /* asked */
	__u16 bank;
	__u16 first_path; /* answered, of DP_ROUTE_VIA */
	__u32 hash; /* picks among equal paths; equal for all packets of a direction of a flow */
	__u8 family;
	__u8 kind; /* answered: enum dp_route_kind */
	__u16 port;
	__u16 next_hop; /* 0: the neighbour is not known to Linux yet */
	__u8 path_count;
	__u8 pad;
};

DP_INLINE __u32 dp_way_next_hop_on_link(struct dp_env *env, const struct dp_way *way)
{
	struct dp_neighbour_key key;

	key.address = way->address;
	key.port = way->port;
	key.family = way->family;
	key.pad = 0;
	return dp_env_neighbour(env, &key);
}

/* Fills kind, port and next_hop. Returns the kind. */
DP_VERB int dp_route_find(struct dp_env *env, struct dp_way *way)
{
	const struct dp_route *route;
	const struct dp_path *path;

	if (!way)
		return DP_ROUTE_NONE;
	way->kind = DP_ROUTE_NONE;
	way->port = 0;
	way->next_hop = 0;
	way->first_path = 0;
	way->path_count = 0;
	route = dp_env_route(env, way->bank, way->family, &way->address);
	if (!route)
		return DP_ROUTE_NONE;
	way->kind = route->kind;
	way->port = route->port;
	if (route->kind == DP_ROUTE_ON_LINK) {
		way->next_hop = (__u16)dp_way_next_hop_on_link(env, way);
	} else if (route->kind == DP_ROUTE_VIA) {
		way->first_path = route->first_path;
		way->path_count = route->path_count;
		/* high bits of hash × count: a division would differ between the targets at zero */
		path = dp_env_path(env, way->bank,
				   route->first_path + (__u32)(((__u64)way->hash * route->path_count) >> 32));
		if (!path)
			return DP_ROUTE_NONE;
		way->port = path->port;
		way->next_hop = path->next_hop;
	}
	return way->kind;
}

/* Does any path of the route that was found leave by `port`? The question of strict reverse path validation
 * (RFC 3704, 2.2 feasible path). */
DP_VERB int dp_route_uses_port(struct dp_env *env, const struct dp_way *way, __u32 port)
{
	const struct dp_path *path;
	__u32 i;

	DP_LAUNDER(env);
	if (!way)
		return 0;
	if (way->kind == DP_ROUTE_ON_LINK)
		return way->port == port;
	for (i = 0; i < DP_ROUTE_PATHS_MAX; i++) {
		if (i >= way->path_count)
			break;
		path = dp_env_path(env, way->bank, way->first_path + i);
		if (path && path->port == port)
			return 1;
	}
	return 0;
}

#endif
