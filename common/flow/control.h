/* control.h - control and link words of the flow table, and the rules that decide by them.
 *
 * Pure functions over words already read: whether a copy is valid, which of two duplicates wins, when a pair has expired. They
 * touch no table, so a test can try all their inputs, or replace one to show that the others do not make up for it.
 * Words    model/flow.h.   Protocol  flow/table.h.   Reasons  docs/flow-table.md.
 */
#ifndef DP_FLOW_CONTROL_H
#define DP_FLOW_CONTROL_H

#include "../model/install.h"
#include "../model/settings.h"
#include "hash.h"

DP_INLINE __u32 dp_flow_state_of(__u32 control)
{
	return control & DP_FLOW_STATE_MASK;
}

DP_INLINE int dp_flow_is_live(__u32 control)
{
	return (control & DP_FLOW_LIVE) != 0;
}

DP_INLINE int dp_flow_same_version(__u32 a, __u32 b)
{
	return ((a ^ b) & DP_FLOW_VERSION_MASK) == 0;
}

DP_INLINE __u32 dp_flow_with_state(__u32 control, __u32 state)
{
	return (control & ~(__u32)DP_FLOW_STATE_MASK) | state;
}

/* The word of a released slot: empty, no tag, and a version that no reader has seen. */
DP_INLINE __u32 dp_flow_released(__u32 control)
{
	return (control & DP_FLOW_VERSION_MASK) + DP_FLOW_VERSION_ONE;
}

/* Was what lies between two reads of one control word read whole? The state may change meanwhile, the owner not. */
DP_INLINE int dp_flow_recheck(__u32 before, __u32 now)
{
	return ((before ^ now) & ~(__u32)DP_FLOW_STATE_MASK) == 0 && dp_flow_is_live(now);
}

/* May a half-open reverse entry be used? Only while its forward entry is live and of the version that the link names. */
DP_INLINE int dp_flow_forward_is_live(__u32 forward_control, __u32 reverse_link)
{
	return dp_flow_same_version(forward_control, reverse_link) && dp_flow_is_live(forward_control);
}

/* Bits of an eviction score, above the age. */
#define DP_FLOW_EVICTABLE (1ull << 34)
#define DP_FLOW_EVICTABLE_EXPIRED (1ull << 33)

/* A first set with so many free ways takes a key whatever is free in the second set. With 3, one of a million pairs failed in
 * churn at half load, and a sixth lay in their second set; with 4 none, and a quarter. */
enum { DP_FLOW_ROOMY = 4 };

enum dp_flow_duplicate {
	DP_DUPLICATE_NONE = 0,  /* the caller's pair goes on */
	DP_DUPLICATE_WINS = 1,  /* the caller releases its own pair */
	DP_DUPLICATE_LOSES = 2, /* the caller kills the duplicate and goes on */
};

/* Two pairs with one key: which goes on? `control` is the word of the entry that has the key, `forward` that of its pair's
 * forward entry, both read after the caller's own forward entry was published as pending.
 * The writer of a claimed forward entry searches later, and then finds the caller's; a dying one becomes live again only by
 * way of pending and a search. A reverse entry past half-open is used without a look at its forward entry, so it counts
 * until it is released. */
DP_INLINE enum dp_flow_duplicate dp_flow_judge_duplicate(__u32 control, __u32 forward,
							 __u32 forward_slot, __u32 own_forward_slot)
{
	__u32 state = dp_flow_state_of(control);

	if (forward_slot == own_forward_slot)
		return DP_DUPLICATE_NONE; /* both directions have one key */
	if (state > DP_FLOW_HALF_OPEN || dp_flow_is_live(forward))
		return DP_DUPLICATE_WINS;
	if (dp_flow_state_of(forward) != DP_FLOW_PENDING)
		return DP_DUPLICATE_NONE;
	return forward_slot < own_forward_slot ? DP_DUPLICATE_WINS : DP_DUPLICATE_LOSES;
}

/* How often a pending duplicate's word is read: some tenths of a microsecond, as it takes from pending to live. */
enum { DP_FLOW_DUPLICATE_SPINS = 256 };

/* The word of a pending forward entry in a lower slot than the caller's, once it is pending no more. Without the wait the
 * loser would look for the winner's pair before that is live, and lose again. Only lower slots are waited for, so no two
 * writers wait for each other; and not for ever, because a writer of user space may be interrupted. */
DP_INLINE __u32 dp_flow_await_duplicate(const __u32 *word)
{
	__u32 control = DP_LOAD(word);

	for (__u32 look = 0;
	     look < DP_FLOW_DUPLICATE_SPINS && dp_flow_state_of(control) == DP_FLOW_PENDING; look++)
		control = DP_LOAD(word);
	return control;
}

DP_INLINE void dp_flow_pair_from(__u32 slot, __u32 control, __u32 partner, __u32 link, struct dp_flow_pair *pair)
{
	int forward = (link & DP_FLOW_FORWARD) != 0;
	__u32 own = control & DP_FLOW_VERSION_MASK, other = link & DP_FLOW_VERSION_MASK;

	pair->forward = forward ? slot : partner;
	pair->reverse = forward ? partner : slot;
	pair->forward_version = forward ? own : other;
	pair->reverse_version = forward ? other : own;
}

/* Words of a key as they lie in memory, little-endian; `delta`, the upper 16 bits of the last one, is left 0. */
DP_INLINE __u64 dp_flow_two(__be32 low, __be32 high)
{
	return (__u64)low | (__u64)high << 32;
}

DP_INLINE __u64 dp_flow_ports(__be16 source_port, __be16 destination_port, __u8 protocol, __u8 zone)
{
	return (__u64)source_port | (__u64)destination_port << 16 | (__u64)protocol << 32 | (__u64)zone << 40;
}

/* Stamp, next hop and port as the one word they are in an entry. */
DP_INLINE __u64 dp_flow_route_word(__u32 stamp, __u16 next_hop, __u16 port)
{
	return (__u64)stamp | (__u64)next_hop << 32 | (__u64)port << 48;
}

/* Rule and service as the one word they are in the reverse half's cold element. */
DP_INLINE __u32 dp_flow_rule_word(__u32 rule, __u32 service)
{
	return (rule & DP_FLOW_RULE_MASK) | service << DP_FLOW_RULE_BITS;
}

/* Port and protocol of one end of a flow, which are hashed with its address: both directions have the same two ends. */
DP_INLINE __u64 dp_flow_end(__be16 port, __u8 protocol)
{
	return (__u64)port | (__u64)protocol << 16;
}

#define DP_FLOW_SIDE (1ull << 32)

/* Hash of a key from those of its ends. Both directions of a flow have the same but for DP_FLOW_SIDE, which tells which
 * end comes first. Zones are left out: a packet does not know which one its answers will come from. */
DP_INLINE __u64 dp_flow_hash_of(__u64 source, __u64 destination)
{
	__u64 side = (source - destination) >> 63;

	return (dp_hash_join(source, destination) & ~DP_FLOW_SIDE) | side << 32;
}

/* Candidate sets, home way and tag of a key come from parts of its hash: two buckets, and of each the set that is this
 * side's. So both halves of a pair without NAT lie in one bucket, behind one line of control words. */
DP_INLINE __u32 dp_flow_side(__u64 hash)
{
	return (__u32)(hash >> 32) & 1;
}

DP_INLINE __u32 dp_flow_first_set(__u64 hash, __u32 set_count)
{
	return (dp_hash_range((__u32)hash, set_count) & ~1u) | dp_flow_side(hash);
}

DP_INLINE __u32 dp_flow_second_set(__u64 hash, __u32 set_count)
{
	return (dp_hash_range((__u32)(hash >> 32) & ~1u, set_count) & ~1u) | dp_flow_side(hash);
}

/* The way of a set in which a key lies if it is free on arrival: known before the control words are, so that a search
 * loads both lines at once. The same for both directions. */
DP_INLINE __u32 dp_flow_home_way(__u64 hash)
{
	return (__u32)(hash >> 33) & (DP_FLOW_WAYS - 1);
}

DP_INLINE __u32 dp_flow_tag(__u64 hash)
{
	return ((__u32)(hash ^ hash >> 40) << DP_FLOW_TAG_SHIFT) & DP_FLOW_TAG_MASK;
}

/* Ticks since `then`. Another clock may be some ticks ahead: that is 0, not 2^32 - 1. Good for 2^32 ticks but for these, 49
 * days at 1000 a second: whoever compares looks more often (docs/flow-life.md, "Clocks"). */
enum { DP_TICKS_AHEAD = 1024 };

DP_INLINE __u32 dp_ticks_since(__u32 now, __u32 then)
{
	__u32 ticks = now - then;

	return ticks > ~0u - DP_TICKS_AHEAD ? 0 : ticks;
}

DP_INLINE __u32 dp_flow_idle(__u32 now, __u32 seen)
{
	return dp_ticks_since(now, seen);
}

/* A pair that closes without both FINs has been reset. */
DP_INLINE __u32 dp_flow_timeout_tcp(const struct dp_timeouts *timeouts, __u32 state, __u32 both)
{
	if (state == DP_FLOW_CLOSING)
		return both & DP_FLOW_DONE ? timeouts->tcp_closing : timeouts->tcp_reset;
	return state == DP_FLOW_HALF_OPEN ? timeouts->tcp_syn : timeouts->tcp_established;
}

/* How long a pair may be idle, in ticks. */
DP_INLINE __u32 dp_flow_timeout(const struct dp_timeouts *timeouts, __u8 protocol, __u32 state,
				__u32 flags_forward, __u32 flags_reverse)
{
	switch (protocol) {
	case 6:
		return dp_flow_timeout_tcp(timeouts, state, flags_forward & flags_reverse);
	case 17:
		return state == DP_FLOW_HALF_OPEN ? timeouts->udp : timeouts->udp_stream;
	case 1:
	case 58:
		return timeouts->icmp;
	default:
		return timeouts->other;
	}
}

/* The least that dp_flow_timeout can say of a pair in `state`, whatever the flags of its halves: a half that has been
 * idle for less keeps the pair alive, without a look at the other one. */
DP_INLINE __u32 dp_flow_timeout_least(const struct dp_timeouts *timeouts, __u8 protocol, __u32 state)
{
	if (protocol != 6 || state != DP_FLOW_CLOSING)
		return dp_flow_timeout(timeouts, protocol, state, 0, 0);
	return timeouts->tcp_reset < timeouts->tcp_closing ? timeouts->tcp_reset : timeouts->tcp_closing;
}

/* Makes the CPU fetch a line without waiting for it. BPF has no prefetch: a load whose value nobody uses does as well. */
DP_INLINE void dp_flow_prefetch(const __u32 *word)
{
	__u32 value = DP_LOAD(word);

	DP_LAUNDER(value);
	(void)value;
}

/* Bit i set when control[i] equals `want` under `mask`. Free of branches: BPF has no conditional move, so a compare
 * would be a mispredicted branch, and eight of them 2^8 paths for the verifier. */
DP_INLINE __u32 dp_flow_match(const __u32 *control, __u32 want, __u32 mask)
{
	__u32 found = 0;

	DP_UNROLL
	for (__u32 way = 0; way < DP_FLOW_WAYS; way++) {
		__u32 other = (DP_LOAD(&control[way]) ^ want) & mask;

		DP_LAUNDER(other);
		found |= (other - 1) >> 31 << way; /* 1 for 0; masks stay below 2^31 */
	}
	return found;
}

DP_INLINE __u32 dp_flow_ways_in(__u32 bits)
{
	bits -= bits >> 1 & 0x55;
	bits = (bits & 0x33) + (bits >> 2 & 0x33);
	return (bits + (bits >> 4)) & 0x0f;
}

/* Number of the lowest bit set; at least one of eight is. */
DP_INLINE __u32 dp_flow_lowest_way(__u32 bits)
{
	return dp_flow_ways_in(((bits & -bits) - 1) & 0x7f);
}

/* `home` when it is among the free ways, else the lowest of them; at least one is free. */
DP_INLINE __u32 dp_flow_free_way(__u32 empty, __u32 home)
{
	return empty >> home & 1 ? home : dp_flow_lowest_way(empty);
}

#endif
