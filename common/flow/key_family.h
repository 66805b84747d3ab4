/* key_family.h - what the two families spell differently: keys, addresses, and the names in between.
 *
 * Included by flow/table.h alone, once with DP_FAMILY 4 and once with 6, before the texts that are the same for both.
 * DP_F(find) is dp_flow_find4 or dp_flow_find6. No include guard: it is meant to be read twice.
 *
 * Names, as perf and bpftool print them:
 *   dp_flow_words4 dp_flow_words6                               dp_flow_hash4 dp_flow_hash6
 */
#undef DP_F
#undef DP_BUCKET
#undef DP_ENTRY
#undef DP_KEY
#undef DP_ENV_BUCKET
#undef DP_ENV_COLD
#undef DP_KEY_WORDS
#if DP_FAMILY == 4
#define DP_F(verb) dp_flow_##verb##4
#define DP_BUCKET struct dp_flow_bucket4
#define DP_ENTRY struct dp_flow_entry4
#define DP_KEY struct dp_flow_key4
#define DP_ENV_BUCKET dp_env_bucket4
#define DP_ENV_COLD dp_env_cold4
#define DP_KEY_WORDS 2
#else
#define DP_F(verb) dp_flow_##verb##6
#define DP_BUCKET struct dp_flow_bucket6
#define DP_ENTRY struct dp_flow_entry6
#define DP_KEY struct dp_flow_key6
#define DP_ENV_BUCKET dp_env_bucket6
#define DP_ENV_COLD dp_env_cold6
#define DP_KEY_WORDS 5
#endif

/* A key as the 64-bit words that lie in the table, `delta` left out. Word order is memory order, little-endian. */
struct DP_F(words) {
	__u64 word[DP_KEY_WORDS];
};

/* Works on keys, halves and packets alike: they differ in how an address is spelt. */
#if DP_FAMILY == 4
DP_INLINE void dp_flow_words_of4(const struct dp_flow_key4 *key, struct dp_flow_words4 *words)
{
	words->word[0] = dp_flow_two(key->source, key->destination);
	words->word[1] = dp_flow_ports(key->source_port, key->destination_port, key->protocol, key->zone);
}

DP_INLINE __u64 dp_flow_hash_words4(const struct dp_flow_words4 *words, __u64 seed)
{
	__u64 addresses = words->word[0], ports = words->word[1];
	__u8 protocol = (__u8)(ports >> 32);

	return dp_flow_hash_of(
		dp_hash_add(seed, (__u32)addresses | dp_flow_end((__u16)ports, protocol) << 32),
		dp_hash_add(seed, addresses >> 32 | dp_flow_end((__u16)(ports >> 16), protocol) << 32));
}

DP_INLINE void dp_flow_half_key4(const struct dp_flow_half *half, struct dp_flow_key4 *key)
{
	key->source = half->source.word[0];
	key->destination = half->destination.word[0];
	key->source_port = half->source_port;
	key->destination_port = half->destination_port;
	key->protocol = half->protocol;
	key->zone = half->zone;
	key->delta = half->delta;
}

DP_INLINE void dp_flow_key_of4(const struct dp_packet *packet, struct dp_flow_key4 *key)
{
	key->source = packet->source.word[0];
	key->destination = packet->destination.word[0];
	key->source_port = packet->source_port;
	key->destination_port = packet->destination_port;
	key->protocol = packet->protocol;
	key->zone = packet->zone;
	key->delta = 0;
}

DP_INLINE void dp_flow_copy_translation4(const struct dp_flow_entry4 *entry, struct dp_flow_view *view)
{
	const struct dp_address none = { { 0, 0, 0, 0 } };

	view->new_source = none;
	view->new_destination = none;
	view->new_source.word[0] = DP_LOAD(&entry->new_source);
	view->new_destination.word[0] = DP_LOAD(&entry->new_destination);
	view->new_source_port = DP_LOAD(&entry->new_source_port);
	view->new_destination_port = DP_LOAD(&entry->new_destination_port);
}

DP_INLINE void dp_flow_write_addresses4(struct dp_flow_entry4 *entry, const struct dp_flow_half *half)
{
	entry->new_source = half->new_source.word[0];
	entry->new_destination = half->new_destination.word[0];
}
#else
DP_INLINE void dp_flow_words_of6(const struct dp_flow_key6 *key, struct dp_flow_words6 *words)
{
	words->word[0] = dp_flow_two(key->source[0], key->source[1]);
	words->word[1] = dp_flow_two(key->source[2], key->source[3]);
	words->word[2] = dp_flow_two(key->destination[0], key->destination[1]);
	words->word[3] = dp_flow_two(key->destination[2], key->destination[3]);
	words->word[4] = dp_flow_ports(key->source_port, key->destination_port, key->protocol, key->zone);
}

DP_INLINE __u64 dp_flow_hash_end6(__u64 seed, const __u64 *address, __u64 end)
{
	return dp_hash_add(dp_hash_add(dp_hash_add(seed, address[0]), address[1]), end);
}

DP_INLINE __u64 dp_flow_hash_words6(const struct dp_flow_words6 *words, __u64 seed)
{
	__u64 ports = words->word[4];
	__u8 protocol = (__u8)(ports >> 32);

	return dp_flow_hash_of(
		dp_flow_hash_end6(seed, &words->word[0], dp_flow_end((__u16)ports, protocol)),
		dp_flow_hash_end6(seed, &words->word[2], dp_flow_end((__u16)(ports >> 16), protocol)));
}

DP_INLINE void dp_flow_half_key6(const struct dp_flow_half *half, struct dp_flow_key6 *key)
{
	DP_UNROLL
	for (int i = 0; i < 4; i++) {
		key->source[i] = half->source.word[i];
		key->destination[i] = half->destination.word[i];
	}
	key->source_port = half->source_port;
	key->destination_port = half->destination_port;
	key->protocol = half->protocol;
	key->zone = half->zone;
	key->delta = half->delta;
}

DP_INLINE void dp_flow_key_of6(const struct dp_packet *packet, struct dp_flow_key6 *key)
{
	DP_UNROLL
	for (int i = 0; i < 4; i++) {
		key->source[i] = packet->source.word[i];
		key->destination[i] = packet->destination.word[i];
	}
	key->source_port = packet->source_port;
	key->destination_port = packet->destination_port;
	key->protocol = packet->protocol;
	key->zone = packet->zone;
	key->delta = 0;
}

DP_INLINE void dp_flow_copy_translation6(const struct dp_flow_entry6 *entry, struct dp_flow_view *view)
{
	DP_UNROLL
	for (int i = 0; i < 4; i++) {
		view->new_source.word[i] = DP_LOAD(&entry->new_source[i]);
		view->new_destination.word[i] = DP_LOAD(&entry->new_destination[i]);
	}
	view->new_source_port = DP_LOAD(&entry->new_source_port);
	view->new_destination_port = DP_LOAD(&entry->new_destination_port);
}

DP_INLINE void dp_flow_write_addresses6(struct dp_flow_entry6 *entry, const struct dp_flow_half *half)
{
	DP_UNROLL
	for (int i = 0; i < 4; i++) {
		entry->new_source[i] = half->new_source.word[i];
		entry->new_destination[i] = half->new_destination.word[i];
	}
}
#endif


DP_INLINE __u64 DP_F(hash)(const DP_KEY *key, __u64 seed)
{
	struct DP_F(words) words;

	DP_F(words_of)(key, &words);
	return DP_F(hash_words)(&words, seed);
}
