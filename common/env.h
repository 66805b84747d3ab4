/* env.h - what a target supplies to the shared verbs: its map lookups, and nothing else.
 *
 * bpf/shared/env.bpf.h and userspace/engine/env.hpp define these functions; both include this file first. `env` is NULL in
 * the kernel, where maps are global; in user space it holds the mappings. Order and number of lookups are meaning, so
 * they stay in the shared verbs.
 *
 * Pointers stay valid for one packet (an RCU section in the kernel, a burst in the engine). NULL means the index is out
 * of range or the key is absent.
 */
#ifndef DP_ENV_H
#define DP_ENV_H

#include "model/device.h"
#include "model/fib.h"
#include "model/flow.h"
#include "model/next_hop.h"
#include "model/packet.h"
#include "model/port.h"
#include "model/route.h"
#include "model/rule.h"
#include "model/settings.h"
#include "model/verdict.h"

#ifdef __bpf__
struct dp_env {
	__u32 unused; /* a complete type: the verifier wants to know the size behind a pointer argument */
};
#else
struct dp_env;
#endif

DP_INLINE const struct dp_settings *dp_env_settings(struct dp_env *env);

/* Banked tables: `bank` comes from one read of settings.policy_bank (zone pairs, rules) or route_bank (route rules) per
 * packet. */
DP_INLINE const struct dp_zone_pair *dp_env_zone_pair(struct dp_env *env, __u32 bank, __u32 index);
DP_INLINE const struct dp_rule *dp_env_rule(struct dp_env *env, __u32 bank, __u32 index);
/* Index as model/route.h says. */
DP_INLINE const struct dp_route_rule *dp_env_route_rule(struct dp_env *env, __u32 index);

/* Of all banks: routes, paths, and the words of the trees (model/fib.h; 0 beyond their end). */
DP_INLINE const struct dp_route *dp_env_route(struct dp_env *env, __u32 index);
DP_INLINE const struct dp_path *dp_env_path(struct dp_env *env, __u32 index);
DP_INLINE __u32 dp_env_fib_word(struct dp_env *env, __u32 word);

/* Tables of the host's present state. */
DP_INLINE const struct dp_port *dp_env_port(struct dp_env *env, __u32 port);
DP_INLINE const struct dp_port_macs *dp_env_port_macs(struct dp_env *env, __u32 port);
DP_INLINE const struct dp_device *dp_env_device(struct dp_env *env, __u32 device);
DP_INLINE const struct dp_next_hop *dp_env_next_hop(struct dp_env *env, __u32 index);
/* Index of the next hop, 0 when the neighbour is not known. */
DP_INLINE __u32 dp_env_neighbour(struct dp_env *env, const struct dp_neighbour_key *key);

/* Flow table, shared by every writer. `bucket` < set_count / 2. */
DP_INLINE struct dp_flow_bucket4 *dp_env_bucket4(struct dp_env *env, __u32 bucket);
DP_INLINE struct dp_flow_bucket6 *dp_env_bucket6(struct dp_env *env, __u32 bucket);
/* What lies beside the table; `slot` < set_count * 8. */
DP_INLINE struct dp_flow_cold *dp_env_cold4(struct dp_env *env, __u32 slot);
DP_INLINE struct dp_flow_cold *dp_env_cold6(struct dp_env *env, __u32 slot);

/* The window of a budget (enum dp_budget_kind); port 0: of all ports together. */
DP_INLINE struct dp_budget_window *dp_env_budget_window(struct dp_env *env, __u32 kind, __u32 port);

/* Adds to the counters of a rule (model/counters.h); 0, a zone's default, has none. */
DP_INLINE void dp_env_count_rule(struct dp_env *env, __u32 rule, __u64 packets, __u64 bytes, __u64 flows);

#endif
