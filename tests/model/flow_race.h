/* flow_race.h - two sides that send the same new flows at the same moment; the same in BPF and in user space.
 *
 * A side is a CPU under BPF_PROG_TEST_RUN (bpf/test/flow_race_test.bpf.c) or a thread (flow_race_engine.hpp). Flows are
 * numbered; before each, a side waits for the other one to come to the same number, but not for ever: a side that has
 * been interrupted is passed, and catches up because it need not wait itself.
 * Shape    two struct race_side in one mmapped array map. `at` and `met` are the side's own; the other one only reads.
 */
#ifndef TWINPATH_FLOW_RACE_H
#define TWINPATH_FLOW_RACE_H

#include "common/flow/hash.h"

enum {
  RACE_SIDES = 2,
  RACE_FRAME_BYTES = 96,
  RACE_LOOKS_MAX = 3000, /* looks at the other side: some microseconds, several times what a packet costs */
  RACE_HASTE = 64,       /* looks more, by chance, so that no order of steps is always the same */
};

struct race_side {
  __u32 at;  /* number of the flow it sends or has sent last */
  __u32 met; /* flows before which both sides stood at one time */
  __u32 l4_offset;
  __u32 mirrored; /* sends the flow's other direction: ports the other way round */
  __u32 ifindex;
  __u32 pad[11];                /* the other side's looks must not cost the frame */
  __u8 frame[RACE_FRAME_BYTES]; /* of every flow, but for the ports */
  __u8 pad2[32];
};
DP_STATIC_ASSERT(sizeof(struct race_side) == 192, "three cache lines");

/* Ports of a flow, network order: source and destination as they lie behind one another. */
DP_INLINE __u32 race_ports(__u32 number, __u32 mirrored) {
  __u32 near = dp_htons((__u16)(1024 + (number & 0x7fff))), far = dp_htons((__u16)(1024 + (number >> 15)));

  return mirrored ? far | near << 16 : near | far << 16;
}

/* Goes on to the next flow, when the other side is there as well: its number. */
DP_INLINE __u32 race_next(struct race_side* mine, const struct race_side* other) {
  __u32 number = mine->at + 1, seen = 0, haste = (__u32)dp_hash_end(number ^ (__u64)mine->mirrored << 40) % RACE_HASTE;

  DP_STORE_RELEASE(&mine->at, number);
  for (__u32 look = 0; look < RACE_LOOKS_MAX; look++) {
    seen = DP_LOAD(&other->at);
    if ((__s32)(seen - number) >= 0) break;
  }
  mine->met += seen == number;
  for (__u32 look = 0; look < haste; look++) seen = DP_LOAD(&other->at);
  return number;
}

#endif
