/* flow_mutation.h - seeded faults of the flow table, for test builds alone; include it before flow_table.h.
 *
 * DP_FLOW_MUTATION takes one protective step out of the protocol: 1 nobody minds rivals, 2 a copy is believed without a
 * second look, 3 a slave is used without its master. A stress test that does not notice is no test. The product knows
 * nothing of this: the step keeps its name, the product's own gets another.
 */
#ifndef TWINPATH_FLOW_MUTATION_H
#define TWINPATH_FLOW_MUTATION_H

#ifndef DP_FLOW_MUTATION
#define DP_FLOW_MUTATION 0
#endif

#if DP_FLOW_MUTATION == 1
#define dp_flow_judge_rival sound_judge_rival
#elif DP_FLOW_MUTATION == 2
#define dp_flow_recheck sound_recheck
#elif DP_FLOW_MUTATION == 3
#define dp_flow_master_is_live sound_master_is_live
#endif

#include "common/datapath/flow_control.h"

#if DP_FLOW_MUTATION == 1
#undef dp_flow_judge_rival
DP_INLINE enum dp_flow_rival dp_flow_judge_rival(__u32 control, __u32 master, __u32 master_slot,
                                                 __u32 own_master_slot) {
  (void)sound_judge_rival(control, master, master_slot, own_master_slot);
  return DP_RIVAL_NONE;
}
#elif DP_FLOW_MUTATION == 2
#undef dp_flow_recheck
DP_INLINE int dp_flow_recheck(__u32 before, __u32 now) {
  (void)sound_recheck(before, now);
  return 1;
}
#elif DP_FLOW_MUTATION == 3
#undef dp_flow_master_is_live
DP_INLINE int dp_flow_master_is_live(__u32 master_control, __u32 slave_link) {
  (void)sound_master_is_live(master_control, slave_link);
  return 1;
}
#endif

#endif
