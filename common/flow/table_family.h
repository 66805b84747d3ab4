/* table_family.h - the part of flow/table.h that is the same text for both families: reading and changing.
 *
 * Included by flow/table.h after key_family.h, whose macros it uses.
 *
 * Names, as perf and bpftool print them:
 *   dp_flow_shape4 dp_flow_shape6                               dp_flow_entry4 dp_flow_entry6
 *   dp_flow_control4 dp_flow_control6                           dp_flow_words_in4 dp_flow_words_in6
 *   dp_flow_same_key4 dp_flow_same_key6                         dp_flow_copy4 dp_flow_copy6
 *   dp_flow_found4 dp_flow_found6                               dp_flow_holds4 dp_flow_holds6
 *   dp_flow_search_home4 dp_flow_search_home6                   dp_flow_search4 dp_flow_search6
 *   dp_flow_usable4 dp_flow_usable6                             dp_flow_prefetch_slot4 dp_flow_prefetch_slot6
 *   dp_flow_prefetch_sets4 dp_flow_prefetch_sets6
 *   dp_flow_search_sets4 dp_flow_search_sets6                   dp_flow_found_at4 dp_flow_found_at6
 *   dp_flow_locate4 dp_flow_locate6
 *   dp_flow_find4 dp_flow_find6                                 dp_flow_view_slot4 dp_flow_view_slot6
 *   dp_flow_count4 dp_flow_count6
 *   dp_flow_pair_at4 dp_flow_pair_at6                           dp_flow_change_forward_state4 dp_flow_change_forward_state6
 *   dp_flow_mirror4 dp_flow_mirror6                             dp_flow_set_state4 dp_flow_set_state6
 *   dp_flow_change_flags4 dp_flow_change_flags6                 dp_flow_rule_word4 dp_flow_rule_word6
 *   dp_flow_add_traffic4 dp_flow_add_traffic6                   dp_flow_settle4 dp_flow_settle6
 *   dp_flow_settle_end4 dp_flow_settle_end6
 *   dp_flow_set_rule4 dp_flow_set_rule6                         dp_flow_restamp4 dp_flow_restamp6
 *   dp_flow_release4 dp_flow_release6                           dp_flow_delete4 dp_flow_delete6
 */

DP_INLINE const struct dp_table_shape *DP_F(shape)(const struct dp_settings *settings)
{
#if DP_FAMILY == 4
	return &settings->v4;
#else
	return &settings->v6;
#endif
}

DP_INLINE DP_ENTRY *DP_F(entry)(struct dp_env *env, __u32 slot)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, slot >> 4);
	__u32 lane = slot & (DP_FLOW_LANES - 1);

	DP_LAUNDER(lane);
	if (!bucket || lane >= DP_FLOW_LANES)
		return 0;
	return &bucket->entry[lane];
}

DP_INLINE __u32 *DP_F(control)(struct dp_env *env, __u32 slot)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, slot >> 4);
	__u32 lane = slot & (DP_FLOW_LANES - 1);

	DP_LAUNDER(lane);
	if (!bucket || lane >= DP_FLOW_LANES)
		return 0;
	return &bucket->control[lane];
}

/* The key of an entry as it lies there. */
DP_INLINE void DP_F(words_in)(const DP_ENTRY *entry, struct DP_F(words) *words)
{
	const dp_flow_word *word = (const dp_flow_word *)&entry->key;

	DP_UNROLL
	for (int i = 0; i < DP_KEY_WORDS - 1; i++)
		words->word[i] = DP_LOAD(&word[i]);
	words->word[DP_KEY_WORDS - 1] = DP_LOAD(&word[DP_KEY_WORDS - 1]) << 16 >> 16; /* without `delta` */
}

DP_INLINE int DP_F(same_key)(const DP_ENTRY *entry, const struct DP_F(words) *wanted)
{
	const dp_flow_word *word = (const dp_flow_word *)&entry->key;
	/* the upper 16 bits of the last word are `delta` */
	__u64 difference = (DP_LOAD(&word[DP_KEY_WORDS - 1]) ^ wanted->word[DP_KEY_WORDS - 1]) << 16;

	DP_UNROLL
	for (int i = 0; i < DP_KEY_WORDS - 1; i++)
		difference |= DP_LOAD(&word[i]) ^ wanted->word[i];
	return difference == 0;
}

/* All but slot and control. The caller reads the control word before and after. */
DP_INLINE void DP_F(copy)(const DP_ENTRY *entry, struct dp_flow_view *view)
{
	view->link = DP_LOAD(&entry->link);
	view->stamp = DP_LOAD(&entry->stamp);
	view->next_hop = DP_LOAD(&entry->next_hop);
	view->port = DP_LOAD(&entry->port);
	view->delta = DP_LOAD(&entry->key.delta);
	view->pad = 0;
	DP_F(copy_translation)(entry, view);
	view->partner = DP_LOAD(&entry->partner);
}

/* Where a key was found: pointers into one bucket and the word that vouched for the entry. */
struct DP_F(found) {
	DP_ENTRY *entry;
	__u32 *word;
	__u32 slot;
	__u32 control;
};

/* Does the way in `lane` of a bucket hold the wanted key, live? arm64: the control word must be loaded before the key. */
DP_INLINE int DP_F(holds)(DP_BUCKET *bucket, __u32 lane, __u32 wanted_word, const struct DP_F(words) *wanted,
			  struct DP_F(found) *found)
{
	__u32 *word = &bucket->control[lane];
	DP_ENTRY *entry = &bucket->entry[lane];
	__u32 control = DP_LOAD(word);

	if ((control & (DP_FLOW_TAG_MASK | DP_FLOW_LIVE)) != wanted_word || !DP_F(same_key)(entry, wanted))
		return 0;
	found->entry = entry;
	found->word = word;
	found->control = control;
	return 1;
}

/* Looks for a live entry at home, in the first set. The entry is loaded before the control line has come: both misses are
 * one wait, and a flow that begins will write there. Branches on purpose: the CPU speculates past the misses. */
DP_INLINE int DP_F(search_home)(struct dp_env *env, __u32 set, __u32 home, __u32 wanted_word,
				const struct DP_F(words) *wanted, struct DP_F(found) *found)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, set >> 1);
	__u32 lane = (set & 1) * DP_FLOW_WAYS | home;

	if (!bucket)
		return 0;
	DP_LAUNDER(lane);
	lane &= DP_FLOW_LANES - 1;
	dp_flow_prefetch(&bucket->entry[lane].link);
	found->slot = set * DP_FLOW_WAYS + home;
	return DP_F(holds)(bucket, lane, wanted_word, wanted, found);
}

/* The same in all ways of a set. */
DP_INLINE int DP_F(search)(struct dp_env *env, __u32 set, __u32 wanted_word,
			   const struct DP_F(words) *wanted, struct DP_F(found) *found)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, set >> 1);
	__u32 first = (set & 1) * DP_FLOW_WAYS;

	if (!bucket)
		return 0;
	DP_UNROLL
	for (__u32 way = 0; way < DP_FLOW_WAYS; way++) {
		found->slot = set * DP_FLOW_WAYS + way;
		if (DP_F(holds)(bucket, first + way, wanted_word, wanted, found))
			return 1;
	}
	return 0;
}

/* Is the half just copied in force? A half-open reverse entry is only while its forward entry is. arm64: load barrier
 * before. */
DP_INLINE int DP_F(usable)(struct dp_env *env, const struct dp_flow_view *view)
{
	__u32 *forward;

	if ((view->link & DP_FLOW_FORWARD) || dp_flow_state_of(view->control) != DP_FLOW_HALF_OPEN)
		return 1;
	forward = DP_F(control)(env, view->partner);
	return forward && dp_flow_forward_is_live(DP_LOAD(forward), view->link);
}

/* Prefetches what an installation writes in a slot: the entry, of two lines in IPv6, and the element of the cold array. Its first locked
 * operation waits for every store before it, so these misses would all be waited for there. */
DP_INLINE void DP_F(prefetch_slot)(struct dp_env *env, __u32 slot)
{
	const DP_ENTRY *entry = DP_F(entry)(env, slot);
	const struct dp_flow_cold *cold = DP_ENV_COLD(env, slot);

	if (!entry || !cold)
		return;
	dp_flow_prefetch(&entry->link);
	dp_flow_prefetch(&entry->partner);
	dp_flow_prefetch(&cold->rule_word);
}

/* Prefetches the lines that an installation under this hash needs: control words of both sets, and the slot at home in the
 * first. */
DP_INLINE void DP_F(prefetch_sets)(struct dp_env *env, __u64 hash, __u32 set_count)
{
	__u32 set = dp_flow_first_set(hash, set_count);
	const __u32 *first = DP_F(control)(env, set * DP_FLOW_WAYS);
	const __u32 *second = DP_F(control)(env, dp_flow_second_set(hash, set_count) * DP_FLOW_WAYS);

	if (!first || !second)
		return;
	dp_flow_prefetch(first);
	dp_flow_prefetch(second);
	DP_F(prefetch_slot)(env, set * DP_FLOW_WAYS + dp_flow_home_way(hash));
}

/* Looks for a key in all ways of both of its sets: slot | control word << 32, 0 when it is not there. Then the flow may
 * be about to begin: its slot at home, and the one where its answers would lie without NAT, are prefetched, and the decision
 * meanwhile hides the wait. Called, not inlined: so the code of a plain hit, which is found at home, stays short. */
DP_VERB __u64 DP_F(search_sets)(struct dp_env *env, const struct DP_F(words) *words, __u64 hash)
{
	const struct dp_settings *settings = dp_env_settings(env);
	__u32 wanted = dp_flow_tag(hash) | DP_FLOW_LIVE, home = dp_flow_home_way(hash), set_count, first;
	struct DP_F(found) found;

	DP_LAUNDER(env);
	if (!settings || !words)
		return 0;
	set_count = DP_F(shape)(settings)->set_count;
	first = dp_flow_first_set(hash, set_count);
	if (DP_F(search)(env, first, wanted, words, &found) ||
	    DP_F(search)(env, dp_flow_second_set(hash, set_count), wanted, words, &found))
		return found.slot | (__u64)found.control << 32;
	DP_F(prefetch_slot)(env, first * DP_FLOW_WAYS + home);
	DP_F(prefetch_slot)(env, (first ^ 1) * DP_FLOW_WAYS + home);
	return 0;
}

/* The answer of the above, as pointers. */
DP_INLINE int DP_F(found_at)(struct dp_env *env, __u64 where, struct DP_F(found) *found)
{
	found->slot = (__u32)where;
	found->control = (__u32)(where >> 32);
	found->entry = DP_F(entry)(env, found->slot);
	found->word = DP_F(control)(env, found->slot);
	return where && found->entry && found->word;
}

/* Looks for a key: at home, then everywhere. For the plain hit, which copies what it needs by itself. */
DP_INLINE int DP_F(locate)(struct dp_env *env, const struct DP_F(words) *words, struct DP_F(found) *found)
{
	const struct dp_settings *settings = dp_env_settings(env);
	struct DP_F(words) wanted;
	__u64 hash;

	if (!settings)
		return 0;
	hash = DP_F(hash_words)(words, DP_F(shape)(settings)->seed);
	if (DP_F(search_home)(env, dp_flow_first_set(hash, DP_F(shape)(settings)->set_count), dp_flow_home_way(hash),
			      dp_flow_tag(hash) | DP_FLOW_LIVE, words, found))
		return 1;
	wanted = *words; /* a copy, so that the words themselves can stay in registers */
	return DP_F(found_at)(env, DP_F(search_sets)(env, &wanted, hash), found);
}

DP_INLINE int DP_F(find)(struct dp_env *env, const DP_KEY *key, struct dp_flow_view *view)
{
	struct DP_F(words) words;
	struct DP_F(found) found;

	DP_F(words_of)(key, &words);
	if (!DP_F(locate)(env, &words, &found))
		return 0;
	DP_F(copy)(found.entry, view);
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	view->slot = found.slot;
	view->control = DP_LOAD(found.word);
	return dp_flow_recheck(found.control, view->control) /* not recycled while it was read */ &&
	       DP_F(usable)(env, view);
}

DP_INLINE int DP_F(view_slot)(struct dp_env *env, __u32 slot, __u32 expected,
			      struct dp_flow_view *view)
{
	__u32 *word = DP_F(control)(env, slot);
	DP_ENTRY *entry = DP_F(entry)(env, slot);
	__u32 before;

	if (!word || !entry)
		return 0;
	before = DP_LOAD(word);
	if (!dp_flow_same_version(before, expected))
		return 0;
	DP_F(copy)(entry, view);
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	view->slot = slot;
	view->control = DP_LOAD(word);
	return dp_flow_recheck(before, view->control);
}

/* `slot` is the entry's, for its cold element, which one packet in some millions carries to. */
DP_INLINE void DP_F(count)(struct dp_env *env, __u32 slot, DP_ENTRY *entry, __u64 packets, __u64 bytes, __u32 now)
{
	struct dp_flow_cold *cold;
	__u64 changed;

	/* an unchanged tick is not written: the line stays shared between readers of a busy second */
	if (DP_LOAD(&entry->seen) != now)
		DP_STORE_RELEASE(&entry->seen, now);
	changed = dp_traffic_add(&entry->recent, packets, bytes);
	if (!changed)
		return;
	cold = DP_ENV_COLD(env, slot);
	if (cold)
		dp_traffic_carry(&cold->carried, changed);
}

/* The pair that the half in `slot` belongs to, while its control word is still `control`: 1 when so. */
DP_INLINE int DP_F(pair_at)(struct dp_env *env, __u32 slot, __u32 control, struct dp_flow_pair *pair)
{
	DP_ENTRY *entry = DP_F(entry)(env, slot);
	__u32 *word = DP_F(control)(env, slot);
	__u32 partner, link;

	if (!entry || !word)
		return 0;
	partner = DP_LOAD(&entry->partner);
	link = DP_LOAD(&entry->link);
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	dp_flow_pair_from(slot, control, partner, link, pair);
	return DP_LOAD(word) == control;
}

/* Moves the forward entry from a live state to another word state: the former control word, 0 when the pair is gone or
 * `only` (a state, 0 for any live one) is not what it is in. The winner of a move to dying owns both slots. */
DP_INLINE __u32 DP_F(change_forward_state)(struct dp_env *env, const struct dp_flow_pair *pair, __u32 only,
				  __u32 state)
{
	__u32 *word = DP_F(control)(env, pair->forward);

	if (!word)
		return 0;
	for (int i = 0; i < DP_FLOW_SWAPS; i++) {
		__u32 control = DP_LOAD(word);

		if (!dp_flow_same_version(control, pair->forward_version) || !dp_flow_is_live(control) ||
		    (only && dp_flow_state_of(control) != only))
			return 0;
		if (DP_COMPARE_SWAP(word, control, dp_flow_with_state(control, state)) == control)
			return control;
	}
	return 0;
}

/* Copies the forward entry's state into the reverse entry's word. Every change of the forward entry is followed by a call
 * of this, which reads both words again after each swap: so the last change wins, whatever the order of the calls. */
DP_INLINE void DP_F(mirror)(struct dp_env *env, const struct dp_flow_pair *pair)
{
	__u32 *forward_word = DP_F(control)(env, pair->forward);
	__u32 *reverse_word = DP_F(control)(env, pair->reverse);

	if (!forward_word || !reverse_word)
		return;
	for (int i = 0; i < DP_FLOW_SWAPS; i++) {
		__u32 reverse = DP_LOAD(reverse_word);
		__u32 forward = DP_LOAD(forward_word);

		if (!dp_flow_same_version(reverse, pair->reverse_version) || !dp_flow_is_live(reverse) ||
		    !dp_flow_same_version(forward, pair->forward_version) || !dp_flow_is_live(forward) ||
		    dp_flow_state_of(reverse) == dp_flow_state_of(forward))
			return;
		(void)DP_COMPARE_SWAP(reverse_word, reverse,
				      dp_flow_with_state(reverse, dp_flow_state_of(forward)));
	}
}

DP_INLINE int DP_F(set_state)(struct dp_env *env, const struct dp_flow_view *view, __u32 state)
{
	struct dp_flow_pair pair;

	dp_flow_pair_from(view->slot, view->control, view->partner, view->link, &pair);
	if (!(state & DP_FLOW_LIVE) || !DP_F(change_forward_state)(env, &pair, 0, state))
		return 0;
	DP_F(mirror)(env, &pair);
	return 1;
}

DP_INLINE int DP_F(change_flags)(struct dp_env *env, __u32 slot, __u32 control, __u32 set, __u32 clear)
{
	DP_ENTRY *entry = DP_F(entry)(env, slot);
	__u32 *word = DP_F(control)(env, slot);

	if (!entry || !word)
		return 0;
	for (int i = 0; i < DP_FLOW_SWAPS; i++) {
		__u32 link = DP_LOAD(&entry->link);
		__u32 wanted = (link & ~clear) | set;

		/* arm64: load barrier; the link must be read before the word that vouches for it */
		if (!dp_flow_same_version(DP_LOAD(word), control))
			return 0;
		if (wanted == link || DP_COMPARE_SWAP(&entry->link, link, wanted) == link)
			return dp_flow_same_version(DP_LOAD(word), control);
	}
	return 0;
}

/* Where the pair of `view` keeps its rule: the reverse half's cold element. */
DP_INLINE __u32 *DP_F(rule_word)(struct dp_env *env, const struct dp_flow_view *view)
{
	struct dp_flow_cold *cold = DP_ENV_COLD(env, view->link & DP_FLOW_FORWARD ? view->partner : view->slot);

	return cold ? &cold->rule_word : 0;
}

/* Adds what the half in `slot` has counted. */
DP_INLINE void DP_F(add_traffic)(struct dp_env *env, __u32 slot, __u64 *packets, __u64 *bytes)
{
	const DP_ENTRY *entry = DP_F(entry)(env, slot);
	const struct dp_flow_cold *cold = DP_ENV_COLD(env, slot);
	__u64 half_packets, half_bytes;

	if (!entry || !cold)
		return;
	dp_traffic_of(DP_LOAD(&entry->recent), DP_LOAD(&cold->carried), &half_packets, &half_bytes);
	*packets += half_packets;
	*bytes += half_bytes;
}

/* Gives what the pair has counted to the rule `to`, and takes it off `from`; 0: none. */
DP_INLINE void DP_F(settle)(struct dp_env *env, const struct dp_flow_pair *pair, __u32 to, __u32 from)
{
	__u64 packets = 0, bytes = 0;

	DP_F(add_traffic)(env, pair->forward, &packets, &bytes);
	DP_F(add_traffic)(env, pair->reverse, &packets, &bytes);
	dp_env_count_rule(env, to, packets, bytes, 0);
	dp_env_count_rule(env, from, -packets, -bytes, 0);
}

/* The pair ends: its rule gets what it has counted. The caller owns the forward entry in dying. A packet that still counts
 * on it is lost to the rule. */
DP_INLINE void DP_F(settle_end)(struct dp_env *env, const struct dp_flow_pair *pair)
{
	const struct dp_flow_cold *cold = DP_ENV_COLD(env, pair->reverse);
	__u32 rule = cold ? DP_LOAD(&cold->rule_word) & DP_FLOW_RULE_MASK : 0;

	if (rule)
		DP_F(settle)(env, pair, rule, 0);
}

/* Writes the pair's rule, unless it has it already; what it has counted until now stays with the former one. A pair recycled
 * in this moment may get the rule: it is shown to users, and no packet is judged by it. */
DP_INLINE void DP_F(set_rule)(struct dp_env *env, const struct dp_flow_view *view, __u32 rule)
{
	__u32 *word = DP_F(rule_word)(env, view), before;
	struct dp_flow_pair pair;

	if (!word)
		return;
	before = DP_LOAD(word);
	if ((before & DP_FLOW_RULE_MASK) == rule ||
	    DP_COMPARE_SWAP(word, before, dp_flow_rule_word(rule, before >> DP_FLOW_RULE_BITS)) != before)
		return;
	dp_flow_pair_from(view->slot, view->control, view->partner, view->link, &pair);
	DP_F(settle)(env, &pair, before & DP_FLOW_RULE_MASK, rule);
}

DP_INLINE int DP_F(restamp)(struct dp_env *env, const struct dp_flow_view *view, __u32 stamp,
			    __u16 next_hop, __u16 port, __u32 rule)
{
	DP_ENTRY *entry = DP_F(entry)(env, view->slot);
	__u32 *word = DP_F(control)(env, view->slot);
	__u64 before = dp_flow_route_word(view->stamp, view->next_hop, view->port);
	__u64 after = dp_flow_route_word(stamp, next_hop, port);
	dp_flow_word *route;

	if (!entry || !word || !dp_flow_same_version(DP_LOAD(word), view->control))
		return 0;
	route = (dp_flow_word *)&entry->stamp;
	if (DP_COMPARE_SWAP(route, before, after) != before)
		return 0;
	if (dp_flow_same_version(DP_LOAD(word), view->control)) {
		DP_F(set_rule)(env, view, rule);
		return 1;
	}
	/* recycled in between for a flow with the very same numbers: that one has to look its route up again */
	(void)DP_COMPARE_SWAP(route, after, dp_flow_route_word(0, next_hop, port));
	return 0;
}

/* Releases both slots; the caller owns the forward entry in dying, or its own claim. Reverse first: while it can be found,
 * its forward entry's word tells that the pair is gone. */
DP_INLINE void DP_F(release)(struct dp_env *env, const struct dp_flow_pair *pair)
{
	__u32 *reverse = DP_F(control)(env, pair->reverse);
	__u32 *forward = DP_F(control)(env, pair->forward);

	if (reverse)
		DP_EXCHANGE(reverse, dp_flow_released(pair->reverse_version));
	if (forward)
		DP_EXCHANGE(forward, dp_flow_released(pair->forward_version));
}

DP_INLINE int DP_F(delete)(struct dp_env *env, const struct dp_flow_view *view)
{
	struct dp_flow_pair pair;

	dp_flow_pair_from(view->slot, view->control, view->partner, view->link, &pair);
	if (!DP_F(change_forward_state)(env, &pair, 0, DP_FLOW_DYING))
		return 0;
	DP_F(settle_end)(env, &pair);
	DP_F(release)(env, &pair);
	return 1;
}
