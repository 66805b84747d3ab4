/* flow_table_test.bpf.c - the flow table's verbs as programs of their own, for tests/model and for figures.
 *
 * Never attached: user space runs them with BPF_PROG_TEST_RUN. DP_FLOW_MUTATION builds one with a seeded fault.
 */
#include "common/target.h"
#include "tests/model/flow_mutation.h"

#include "common/env.h"

#define TEST_ARRAY(name, value_type, map_kind, flags)                                              \
	struct {                                                                                   \
		__uint(type, map_kind);                                                            \
		__uint(max_entries, 1);                                                            \
		__uint(map_flags, flags);                                                          \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

TEST_ARRAY(settings, struct dp_settings, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE);
TEST_ARRAY(flows4, struct dp_flow_bucket4, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE);
TEST_ARRAY(flows6, struct dp_flow_bucket6, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE);
TEST_ARRAY(flows4_cold, struct dp_flow_cold, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE);
TEST_ARRAY(flows6_cold, struct dp_flow_cold, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE);

DP_INLINE const struct dp_settings *dp_env_settings(struct dp_env *env)
{
	__u32 zero = 0;

	(void)env;
	return bpf_map_lookup_elem(&settings, &zero);
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

/* Rules are not counted here. */
DP_INLINE void dp_env_count_rule(struct dp_env *env, __u32 rule, __u64 packets, __u64 bytes, __u64 flows)
{
	(void)env, (void)rule, (void)packets, (void)bytes, (void)flows;
}

#include "common/flow/table.h"
#include "tests/model/flow_stress.h"

TEST_ARRAY(scratch, struct flow_stress, BPF_MAP_TYPE_PERCPU_ARRAY, 0);
TEST_ARRAY(counts, struct flow_stress_counts, BPF_MAP_TYPE_PERCPU_ARRAY, 0);

struct flow_stress_globals globals;

DP_INLINE int stress(__u8 family)
{
	__u64 random = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	__u32 zero = 0;
	struct flow_stress *work = bpf_map_lookup_elem(&scratch, &zero);
	struct flow_stress_counts *sums = bpf_map_lookup_elem(&counts, &zero);

	if (work && sums)
		flow_stress_step(0, work, sums, family, random, globals.ticks);
	return XDP_PASS;
}

SEC("xdp")
int stress4(struct xdp_md *ctx)
{
	(void)ctx;
	return stress(DP_FAMILY_V4);
}

SEC("xdp")
int stress6(struct xdp_md *ctx)
{
	(void)ctx;
	return stress(DP_FAMILY_V6);
}

DP_INLINE __u32 next_number(void)
{
	__u32 number = (__u32)__sync_fetch_and_add(&globals.position, 1) * 2654435761u;

	return dp_hash_range(number, globals.flows);
}

/* Keys of flow_numbers.h, as cheaply as a parser would leave them. */
DP_INLINE void key_of(struct dp_flow_key4 *key, __u32 number)
{
	key->source = dp_htonl(192u << 24 | number >> 12);
	key->destination = dp_htonl(193u << 24 | number >> 12);
	key->source_port = dp_htons((__u16)(1024 + (number & 0xfff)));
	key->destination_port = dp_htons(443);
	key->protocol = 6;
	key->zone = 2;
	key->delta = 0;
}

/* What the other micro programs cost without the table. */
SEC("xdp")
int base4(struct xdp_md *ctx)
{
	struct dp_flow_key4 key;

	(void)ctx;
	key_of(&key, next_number());
	__asm__ volatile("" ::"r"(&key) : "memory");
	return XDP_PASS;
}

SEC("xdp")
int hit4(struct xdp_md *ctx)
{
	struct dp_flow_words4 words;
	struct dp_flow_found4 found;
	struct dp_flow_key4 key;

	(void)ctx;
	key_of(&key, next_number());
	dp_flow_words_of4(&key, &words);
	if (!dp_flow_locate4(0, &words, &found))
		return XDP_DROP;
	dp_flow_count4(0, found.slot, found.entry, 1, 60, globals.ticks);
	return XDP_PASS;
}

SEC("xdp")
int hit6(struct xdp_md *ctx)
{
	struct dp_flow_words6 words;
	struct dp_flow_found6 found;
	struct dp_flow_key6 key;
	__u32 number = next_number();

	(void)ctx;
	key.source[0] = key.destination[0] = dp_htonl(0x20010db8);
	key.source[1] = 0;
	key.destination[1] = dp_htonl(1);
	key.source[2] = key.destination[2] = dp_htonl(number >> 12);
	key.source[3] = key.destination[3] = dp_htonl(1);
	key.source_port = dp_htons((__u16)(1024 + (number & 0xfff)));
	key.destination_port = dp_htons(443);
	key.protocol = 6;
	key.zone = 2;
	key.delta = 0;
	dp_flow_words_of6(&key, &words);
	if (!dp_flow_locate6(0, &words, &found))
		return XDP_DROP;
	dp_flow_count6(0, found.slot, found.entry, 1, 60, globals.ticks);
	return XDP_PASS;
}

DP_INLINE int insert(__u8 family)
{
	__u32 zero = 0, number = (__u32)__sync_fetch_and_add(&globals.position, 1);
	struct flow_stress *work = bpf_map_lookup_elem(&scratch, &zero);
	int result;

	if (!work)
		return XDP_ABORTED;
	flow_number_half(&work->forward, family, number, 0, 6);
	flow_number_half(&work->reverse, family, number, 1, 6);
	work->install.now = globals.ticks;
	work->install.family = family;
	work->install.evict = 1;
	work->install.evict_expired = 0;
	result = dp_flow_install(0, &work->forward, &work->reverse, &work->install);
	return result == DP_INSTALL_OK ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int insert4(struct xdp_md *ctx)
{
	(void)ctx;
	return insert(DP_FAMILY_V4);
}

SEC("xdp")
int insert6(struct xdp_md *ctx)
{
	(void)ctx;
	return insert(DP_FAMILY_V6);
}

char _license[] SEC("license") = "Dual BSD/GPL";
