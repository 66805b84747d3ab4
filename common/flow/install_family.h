/* install_family.h - the other part of flow/table.h that both families share: making room, installing, and deleting
 * what has been idle too long.
 *
 * Included by flow/table.h after key_family.h and table_family.h.
 *
 * Names, as perf and bpftool print them:
 *   dp_flow_expired4 dp_flow_expired6                           dp_flow_eviction_score4 dp_flow_eviction_score6
 *   dp_flow_choose_victim_in_set4 dp_flow_choose_victim_in_set6 dp_flow_prefetch_ages4 dp_flow_prefetch_ages6
 *   dp_flow_choose_victim4 dp_flow_choose_victim6               dp_flow_evict4 dp_flow_evict6
 *   dp_flow_evict_one4 dp_flow_evict_one6                       dp_flow_empty_ways4 dp_flow_empty_ways6
 *   dp_flow_claim_free_way4 dp_flow_claim_free_way6             dp_flow_claim4 dp_flow_claim6
 *   dp_flow_resolve_duplicate4 dp_flow_resolve_duplicate6       dp_flow_duplicates_in_set4 dp_flow_duplicates_in_set6
 *   dp_flow_duplicates4 dp_flow_duplicates6                     dp_flow_search_duplicates4 dp_flow_search_duplicates6
 *   dp_flow_write4 dp_flow_write6                               dp_flow_write_cold4 dp_flow_write_cold6
 *   dp_flow_write_pair4 dp_flow_write_pair6                     dp_flow_commit4 dp_flow_commit6
 *   dp_flow_half_hash4 dp_flow_half_hash6                       dp_flow_claim_pair4 dp_flow_claim_pair6
 *   dp_flow_install4 dp_flow_install6                           dp_flow_entry_hash4 dp_flow_entry_hash6
 *   dp_flow_delete_idle4 dp_flow_delete_idle6
 */

/* Has the pair of `slot`, in `state`, been idle for its timeout? Both halves count. */
DP_INLINE int DP_F(expired)(struct dp_env *env, __u32 slot, __u32 state, __u32 now)
{
	const struct dp_settings *settings = dp_env_settings(env);
	DP_ENTRY *entry = DP_F(entry)(env, slot), *other;
	__u32 idle, other_idle, timeout;
	__u8 protocol;

	if (!settings || !entry)
		return 0;
	protocol = DP_LOAD(&entry->key.protocol);
	idle = dp_flow_idle(now, DP_LOAD(&entry->seen));
	if (idle < dp_flow_timeout_least(&settings->timeouts, protocol, state))
		return 0;
	other = DP_F(entry)(env, DP_LOAD(&entry->partner));
	if (!other)
		return 0;
	other_idle = dp_flow_idle(now, DP_LOAD(&other->seen));
	if (other_idle < idle)
		idle = other_idle;
	timeout = dp_flow_timeout(&settings->timeouts, protocol, state, DP_LOAD(&entry->link), DP_LOAD(&other->link));
	return idle >= timeout;
}

/* Eviction score of the pair in a way: 0 when it must stay, else DP_FLOW_EVICTABLE | age, and DP_FLOW_EVICTABLE_EXPIRED
 * above that, so that an expired pair goes before every half-open one. */
DP_VERB __u64 DP_F(eviction_score)(struct dp_env *env, __u32 slot, __u32 control,
			    const struct dp_flow_claim *claim)
{
	DP_ENTRY *entry = DP_F(entry)(env, slot);
	__u64 age;

	DP_LAUNDER(env);
	if (!claim || !entry || !dp_flow_is_live(control))
		return 0;
	age = ((__u64)dp_flow_idle(claim->now, DP_LOAD(&entry->seen)) + 1) | DP_FLOW_EVICTABLE;
	if (claim->evict_expired && DP_F(expired)(env, slot, dp_flow_state_of(control), claim->now))
		return age | DP_FLOW_EVICTABLE_EXPIRED;
	return claim->evict && dp_flow_state_of(control) == DP_FLOW_HALF_OPEN ? age : 0;
}

/* The way of one set with the highest eviction score: score << 3 | way, 0 when none may go. From bit 56 on: how many ways
 * of the set may go, summed without a branch, because the verifier would follow both sides of each. */
DP_INLINE __u64 DP_F(choose_victim_in_set)(struct dp_env *env, __u32 set, const struct dp_flow_claim *claim)
{
	__u64 best = 0, count = 0;

	for (__u32 way = 0; way < DP_FLOW_WAYS; way++) {
		__u32 slot = set * DP_FLOW_WAYS + way, *word = DP_F(control)(env, slot);
		__u64 eviction_score;

		if (!word)
			return 0;
		eviction_score = DP_F(eviction_score)(env, slot, DP_LOAD(word), claim);
		count += eviction_score / DP_FLOW_EVICTABLE;
		eviction_score <<= 3;
		if (eviction_score > best)
			best = eviction_score | way;
	}
	return best | count << 56;
}

/* Prefetches the lines with `seen` of all entries in a set: eight waits at once. */
DP_INLINE void DP_F(prefetch_ages)(struct dp_env *env, __u32 set)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, set >> 1);
	__u32 first = (set & 1) * DP_FLOW_WAYS;

	if (!bucket)
		return;
	DP_UNROLL
	for (__u32 way = 0; way < DP_FLOW_WAYS; way++)
		dp_flow_prefetch(&bucket->entry[first + way].seen);
}

/* The slot to evict from, plus one; 0: no pair may go. It lies in the candidate set in which more may go. The choice
 * matters as it does among free ways: taken from one set alone, a full table of expired pairs would run out of them in
 * some sets long before the others. */
DP_VERB __u64 DP_F(choose_victim)(struct dp_env *env, __u32 first, __u32 second,
				const struct dp_flow_claim *claim)
{
	__u64 best, other;
	__u32 set = first;

	DP_LAUNDER(env);
	if (!claim)
		return 0;
	DP_F(prefetch_ages)(env, first);
	DP_F(prefetch_ages)(env, second);
	best = DP_F(choose_victim_in_set)(env, first, claim);
	other = DP_F(choose_victim_in_set)(env, second, claim);
	if (other >> 56 > best >> 56) {
		best = other;
		set = second;
	}
	return best ? (__u64)set * DP_FLOW_WAYS + (best & (DP_FLOW_WAYS - 1)) + 1 : 0;
}

/* Deletes the pair at a chosen slot, unless another flow has the slot by now. The caller looks for a free way again in any
 * case. */
DP_VERB int DP_F(evict)(struct dp_env *env, __u32 slot, const struct dp_flow_claim *claim)
{
	struct dp_flow_pair pair = { 0, 0, 0, 0 };
	__u32 *word = DP_F(control)(env, slot);
	__u32 control = word ? DP_LOAD(word) : 0;
	__u64 eviction_score;

	DP_LAUNDER(env);
	/* computed once more, under this very control word */
	eviction_score = DP_F(eviction_score)(env, slot, control, claim);
	if (!eviction_score || !DP_F(pair_at)(env, slot, control, &pair))
		return 0;
	/* the pair to come will write here */
	DP_F(prefetch_slot)(env, pair.forward);
	DP_F(prefetch_slot)(env, pair.reverse);
	if (!DP_F(change_forward_state)(env, &pair, eviction_score & DP_FLOW_EVICTABLE_EXPIRED ? 0 : DP_FLOW_HALF_OPEN, DP_FLOW_DYING)) {
		DP_F(mirror)(env, &pair); /* the reverse entry may lag behind a forward entry that is assured by now */
		return 0;
	}
	DP_F(settle_end)(env, &pair);
	DP_F(release)(env, &pair);
	return 1;
}

/* Evicts a pair from one of the candidate sets: 1 when a free way may be there now. */
DP_INLINE int DP_F(evict_one)(struct dp_env *env, __u32 first, __u32 second, const struct dp_flow_claim *claim)
{
	__u64 chosen = DP_F(choose_victim)(env, first, second, claim);

	if (!chosen)
		return 0;
	(void)DP_F(evict)(env, (__u32)chosen - 1, claim);
	return 1;
}

/* Bit i set when way i of the set is free. */
DP_INLINE __u32 DP_F(empty_ways)(struct dp_env *env, __u32 set)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, set >> 1);

	if (!bucket)
		return 0;
	return dp_flow_match(&bucket->control[(set & 1) * DP_FLOW_WAYS], DP_FLOW_EMPTY, DP_FLOW_STATE_MASK);
}

/* Claims a free way: in the first set while that is roomy, else in the emptier of the two, and there at home if it can.
 * So most searches find their flow where they look first (flow/control.h). */
DP_INLINE enum dp_flow_claim_result DP_F(claim_free_way)(struct dp_env *env, __u32 first, __u32 second,
					     struct dp_flow_claim *claim)
{
	__u32 empty = DP_F(empty_ways)(env, first);
	__u32 other_empty = DP_F(empty_ways)(env, second);
	__u32 set = first, *word;

	if (dp_flow_ways_in(empty) < DP_FLOW_ROOMY && dp_flow_ways_in(other_empty) > dp_flow_ways_in(empty)) {
		empty = other_empty;
		set = second;
	}
	if (!empty)
		return DP_CLAIM_FULL;
	claim->slot = set * DP_FLOW_WAYS + dp_flow_free_way(empty, dp_flow_home_way(claim->hash));
	word = DP_F(control)(env, claim->slot);
	if (!word)
		return DP_CLAIM_FULL;
	claim->version = DP_LOAD(word) & DP_FLOW_VERSION_MASK;
	if (DP_COMPARE_SWAP(word, claim->version,
			    claim->version | dp_flow_tag(claim->hash) | DP_FLOW_CLAIMED) != claim->version)
		return DP_CLAIM_RACED;
	return DP_CLAIM_DONE;
}

/* Claims one way for the key of claim->hash: 1 with slot and version, 0 when there is no room and none may be made. */
DP_VERB int DP_F(claim)(struct dp_env *env, struct dp_flow_claim *claim)
{
	const struct dp_settings *settings = dp_env_settings(env);
	__u32 first, second;

	DP_LAUNDER(env);
	if (!settings || !claim)
		return 0;
	first = dp_flow_first_set(claim->hash, DP_F(shape)(settings)->set_count);
	second = dp_flow_second_set(claim->hash, DP_F(shape)(settings)->set_count);
	if (claim->crowded)
		(void)DP_F(evict_one)(env, first, second, claim);
	for (int i = 0; i < DP_FLOW_ATTEMPTS; i++) {
		enum dp_flow_claim_result result = DP_F(claim_free_way)(env, first, second, claim);

		if (result == DP_CLAIM_DONE)
			return 1;
		if (result == DP_CLAIM_FULL && !DP_F(evict_one)(env, first, second, claim))
			return 0;
	}
	return 0;
}

/* What a live or pending entry with the caller's key means for the caller: enum dp_flow_duplicate. */
DP_VERB int DP_F(resolve_duplicate)(struct dp_env *env, __u32 slot, __u32 control, __u32 own_forward)
{
	struct dp_flow_pair pair = { 0, 0, 0, 0 };
	enum dp_flow_duplicate verdict;
	__u32 *word, forward;

	DP_LAUNDER(env);
	word = DP_F(control)(env, slot);
	if (!word)
		return DP_DUPLICATE_NONE;
	/* it changed while it was read: now it is live, or its writer has yet to search and will find the caller */
	if (!DP_F(pair_at)(env, slot, control, &pair))
		return dp_flow_recheck(control, DP_LOAD(word)) ? DP_DUPLICATE_WINS : DP_DUPLICATE_NONE;
	word = DP_F(control)(env, pair.forward);
	if (!word)
		return DP_DUPLICATE_NONE;
	forward = pair.forward < own_forward ? dp_flow_await_duplicate(word) : DP_LOAD(word);
	/* a reverse entry's pair that is gone by now; past half-open it counts until it is gone itself */
	if (!dp_flow_same_version(forward, pair.forward_version))
		forward = DP_FLOW_EMPTY;
	verdict = dp_flow_judge_duplicate(control, forward, pair.forward, own_forward);
	if (verdict != DP_DUPLICATE_LOSES)
		return verdict;
	control = DP_COMPARE_SWAP(word, forward, dp_flow_with_state(forward, DP_FLOW_DYING));
	/* live by now: it was faster. Otherwise its writer has released it */
	if (control != forward && dp_flow_same_version(control, forward) && dp_flow_is_live(control))
		return DP_DUPLICATE_WINS;
	return DP_DUPLICATE_NONE;
}

/* Does another pair hold the caller's key, in one of its candidate sets? The caller's forward entry is pending by now.
 * Unrolled, because kernel 6.1 refuses what clang-14 makes of the loop: its end falls through to its beginning. */
DP_VERB int DP_F(duplicates_in_set)(struct dp_env *env, __u32 set, const struct DP_F(words) *words,
			    const struct dp_flow_search *search)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, set >> 1);
	__u32 first = (set & 1) * DP_FLOW_WAYS;
	__u32 tag, found;

	DP_LAUNDER(env);
	if (!bucket || !words || !search)
		return 1;
	tag = dp_flow_tag(search->hash);
	found = dp_flow_match(&bucket->control[first], tag, DP_FLOW_TAG_MASK);
	if (set == search->own / DP_FLOW_WAYS)
		found &= ~(1u << (search->own & (DP_FLOW_WAYS - 1)));
	if (!found)
		return 0;
	DP_UNROLL
	for (__u32 way = 0; way < DP_FLOW_WAYS; way++) {
		__u32 slot = set * DP_FLOW_WAYS + way;
		__u32 control = DP_LOAD(&bucket->control[first + way]);
		__u32 state = dp_flow_state_of(control);

		if (slot == search->own || (control & DP_FLOW_TAG_MASK) != tag ||
		    (state != DP_FLOW_PENDING && !dp_flow_is_live(control)) ||
		    !DP_F(same_key)(&bucket->entry[first + way], words))
			continue;
		if (DP_F(resolve_duplicate)(env, slot, control, search->forward) == DP_DUPLICATE_WINS)
			return 1;
	}
	return 0;
}

DP_INLINE int DP_F(duplicates)(struct dp_env *env, const struct DP_F(words) *words,
			   const struct dp_flow_search *search)
{
	const struct dp_settings *settings = dp_env_settings(env);

	if (!settings)
		return 1;
	return DP_F(duplicates_in_set)(env, dp_flow_first_set(search->hash, DP_F(shape)(settings)->set_count), words,
			       search) ||
	       DP_F(duplicates_in_set)(env, dp_flow_second_set(search->hash, DP_F(shape)(settings)->set_count), words,
			       search);
}

/* Searches both keys of a pair whose entries are written and whose forward entry is pending: DP_INSTALL_OK when no other
 * pair has one of them, else DP_INSTALL_EXISTS_*. */
DP_INLINE int DP_F(search_duplicates)(struct dp_env *env, struct dp_install *io)
{
	DP_ENTRY *forward = DP_F(entry)(env, io->pair.forward), *reverse = DP_F(entry)(env, io->pair.reverse);
	struct DP_F(words) *words = (struct DP_F(words) *)io->words;

	if (!forward || !reverse)
		return DP_INSTALL_EXISTS_FORWARD;
	DP_F(words_in)(forward, words);
	io->search.hash = io->hashes.forward;
	io->search.own = io->search.forward = io->pair.forward;
	if (DP_F(duplicates)(env, words, &io->search))
		return DP_INSTALL_EXISTS_FORWARD;
	DP_F(words_in)(reverse, words);
	io->search.hash = io->hashes.reverse;
	io->search.own = io->pair.reverse;
	return DP_F(duplicates)(env, words, &io->search) ? DP_INSTALL_EXISTS_REVERSE : DP_INSTALL_OK;
}

DP_INLINE void DP_F(write)(DP_ENTRY *entry, const struct dp_flow_half *half, __u32 partner,
			   __u32 link, __u32 now)
{
	DP_F(half_key)(half, &entry->key);
	entry->partner = partner;
	entry->link = link;
	entry->stamp = half->stamp;
	entry->next_hop = half->next_hop;
	entry->port = half->port;
	DP_F(write_addresses)(entry, half);
	entry->new_source_port = half->new_source_port;
	entry->new_destination_port = half->new_destination_port;
	entry->seen = now;
	entry->recent = 0;
	entry->acked = half->acked;
	entry->delta_ports = half->delta_ports;
}

DP_INLINE void DP_F(write_cold)(struct dp_flow_cold *cold, const struct dp_flow_half *half, __u32 word)
{
	cold->first_sequence = half->first_sequence;
	cold->note = half->note;
	cold->carried = 0;
	cold->rule_word = word;
}

/* Writes entries and cold elements of both claimed slots: the link of each names its partner's version. A function of its
 * own, whose stack is free again when the search for duplicates calls deep. */
DP_VERB int DP_F(write_pair)(struct dp_env *env, const struct dp_flow_pair *pair,
			     const struct dp_flow_half *forward, const struct dp_flow_half *reverse, __u32 now)
{
	DP_ENTRY *forward_entry, *reverse_entry;
	struct dp_flow_cold *forward_cold, *reverse_cold;
	__u32 forward_flags, reverse_flags;

	DP_LAUNDER(env);
	if (!pair || !forward || !reverse)
		return 0;
	forward_entry = DP_F(entry)(env, pair->forward);
	reverse_entry = DP_F(entry)(env, pair->reverse);
	forward_cold = DP_ENV_COLD(env, pair->forward);
	reverse_cold = DP_ENV_COLD(env, pair->reverse);
	if (!forward_entry || !reverse_entry || !forward_cold || !reverse_cold)
		return 0;
	forward_flags = (forward->flags & DP_FLOW_FLAGS_MASK) | DP_FLOW_FORWARD;
	reverse_flags = reverse->flags & DP_FLOW_FLAGS_MASK & ~(__u32)DP_FLOW_FORWARD;
	DP_F(write)(reverse_entry, reverse, pair->forward, pair->forward_version | reverse_flags, now);
	DP_F(write)(forward_entry, forward, pair->reverse, pair->reverse_version | forward_flags, now);
	DP_F(write_cold)(reverse_cold, reverse, dp_flow_rule_word(reverse->rule, 0));
	DP_F(write_cold)(forward_cold, forward, now);
	return 1;
}

/* From pending to `state` unless somebody else has one of the keys; the pair is released otherwise. The exchange that
 * published `pending` was a full barrier: of two writers at least one sees the other. */
DP_INLINE int DP_F(commit)(struct dp_env *env, struct dp_install *io, __u32 pending, __u32 state)
{
	int result = DP_F(search_duplicates)(env, io);
	__u32 *forward = DP_F(control)(env, io->pair.forward);

	if (forward && result == DP_INSTALL_OK) {
		if (DP_COMPARE_SWAP(forward, pending, dp_flow_with_state(pending, state)) == pending)
			return DP_INSTALL_OK;
		result = DP_INSTALL_KILLED;
	}
	DP_F(release)(env, &io->pair);
	return result;
}

/* Called, not inlined: the claims that follow go deep and need the stack. */
DP_VERB __u64 DP_F(half_hash)(const struct dp_flow_half *half, __u64 seed)
{
	DP_KEY key;

	if (!half)
		return 0;
	DP_F(half_key)(half, &key);
	return DP_F(hash)(&key, seed);
}

/* Claims a way for each half: 1 with both in io->pair. */
DP_INLINE int DP_F(claim_pair)(struct dp_env *env, struct dp_install *io)
{
	struct dp_flow_claim *claim = &io->claim;
	__u32 *word;

	claim->hash = io->hashes.reverse;
	claim->now = io->now;
	claim->evict = io->evict;
	claim->evict_expired = io->evict_expired;
	claim->crowded = io->crowded;
	if (!DP_F(claim)(env, claim))
		return 0;
	io->pair.reverse = claim->slot;
	io->pair.reverse_version = claim->version;
	claim->hash = io->hashes.forward;
	claim->crowded = 0; /* one pair in, one out */
	if (DP_F(claim)(env, claim)) {
		io->pair.forward = claim->slot;
		io->pair.forward_version = claim->version;
		return 1;
	}
	word = DP_F(control)(env, io->pair.reverse);
	if (word)
		DP_EXCHANGE(word, dp_flow_released(io->pair.reverse_version));
	return 0;
}

DP_INLINE int DP_F(install)(struct dp_env *env, const struct dp_flow_half *forward,
			  const struct dp_flow_half *reverse, struct dp_install *io)
{
	const struct dp_settings *settings = dp_env_settings(env);
	__u32 *forward_word, *reverse_word, pending;
	int written, result;

	DP_LAUNDER(env);
	if (!settings || !forward || !reverse || !io)
		return DP_INSTALL_FULL;
	io->hashes.forward = DP_F(half_hash)(forward, DP_F(shape)(settings)->seed);
	io->hashes.reverse = DP_F(half_hash)(reverse, DP_F(shape)(settings)->seed);
	/* before the first locked operation, which would wait for each miss in turn; the forward key has been searched */
	DP_F(prefetch_sets)(env, io->hashes.reverse, DP_F(shape)(settings)->set_count);
	if (!DP_F(claim_pair)(env, io))
		return DP_INSTALL_FULL;
	/* Never fails from here on, so nothing is given back: a slot that was claimed has a control word and an entry, and the
	 * cold array has as many slots as the table. The verifier alone wants the question. */
	written = DP_F(write_pair)(env, &io->pair, forward, reverse, io->now);
	forward_word = DP_F(control)(env, io->pair.forward);
	reverse_word = DP_F(control)(env, io->pair.reverse);
	if (!written || !forward_word || !reverse_word)
		return DP_INSTALL_FULL;
	/* arm64: store barrier; the reverse entry is found from here on, but not used before its forward entry is live */
	DP_STORE_RELEASE(reverse_word, io->pair.reverse_version | dp_flow_tag(io->hashes.reverse) | DP_FLOW_HALF_OPEN);
	pending = io->pair.forward_version | dp_flow_tag(io->hashes.forward) | DP_FLOW_PENDING;
	DP_EXCHANGE(forward_word, pending);
	result = DP_F(commit)(env, io, pending, DP_FLOW_HALF_OPEN);
	if (result == DP_INSTALL_OK) {
		io->slot = io->pair.forward;
		io->control = dp_flow_with_state(pending, DP_FLOW_HALF_OPEN);
	}
	return result;
}

/* Hash of the key in an entry that the caller owns. */
DP_INLINE __u64 DP_F(entry_hash)(struct dp_env *env, __u32 slot)
{
	const DP_ENTRY *entry = DP_F(entry)(env, slot);
	struct DP_F(words) words;

	DP_F(words_in)(entry, &words);
	return DP_F(hash_words)(&words, DP_F(shape)(dp_env_settings(env))->seed);
}

/* Deletes the pair of `view` (either half) if it is still idle: 1 when this caller did it. A packet that came while the
 * decision was made keeps its flow. On the way back the pair is installed anew, by way of pending and a search: its
 * keys may have been taken while it was dying. User space, where a writer can be interrupted in the middle. */
DP_INLINE int DP_F(delete_idle)(struct dp_env *env, const struct dp_flow_view *view, __u32 now)
{
	struct dp_install again;
	struct dp_flow_pair *pair = &again.pair;
	__u32 former, pending, *forward;

	dp_flow_pair_from(view->slot, view->control, view->partner, view->link, pair);
	former = DP_F(change_forward_state)(env, pair, 0, DP_FLOW_DYING);
	if (!former)
		return 0;
	if (DP_F(expired)(env, pair->forward, dp_flow_state_of(former), now)) {
		DP_F(settle_end)(env, pair);
		DP_F(release)(env, pair);
		return 1;
	}
	again.hashes.forward = DP_F(entry_hash)(env, pair->forward);
	again.hashes.reverse = DP_F(entry_hash)(env, pair->reverse);
	forward = DP_F(control)(env, pair->forward);
	pending = dp_flow_with_state(former, DP_FLOW_PENDING);
	DP_EXCHANGE(forward, pending);
	return DP_F(commit)(env, &again, pending, dp_flow_state_of(former)) != DP_INSTALL_OK;
}
