/* flow_mutation.h - seeded faults of the flow table, for test builds alone; include it before flow/table.h.
 *
 * DP_FLOW_MUTATION takes one protective step out of the protocol: 1 duplicates are ignored, 2 a copy is believed without a
 * second look, 3 a reverse entry is used without its forward entry. A stress test that does not notice is no test. The product knows
 * nothing of this: the step keeps its name, the product's own gets another.
 */
#ifndef TWINPATH_FLOW_MUTATION_H
#define TWINPATH_FLOW_MUTATION_H

#ifndef DP_FLOW_MUTATION
#define DP_FLOW_MUTATION 0
#endif

#if DP_FLOW_MUTATION == 1
#define dp_flow_judge_duplicate sound_judge_duplicate
#elif DP_FLOW_MUTATION == 2
#define dp_flow_recheck sound_recheck
#elif DP_FLOW_MUTATION == 3
#define dp_flow_forward_is_live sound_forward_is_live
#endif

#include "common/flow/control.h"

#if DP_FLOW_MUTATION == 1
#undef dp_flow_judge_duplicate
DP_INLINE enum dp_flow_duplicate dp_flow_judge_duplicate(__u32 control, __u32 forward, __u32 forward_slot,
                                                         __u32 own_forward_slot) {
  (void)sound_judge_duplicate(control, forward, forward_slot, own_forward_slot);
  return DP_DUPLICATE_NONE;
}
#elif DP_FLOW_MUTATION == 2
#undef dp_flow_recheck
DP_INLINE int dp_flow_recheck(__u32 before, __u32 now) {
  (void)sound_recheck(before, now);
  return 1;
}
#elif DP_FLOW_MUTATION == 3
#undef dp_flow_forward_is_live
DP_INLINE int dp_flow_forward_is_live(__u32 forward_control, __u32 reverse_link) {
  (void)sound_forward_is_live(forward_control, reverse_link);
  return 1;
}
#endif

#endif
