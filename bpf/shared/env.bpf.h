/* env.bpf.h - the lookups of common/env.h, answered by maps. */
#ifndef TWINPATH_ENV_BPF_H
#define TWINPATH_ENV_BPF_H

#include "maps.bpf.h"

#include "common/env.h"

DP_INLINE const struct dp_settings *dp_env_settings(struct dp_env *env)
{
	(void)env;
	return &settings;
}

DP_INLINE const struct dp_zone_pair *dp_env_zone_pair(struct dp_env *env, __u32 bank, __u32 index)
{
	__u32 key = bank * DP_ZONES_MAX * DP_ZONES_MAX + index;

	(void)env;
	return bpf_map_lookup_elem(&zone_pairs, &key);
}

DP_INLINE const struct dp_rule *dp_env_rule(struct dp_env *env, __u32 bank, __u32 index)
{
	__u32 key = bank * DP_RULES_MAX + index;

	(void)env;
	return bpf_map_lookup_elem(&rules, &key);
}

DP_INLINE const struct dp_route_rule *dp_env_route_rule(struct dp_env *env, __u32 index)
{
	(void)env;
	return bpf_map_lookup_elem(&route_rules, &index);
}

DP_INLINE const struct dp_route *dp_env_route(struct dp_env *env, __u32 index)
{
	(void)env;
	return bpf_map_lookup_elem(&routes, &index);
}

DP_INLINE const struct dp_path *dp_env_path(struct dp_env *env, __u32 index)
{
	(void)env;
	return bpf_map_lookup_elem(&paths, &index);
}

DP_INLINE __u32 dp_env_fib_word(struct dp_env *env, __u32 word)
{
	__u32 key = word / DP_FIB_LINE_WORDS;
	const struct dp_fib_line *line = bpf_map_lookup_elem(&fib, &key);

	(void)env;
	return line ? line->word[word % DP_FIB_LINE_WORDS] : 0;
}

/* Masked, too: clang-14 computes an address before the check, which the verifier refuses. */
DP_INLINE const struct dp_port *dp_env_port(struct dp_env *env, __u32 port)
{
	(void)env;
	if (port >= DP_PORTS_MAX)
		return 0;
	DP_LAUNDER(port);
	return &ports[port & (DP_PORTS_MAX - 1)];
}

DP_INLINE const struct dp_port_macs *dp_env_port_macs(struct dp_env *env, __u32 port)
{
	(void)env;
	return bpf_map_lookup_elem(&port_macs, &port);
}

DP_INLINE const struct dp_device *dp_env_device(struct dp_env *env, __u32 device)
{
	(void)env;
	if (device >= DP_DEVICES_MAX)
		return 0;
	DP_LAUNDER(device);
	return &devices[device & (DP_DEVICES_MAX - 1)];
}

DP_INLINE const struct dp_next_hop *dp_env_next_hop(struct dp_env *env, __u32 index)
{
	(void)env;
	if (index >= DP_NEXT_HOPS_MAX)
		return 0;
	DP_LAUNDER(index);
	return &next_hops[index & (DP_NEXT_HOPS_MAX - 1)];
}

DP_INLINE __u32 dp_env_neighbour(struct dp_env *env, const struct dp_neighbour_key *key)
{
	const __u32 *index = bpf_map_lookup_elem(&neighbours, key);

	(void)env;
	return index ? *index : 0;
}

DP_INLINE struct dp_flow_bucket4 *dp_env_bucket4(struct dp_env *env, __u32 bucket)
{
	(void)env;
	return bpf_map_lookup_elem(&flows4, &bucket);
}

DP_INLINE struct dp_flow_bucket6 *dp_env_bucket6(struct dp_env *env, __u32 bucket)
{
	(void)env;
	return bpf_map_lookup_elem(&flows6, &bucket);
}

DP_INLINE struct dp_flow_cold *dp_env_cold4(struct dp_env *env, __u32 slot)
{
	(void)env;
	return bpf_map_lookup_elem(&flows4_cold, &slot);
}

DP_INLINE struct dp_flow_cold *dp_env_cold6(struct dp_env *env, __u32 slot)
{
	(void)env;
	return bpf_map_lookup_elem(&flows6_cold, &slot);
}

DP_INLINE struct dp_budget_window *dp_env_budget_window(struct dp_env *env, __u32 kind, __u32 port)
{
	__u32 index = kind * DP_PORTS_MAX + port;

	(void)env;
	return bpf_map_lookup_elem(&budgets, &index);
}

DP_INLINE void dp_env_count_rule(struct dp_env *env, __u32 rule, __u64 packets, __u64 bytes, __u64 flows)
{
	struct dp_rule_counters *counters = rule ? bpf_map_lookup_elem(&rule_hits, &rule) : 0;

	(void)env;
	if (!counters)
		return;
	counters->packets += packets;
	counters->bytes += bytes;
	counters->flows += flows;
}

#endif
