// gateway.bpf.c - the kernel datapath on the XDP hook: a program per stage, and a question.
//
// twinpath_hit      every frame: parse, one lookup, forward, redirect. Small, so that it stays in the instruction cache.
// twinpath_odd      frames that `hit` does not read
// twinpath_known    the border, and packets of live flows
// twinpath_new      packets that begin a flow
// twinpath_install  the pair of a new flow
// twinpath_send     what was decided
//
// The stages are bpf/shared/stages.bpf.h, their decisions common/decide/stages.h.

#include "bpf/xdp/shell_xdp.bpf.h"

#include "bpf/shared/stages.bpf.h"

SEC("xdp")
int twinpath_hit(struct xdp_md *frame)
{
	return stage_hit(frame);
}

SEC("xdp")
int twinpath_odd(struct xdp_md *frame)
{
	return stage_odd(frame);
}

SEC("xdp")
int twinpath_known(struct xdp_md *frame)
{
	return stage_known(frame);
}

SEC("xdp")
int twinpath_new(struct xdp_md *frame)
{
	return stage_new(frame);
}

SEC("xdp")
int twinpath_install(struct xdp_md *frame)
{
	return stage_install(frame);
}

SEC("xdp")
int twinpath_send(struct xdp_md *frame)
{
	return stage_send(frame);
}

/* The kernel's tick, for user space (userspace/base/tick_clock.hpp). Run by request, attached to nothing. */
SEC("syscall")
int twinpath_tick(void *nothing)
{
	(void)nothing;
	return (int)twinpath_now();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
