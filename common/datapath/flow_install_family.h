/* flow_install_family.h - the other part of flow_table.h that both families share: making room, installing, and deleting
 * what has been idle too long.
 *
 * Included by flow_table.h after flow_key_family.h and flow_table_family.h.
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

/* How willingly a way is given up: 0 not at all, else DP_FLOW_SPARE and, an expired pair before every half-open one, the
 * age. */
DP_VERB __u64 DP_F(willing)(struct dp_env *env, __u32 slot, __u32 control,
			    const struct dp_flow_claim *claim)
{
	DP_ENTRY *entry = DP_F(entry)(env, slot);
	__u64 age;

	DP_LAUNDER(env);
	if (!claim || !entry || !dp_flow_is_live(control))
		return 0;
	age = ((__u64)dp_flow_idle(claim->now, DP_LOAD(&entry->seen)) + 1) | DP_FLOW_SPARE;
	if (claim->evict_expired && DP_F(expired)(env, slot, dp_flow_state_of(control), claim->now))
		return age | DP_FLOW_SPARE_EXPIRED;
	return claim->evict && dp_flow_state_of(control) == DP_FLOW_HALF_OPEN ? age : 0;
}

/* The way of one set that can best be spared: how willingly << 3 | way, 0 when there is none. From bit 56 on: how many of
 * the set can be spared, summed without a branch: the verifier would follow every way through it. */
DP_INLINE __u64 DP_F(spare_way)(struct dp_env *env, __u32 set, const struct dp_flow_claim *claim)
{
	__u64 best = 0, count = 0;

	for (__u32 way = 0; way < DP_FLOW_WAYS; way++) {
		__u32 slot = set * DP_FLOW_WAYS + way, *word = DP_F(control)(env, slot);
		__u64 willing;

		if (!word)
			return 0;
		willing = DP_F(willing)(env, slot, DP_LOAD(word), claim);
		count += willing / DP_FLOW_SPARE;
		willing <<= 3;
		if (willing > best)
			best = willing | way;
	}
	return best | count << 56;
}

/* Fetches the lines of all ages in a set: eight waits at once. */
DP_INLINE void DP_F(ask_for_ages)(struct dp_env *env, __u32 set)
{
	DP_BUCKET *bucket = DP_ENV_BUCKET(env, set >> 1);
	__u32 first = (set & 1) * DP_FLOW_WAYS;

	if (!bucket)
		return;
	DP_UNROLL
	for (__u32 way = 0; way < DP_FLOW_WAYS; way++)
		dp_flow_ask_for(&bucket->entry[first + way].seen);
}

/* The slot to make room in, plus one; 0: nothing can be spared. It lies in the candidate set that has more to spare. The
 * choice matters as it does among free ways: taken from one set alone, a full table of expired pairs would run out of
 * them in some sets long before the others. */
DP_VERB __u64 DP_F(choose_room)(struct dp_env *env, __u32 first, __u32 second,
				const struct dp_flow_claim *claim)
{
	__u64 best, other;
	__u32 set = first;

	DP_LAUNDER(env);
	if (!claim)
		return 0;
	DP_F(ask_for_ages)(env, first);
	DP_F(ask_for_ages)(env, second);
	best = DP_F(spare_way)(env, first, claim);
	other = DP_F(spare_way)(env, second, claim);
	if (other >> 56 > best >> 56) {
		best = other;
		set = second;
	}
	return best ? (__u64)set * DP_FLOW_WAYS + (best & (DP_FLOW_WAYS - 1)) + 1 : 0;
}

/* Deletes the pair at a chosen slot, unless it has changed hands since: looking for a free way again will tell. */
DP_VERB int DP_F(give_up)(struct dp_env *env, __u32 slot, const struct dp_flow_claim *claim)
{
	struct dp_flow_pair pair = { 0, 0, 0, 0 };
	__u32 *word = DP_F(control)(env, slot);
	__u32 control = word ? DP_LOAD(word) : 0;
	__u64 willing;

	DP_LAUNDER(env);
	/* judged once more, under this very control word */
	willing = DP_F(willing)(env, slot, control, claim);
	if (!willing || !DP_F(pair_at)(env, slot, control, &pair))
		return 0;
	if (!DP_F(move_master)(env, &pair, willing & DP_FLOW_SPARE_EXPIRED ? 0 : DP_FLOW_HALF_OPEN, DP_FLOW_DYING)) {
		DP_F(mirror)(env, &pair); /* the slave may lag behind a master that is assured by now */
		return 0;
	}
	DP_F(release)(env, &pair);
	return 1;
}

/* Deletes a pair in one of the candidate sets: 1 when it is worth looking for a free way again. */
DP_INLINE int DP_F(make_room)(struct dp_env *env, __u32 first, __u32 second, const struct dp_flow_claim *claim)
{
	__u64 chosen = DP_F(choose_room)(env, first, second, claim);

	if (!chosen)
		return 0;
	(void)DP_F(give_up)(env, (__u32)chosen - 1, claim);
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
 * So most searches find their flow where they look first (flow_control.h). */
DP_INLINE enum dp_flow_take DP_F(take_empty)(struct dp_env *env, __u32 first, __u32 second,
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
		return DP_TAKE_FULL;
	claim->slot = set * DP_FLOW_WAYS + dp_flow_free_way(empty, dp_flow_home_way(claim->hash));
	word = DP_F(control)(env, claim->slot);
	if (!word)
		return DP_TAKE_FULL;
	claim->version = DP_LOAD(word) & DP_FLOW_VERSION_MASK;
	if (DP_COMPARE_SWAP(word, claim->version,
			    claim->version | dp_flow_tag(claim->hash) | DP_FLOW_CLAIMED) != claim->version)
		return DP_TAKE_RACED;
	return DP_TAKE_DONE;
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
		(void)DP_F(make_room)(env, first, second, claim);
	for (int i = 0; i < DP_FLOW_ATTEMPTS; i++) {
		enum dp_flow_take take = DP_F(take_empty)(env, first, second, claim);

		if (take == DP_TAKE_DONE)
			return 1;
		if (take == DP_TAKE_FULL && !DP_F(make_room)(env, first, second, claim))
			return 0;
	}
	return 0;
}

/* What a live or pending entry with the caller's key means for the caller: enum dp_flow_rival. */
DP_VERB int DP_F(meet)(struct dp_env *env, __u32 slot, __u32 control, __u32 own_master)
{
	struct dp_flow_pair pair = { 0, 0, 0, 0 };
	enum dp_flow_rival verdict;
	__u32 *word, master;

	DP_LAUNDER(env);
	word = DP_F(control)(env, slot);
	if (!word)
		return DP_RIVAL_NONE;
	/* moved while it was read: to live, or out of the way. Whoever comes back from there will meet us */
	if (!DP_F(pair_at)(env, slot, control, &pair))
		return dp_flow_recheck(control, DP_LOAD(word)) ? DP_RIVAL_WINS : DP_RIVAL_NONE;
	word = DP_F(control)(env, pair.master);
	if (!word)
		return DP_RIVAL_NONE;
	master = pair.master < own_master ? dp_flow_await(word) : DP_LOAD(word);
	/* a slave's pair that is gone by now; past half-open it counts until it is gone itself */
	if (!dp_flow_same_version(master, pair.master_version))
		master = DP_FLOW_EMPTY;
	verdict = dp_flow_judge_rival(control, master, pair.master, own_master);
	if (verdict != DP_RIVAL_LOSES)
		return verdict;
	control = DP_COMPARE_SWAP(word, master, dp_flow_with_state(master, DP_FLOW_DYING));
	/* it was faster when it is live by now; otherwise it has given up by itself */
	if (control != master && dp_flow_same_version(control, master) && dp_flow_is_live(control))
		return DP_RIVAL_WINS;
	return DP_RIVAL_NONE;
}

/* Does another pair hold the caller's key, in one of its candidate sets? The caller's master is pending by now.
 * Unrolled, because kernel 6.1 refuses what clang-14 makes of the loop: its end falls through to its beginning. */
DP_VERB int DP_F(rivals_in)(struct dp_env *env, __u32 set, const struct DP_F(words) *words,
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
		if (DP_F(meet)(env, slot, control, search->master) == DP_RIVAL_WINS)
			return 1;
	}
	return 0;
}

DP_INLINE int DP_F(rivals)(struct dp_env *env, const struct DP_F(words) *words,
			   const struct dp_flow_search *search)
{
	const struct dp_settings *settings = dp_env_settings(env);

	if (!settings)
		return 1;
	return DP_F(rivals_in)(env, dp_flow_first_set(search->hash, DP_F(shape)(settings)->set_count), words,
			       search) ||
	       DP_F(rivals_in)(env, dp_flow_second_set(search->hash, DP_F(shape)(settings)->set_count), words,
			       search);
}

/* Searches both keys of a pair whose entries are written and whose master is pending. */
DP_INLINE int DP_F(contested)(struct dp_env *env, const struct dp_flow_pair *pair)
{
	const struct dp_settings *settings = dp_env_settings(env);
	DP_ENTRY *forward = DP_F(entry)(env, pair->master), *reverse = DP_F(entry)(env, pair->slave);
	struct dp_flow_search search = { 0, pair->master, pair->master };
	struct DP_F(words) words;

	if (!settings || !forward || !reverse)
		return 1;
	DP_F(words_of)(&forward->key, &words);
	search.hash = DP_F(hash_words)(&words, DP_F(shape)(settings)->seed);
	if (DP_F(rivals)(env, &words, &search))
		return 1;
	DP_F(words_of)(&reverse->key, &words);
	search.hash = DP_F(hash_words)(&words, DP_F(shape)(settings)->seed);
	search.own = pair->slave;
	return DP_F(rivals)(env, &words, &search);
}

DP_INLINE void DP_F(write)(DP_ENTRY *entry, const struct dp_flow_half *half, __u32 partner,
			   __u32 link, __u32 now)
{
	DP_F(half_key)(half, &entry->key);
	entry->partner = partner;
	entry->link = link;
	entry->stamp = half->stamp;
	entry->next_hop = half->next_hop;
	entry->rule = half->rule;
	DP_F(write_addresses)(entry, half, now);
	entry->new_source_port = half->new_source_port;
	entry->new_destination_port = half->new_destination_port;
	entry->seen = now;
	dp_traffic_clear(&entry->traffic);
}

/* Writes both claimed slots: the link of each names its partner's version. A function of its own: installing calls deep,
 * and what this needs of the stack is given back before that. */
DP_VERB int DP_F(write_pair)(struct dp_env *env, const struct dp_flow_pair *pair,
			     const struct dp_flow_half *forward, const struct dp_flow_half *reverse, __u32 now)
{
	DP_ENTRY *master, *slave;
	__u32 master_flags, slave_flags;

	DP_LAUNDER(env);
	if (!pair || !forward || !reverse)
		return 0;
	master = DP_F(entry)(env, pair->master);
	slave = DP_F(entry)(env, pair->slave);
	if (!master || !slave)
		return 0;
	master_flags = (forward->flags & DP_FLOW_FLAGS_MASK) | DP_FLOW_MASTER;
	slave_flags = reverse->flags & DP_FLOW_FLAGS_MASK & ~(__u32)DP_FLOW_MASTER;
	DP_F(write)(slave, reverse, pair->master, pair->master_version | slave_flags, now);
	DP_F(write)(master, forward, pair->slave, pair->slave_version | master_flags, now);
	return 1;
}

/* From pending to `state` unless somebody else has one of the keys; the pair is released otherwise. The exchange that
 * published `pending` was a full barrier: of two writers at least one sees the other. */
DP_INLINE int DP_F(settle)(struct dp_env *env, const struct dp_flow_pair *pair, __u32 pending, __u32 state)
{
	__u32 *master = DP_F(control)(env, pair->master);
	int result = DP_INSTALL_EXISTS;

	if (master && !DP_F(contested)(env, pair)) {
		if (DP_COMPARE_SWAP(master, pending, dp_flow_with_state(pending, state)) == pending)
			return DP_INSTALL_OK;
		result = DP_INSTALL_KILLED;
	}
	DP_F(release)(env, pair);
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

/* Claims a way for each half: 1 with both in `pair`. */
DP_INLINE int DP_F(claim_pair)(struct dp_env *env, __u64 master_hash, __u64 slave_hash,
			       const struct dp_install *io, struct dp_flow_pair *pair)
{
	struct dp_flow_claim claim = { slave_hash,  io->now, io->evict, io->evict_expired,
				       io->crowded, 0,	     0,		0,		   0 };
	__u32 *word;

	if (!DP_F(claim)(env, &claim))
		return 0;
	pair->slave = claim.slot;
	pair->slave_version = claim.version;
	claim.hash = master_hash;
	claim.crowded = 0; /* one pair in, one out */
	if (DP_F(claim)(env, &claim)) {
		pair->master = claim.slot;
		pair->master_version = claim.version;
		return 1;
	}
	word = DP_F(control)(env, pair->slave);
	if (word)
		DP_EXCHANGE(word, dp_flow_released(pair->slave_version));
	return 0;
}

DP_VERB int DP_F(install)(struct dp_env *env, const struct dp_flow_half *forward,
			  const struct dp_flow_half *reverse, struct dp_install *io)
{
	const struct dp_settings *settings = dp_env_settings(env);
	struct dp_flow_pair pair = { 0, 0, 0, 0 };
	__u64 master_hash, slave_hash;
	__u32 *master, *slave, pending;
	int result;

	DP_LAUNDER(env);
	if (!settings || !forward || !reverse || !io)
		return DP_INSTALL_FULL;
	master_hash = DP_F(half_hash)(forward, DP_F(shape)(settings)->seed);
	slave_hash = DP_F(half_hash)(reverse, DP_F(shape)(settings)->seed);
	/* before the first locked operation, which would wait for each miss in turn; the master's key has been searched */
	DP_F(ask_for_sets)(env, slave_hash, DP_F(shape)(settings)->set_count);
	if (!DP_F(claim_pair)(env, master_hash, slave_hash, io, &pair))
		return DP_INSTALL_FULL;
	master = DP_F(control)(env, pair.master);
	slave = DP_F(control)(env, pair.slave);
	if (!master || !slave || !DP_F(write_pair)(env, &pair, forward, reverse, io->now))
		return DP_INSTALL_FULL;
	/* arm64: store barrier; the slave is found from here on, but not used before its master is live */
	DP_STORE_RELEASE(slave, pair.slave_version | dp_flow_tag(slave_hash) | DP_FLOW_HALF_OPEN);
	pending = pair.master_version | dp_flow_tag(master_hash) | DP_FLOW_PENDING;
	DP_EXCHANGE(master, pending);
	result = DP_F(settle)(env, &pair, pending, DP_FLOW_HALF_OPEN);
	if (result == DP_INSTALL_OK) {
		io->slot = pair.master;
		io->control = dp_flow_with_state(pending, DP_FLOW_HALF_OPEN);
	}
	return result;
}

/* Deletes the pair of `view` (either half) if it is still idle: 1 when this caller did it. A packet that came while the
 * decision was made keeps its flow. On the way back the pair is installed anew, by way of pending and a search: its
 * keys may have been taken while it was dying. User space, where a writer can be interrupted in the middle. */
DP_INLINE int DP_F(delete_idle)(struct dp_env *env, const struct dp_flow_view *view, __u32 now)
{
	struct dp_flow_pair pair;
	__u32 former, pending, *master;

	dp_flow_pair_from(view->slot, view->control, view->partner, view->link, &pair);
	former = DP_F(move_master)(env, &pair, 0, DP_FLOW_DYING);
	if (!former)
		return 0;
	if (DP_F(expired)(env, pair.master, dp_flow_state_of(former), now)) {
		DP_F(release)(env, &pair);
		return 1;
	}
	master = DP_F(control)(env, pair.master);
	pending = dp_flow_with_state(former, DP_FLOW_PENDING);
	DP_EXCHANGE(master, pending);
	return DP_F(settle)(env, &pair, pending, dp_flow_state_of(former)) != DP_INSTALL_OK;
}
