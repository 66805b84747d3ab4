/* flow_stress.h - one step of the flow table's stress test, the same in BPF and in user space.
 *
 * A step takes a random flow, searches it in a random direction, judges what it finds, and changes something. Flows:
 * protected ones are assured at the start and must be found by every search; hot ones are few, so that writers race;
 * the rest is more than the table holds, so that pairs are evicted all the time.
 */
#ifndef TWINPATH_FLOW_STRESS_H
#define TWINPATH_FLOW_STRESS_H

#include "common/flow/table.h"
#include "tests/harness/flow_numbers.h"

enum {
  STRESS_FLOWS = 20000,
  STRESS_PROTECTED = 500,
  STRESS_HOT = 16,
  STRESS_BUCKETS = 256, /* 2048 pairs when quite full */
};

struct flow_stress_counts {
  __u64 hits;
  __u64 misses;
  __u64 results[8]; /* enum dp_install_result */
  __u64 deleted;
  /* faults */
  __u64 torn;      /* a copy with fields of another flow */
  __u64 half_used; /* a reverse entry used before its pair was */
  __u64 lost;      /* a protected flow not found */
};

/* What user space tells the BPF programs. */
struct flow_stress_globals {
  __u32 ticks;    /* the test's clock */
  __u32 flows;    /* how many numbers the micro programs go through */
  __u64 position; /* of the micro programs */
};

/* What a step works on; too big for a BPF stack. */
struct flow_stress {
  struct dp_flow_half forward;
  struct dp_flow_half reverse;
  struct dp_packet packet;
  struct dp_flow_view view;
  struct dp_install install;
};

/* Protected flows are UDP: their timeout is long, TCP's is short. */
DP_INLINE __u8 flow_stress_protocol(__u32 number) { return number < STRESS_PROTECTED ? 17 : 6; }

DP_INLINE __u32 flow_stress_number(__u64 random) {
  __u32 low = (__u32)random, kind = (__u32)(random >> 32) & 15;

  if (kind < 2) return dp_hash_range(low, STRESS_PROTECTED);
  if (kind < 7) return STRESS_PROTECTED + (low & (STRESS_HOT - 1));
  return STRESS_PROTECTED + dp_hash_range(low, STRESS_FLOWS - STRESS_PROTECTED);
}

/* A half-open reverse entry has been found: was its pair ever live? Its forward entry cannot be claimed, for that comes once and first;
 * nor pending, for only idle assured pairs come back that way here. */
DP_INLINE int flow_stress_half_used(struct dp_env* env, __u8 family, const struct dp_flow_view* view) {
  const __u32* word;
  __u32 forward;

  if ((view->link & DP_FLOW_FORWARD) || dp_flow_state_of(view->control) != DP_FLOW_HALF_OPEN) return 0;
  word = family == DP_FAMILY_V4 ? dp_flow_control4(env, view->partner) : dp_flow_control6(env, view->partner);
  if (!word) return 0;
  forward = DP_LOAD(word);
  return dp_flow_same_version(forward, view->link) &&
         (dp_flow_state_of(forward) == DP_FLOW_CLAIMED || dp_flow_state_of(forward) == DP_FLOW_PENDING);
}

DP_INLINE void flow_stress_hit(struct dp_env* env, struct flow_stress* s, struct flow_stress_counts* counts,
                               __u8 family, __u32 number, __u32 dice, int whole) {
  counts->hits++;
  if (!whole) counts->torn++;
  if (flow_stress_half_used(env, family, &s->view)) counts->half_used++;
  dp_flow_count(env, family, s->view.slot, 1, 60, s->install.now);
  if (number < STRESS_PROTECTED) return;
  if (dice < 2)
    counts->deleted += (__u32)dp_flow_delete(env, family, &s->view);
  else if (dice < 4)
    dp_flow_set_state(env, family, &s->view, DP_FLOW_ASSURED);
  else if (dice < 6)
    dp_flow_change_flags(env, family, s->view.slot, s->view.control, DP_FLOW_FIN, DP_FLOW_HELD);
}

DP_INLINE void flow_stress_miss(struct dp_env* env, struct flow_stress* s, struct flow_stress_counts* counts,
                                __u8 family, __u32 number, __u32 dice) {
  int result;

  counts->misses++;
  if (number < STRESS_PROTECTED) {
    counts->lost++;
    return;
  }
  s->install.family = family;
  s->install.evict = dice != 0;
  s->install.evict_expired = dice & 1;
  result = dp_flow_install(env, &s->forward, &s->reverse, &s->install);
  counts->results[result & 7]++;
}

DP_INLINE void flow_stress_step(struct dp_env* env, struct flow_stress* s, struct flow_stress_counts* counts,
                                __u8 family, __u64 random, __u32 now) {
  __u32 number = flow_stress_number(random), dice = (__u32)(random >> 40) & 31;
  int reverse = (int)(random >> 46) & 1;

  flow_number_half(&s->forward, family, number, 0, flow_stress_protocol(number));
  flow_number_half(&s->reverse, family, number, 1, flow_stress_protocol(number));
  s->install.now = now;
  flow_number_packet(&s->packet, family, reverse ? &s->reverse : &s->forward);
  if (dp_flow_find(env, &s->packet, &s->view))
    flow_stress_hit(env, s, counts, family, number, dice,
                    flow_number_whole(reverse ? &s->reverse : &s->forward, &s->view));
  else
    flow_stress_miss(env, s, counts, family, number, dice);
}

#endif
