/* flow_race_test.bpf.c - one side of the flow table's race test: makes the next flow's first packet, waits for the other
 * side, and enters the gateway by tail call.
 *
 * Never attached: user space runs it with BPF_PROG_TEST_RUN on two CPUs, many flows by one call.
 */
#include <linux/bpf.h>

#include "common/target.h"
#include "tests/model/flow_race.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RACE_SIDES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct race_side);
} sides SEC(".maps");

/* The gateway's first program; put in by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} gateway SEC(".maps");

DP_INLINE int race(struct xdp_md *xdp, __u32 own)
{
	__u8 *frame = (__u8 *)(long)xdp->data, *end = (__u8 *)(long)xdp->data_end;
	__u32 rival = own ^ 1, offset, ports;
	__u8 *l4;
	struct race_side *mine = bpf_map_lookup_elem(&sides, &own);
	const struct race_side *other = bpf_map_lookup_elem(&sides, &rival);

	if (!mine || !other || frame + RACE_FRAME_BYTES > end)
		return XDP_ABORTED;
	__builtin_memcpy(frame, mine->frame, RACE_FRAME_BYTES);
	offset = mine->l4_offset;
	l4 = frame + (offset & 127);
	if (l4 + sizeof(ports) > end)
		return XDP_ABORTED;
	ports = race_ports(mine->at + 1, mine->mirrored);
	__builtin_memcpy(l4, &ports, sizeof(ports));
	(void)race_next(mine, other);
	bpf_tail_call(xdp, &gateway, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int race_left(struct xdp_md *xdp)
{
	return race(xdp, 0);
}

SEC("xdp")
int race_right(struct xdp_md *xdp)
{
	return race(xdp, 1);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
