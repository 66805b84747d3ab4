/* route_cache.h - the last routes that were looked up, by destination: new flows ask for the same few again and again.
 *
 * Shape    direct-mapped, DP_ROUTE_CACHE_ENTRIES entries of dp_cached_route. An address that takes an entry replaces the one
 *          that was there.
 * Valid    for packets of the stamp and the bank that the entry was looked up under: routes are published into the idle
 *          bank, and a new stamp follows the flip. A stamp comes round again after 65,535 epochs, at most ten a second, so
 *          entries older than DP_ROUTE_CACHE_TICKS count for nothing.
 * Owner    a CPU in the kernel, the engine's thread: env.h.
 */
#ifndef DP_ROUTE_CACHE_H
#define DP_ROUTE_CACHE_H

#include "../flow/hash.h"
#include "../model/route.h"

enum { DP_ROUTE_CACHE_TICKS = 1 << 15 }; /* 33 s at 1,000 a second, 328 s at 100 */

/* Of the entry that this address may lie in. */
DP_INLINE __u32 dp_route_cache_index(const struct dp_address *address)
{
	__u64 hash = dp_hash_add(0, address->word[0] | (__u64)address->word[1] << 32);

	hash = dp_hash_end(dp_hash_add(hash, address->word[2] | (__u64)address->word[3] << 32));
	return dp_hash_range((__u32)(hash >> 32), DP_ROUTE_CACHE_ENTRIES);
}

DP_INLINE int dp_route_cache_holds(const struct dp_cached_route *cached, const struct dp_route_query *query)
{
	return cached->stamp == query->stamp && cached->bank == query->bank &&
	       cached->family == query->family && dp_address_equal(&cached->address, &query->address) &&
	       query->now - cached->looked_up < DP_ROUTE_CACHE_TICKS;
}

/* `route`: what the lookup has found, or NULL. */
DP_INLINE void dp_route_cache_store(struct dp_cached_route *cached,
				    const struct dp_route_query *query, const struct dp_route *route)
{
	const struct dp_route none = { DP_ROUTE_NONE, 0, 0, 0, 0 };

	cached->address = query->address;
	cached->stamp = query->stamp;
	cached->looked_up = query->now;
	cached->bank = query->bank;
	cached->family = query->family;
	cached->route = route ? *route : none;
}

#endif
