/* stages.bpf.h - the programs of the kernel datapath, written once against the functions of a shell (shell_*.bpf.h), which
 * is included before this file.
 *
 * Shape    One function per program: it runs its verb of common/decide and tail-calls the stage that the verb names. All are
 *          inlined into the programs, because a tail call must stand in a program's main function: elsewhere the verifier
 *          allows 256 bytes of stack instead of 512.
 * State    lies in `scratch`, one context per CPU: programs of a hook run one at a time on a CPU.
 */
#ifndef TWINPATH_STAGES_BPF_H
#define TWINPATH_STAGES_BPF_H

#include "host_socket.bpf.h"

#include "common/decide/hit.h"
#include "common/decide/station.h"
#include "common/edit/forward.h"
#include "common/parse/parse.h"

/* With the index in the instruction, so that the kernel makes it a jump. Comes back only when the stage is missing. */
#define TWINPATH_ENTER(frame, stage) bpf_tail_call_static((frame), &programs, (stage))

DP_INLINE struct dp_context *stage_context(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* What a frame's context begins with. */
DP_INLINE void stage_begin(struct dp_context *ctx)
{
	ctx->now = twinpath_now();
	ctx->side = DP_SIDE_KERNEL;
	ctx->attempt = 0;
	ctx->searched = DP_SEARCHED_NOT;
	ctx->known = 0;
	ctx->next_hop = 0;
	ctx->match.rule = 0;
	ctx->match.flags = 0;
}

/* The device that a port is on. */
DP_INLINE const struct dp_device *device_of(__u32 number)
{
	const struct dp_port *port = dp_env_port(0, number);

	return port ? dp_env_device(0, port->device) : 0;
}

/* To the engine, if it is there: the program's result. The budget has been paid. `ctx` is the packet's context, NULL
 * for a plain hit. */
DP_INLINE int twinpath_steer(struct shell_frame *frame, const struct dp_packet *packet, int reason,
			     struct dp_port_counters *counters, const struct dp_context *ctx)
{
	const struct dp_device *device = device_of(packet->ingress);
	int refused;

	if (!device)
		return SHELL_BROKEN;
	refused = shell_prepare_steer(frame, device, packet, reason);
	twinpath_count_reason(refused ? (__u32)refused : (__u32)reason, packet->frame_bytes);
	if (ctx)
		twinpath_note_outcome(ctx, refused ? refused : reason);
	if (refused) {
		twinpath_add(&counters->dropped, packet->frame_bytes);
		return shell_drop();
	}
	twinpath_add(&counters->steered, packet->frame_bytes);
	return shell_steer(frame, device);
}

/* --- hit: every frame ------------------------------------------------------------------------------------------ */

/* A plain hit whose rule says place: user. */
DP_INLINE int steer_hit(struct shell_frame *frame, __u32 number)
{
	struct dp_port_counters *counters = bpf_map_lookup_elem(&port_counters, &number);
	struct dp_packet packet; /* what steering reads of it */

	if (!counters)
		return SHELL_BROKEN;
	packet.ingress = (__u16)number;
	packet.frame_bytes = shell_bytes(frame);
	twinpath_add(&counters->received, packet.frame_bytes);
	return twinpath_steer(frame, &packet, DP_STEER_PLACE_USER, counters, 0);
}

/* The frame is written: counts and sends it. */
DP_INLINE int send_hit(__u32 number, __u32 bytes, const struct dp_hit *hit)
{
	int action;

	twinpath_count_received(number, bytes);
	twinpath_count_forwarded(hit->egress, bytes);
	action = shell_send(hit->device);
	/* last: its locked addition holds up every load behind it */
	dp_hit_count(0, hit, bytes, twinpath_now());
	return action;
}

/* A packet of a live flow that is no plain hit: the half that was found needs no other search. */
DP_INLINE void leave_found(const struct dp_hit *hit)
{
	struct dp_context *ctx = stage_context();

	if (!ctx)
		return;
	ctx->view.slot = hit->slot;
	ctx->view.control = hit->control;
}

/* Answers of take_hit4 and take_hit6 beside a program's result, which is never negative: a verdict that leaves the frame
 * unchanged, for the stages to come. */
#define NOT_PLAIN(verdict) (-1 - (int)(verdict))

/* A plain hit: the program's result. Each family has its own code, in registers. */
DP_INLINE int take_hit4(struct shell_frame *frame, __u32 number, const struct dp_port *port)
{
	__u8 *data = shell_data(frame), *end = shell_end(frame);
	__u32 bytes = (__u32)(end - data);
	struct dp_hit hit;
	enum dp_hit_verdict verdict = dp_hit4(0, &settings, data, end, bytes, port, number, &hit);

	if (verdict == DP_HIT_FORWARD)
		return dp_hit4_forward(data, end, &hit) ? send_hit(number, bytes, &hit) : SHELL_BROKEN;
	if (verdict == DP_HIT_USER)
		return steer_hit(frame, number);
	if (verdict == DP_HIT_FOUND)
		leave_found(&hit);
	return NOT_PLAIN(verdict);
}

DP_INLINE int take_hit6(struct shell_frame *frame, __u32 number, const struct dp_port *port)
{
	__u8 *data = shell_data(frame), *end = shell_end(frame);
	__u32 bytes = (__u32)(end - data);
	struct dp_hit hit;
	enum dp_hit_verdict verdict = dp_hit6(0, &settings, data, end, bytes, port, number, &hit);

	if (verdict == DP_HIT_FORWARD)
		return dp_hit6_forward(data, end, &hit) ? send_hit(number, bytes, &hit) : SHELL_BROKEN;
	if (verdict == DP_HIT_USER)
		return steer_hit(frame, number);
	if (verdict == DP_HIT_FOUND)
		leave_found(&hit);
	return NOT_PLAIN(verdict);
}

/* Leaves the facts of a frame that is no plain hit to the next stage: 1 when done. */
DP_INLINE int leave_facts(const struct shell_frame *frame, __u32 number, int action)
{
	const __u8 *data = shell_data(frame), *end = shell_end(frame);
	const struct dp_port *port = dp_env_port(0, number);
	struct dp_context *ctx = stage_context();

	if (!ctx || !port)
		return 0;
	stage_begin(ctx);
	if (!dp_parse_plain(data, end, (__u32)(end - data), port->mac, &ctx->packet))
		return 0;
	ctx->packet.zone = port->zone;
	ctx->packet.ingress = (__u16)number;
	if (action == NOT_PLAIN(DP_HIT_ABSENT))
		ctx->searched = DP_SEARCHED_ABSENT;
	if (action == NOT_PLAIN(DP_HIT_FOUND))
		ctx->searched = DP_SEARCHED_FOUND;
	twinpath_count_received(number, ctx->packet.frame_bytes);
	return 1;
}

DP_INLINE int stage_hit(struct shell_frame *frame)
{
	__u32 number = shell_port(frame);
	const struct dp_port *port = dp_env_port(0, number);
	int action;

	if (!port)
		return SHELL_BROKEN;
	if (port->flags & DP_PORT_WORKLOAD || !dp_hit_link(shell_data(frame), shell_end(frame), port))
		goto odd;
	action = take_hit4(frame, number, port);
	if (action == NOT_PLAIN(DP_HIT_ODD))
		action = take_hit6(frame, number, port);
	if (action >= 0)
		return action;
	if (action != NOT_PLAIN(DP_HIT_ODD) && leave_facts(frame, number, action))
		TWINPATH_ENTER(frame, DP_STAGE_KNOWN);
odd:
	TWINPATH_ENTER(frame, DP_STAGE_ODD);
	return SHELL_BROKEN;
}

/* --- odd: frames that `hit` does not read ---------------------------------------------------------------------- */

/* The port a tagged frame belongs to: a VLAN device on the one that it came in by, or none. */
DP_INLINE __u32 tagged_port(const struct shell_frame *frame, const struct dp_packet *packet)
{
	__u32 number = shell_device(frame);
	const struct dp_device *device = dp_env_device(0, number);
	struct dp_vlan_key key;
	const __u32 *port;

	if (!device || !(device->flags & DP_DEVICE_VLANS))
		return 0;
	key.device = (__u16)number;
	key.vlan = packet->vlan;
	key.inner_vlan = packet->inner_vlan;
	key.pad = 0;
	port = bpf_map_lookup_elem(&vlan_ports, &key);
	return port ? *port : 0;
}

/* Gives the packet to the port of its tags: DP_NONE, or there is none. */
DP_INLINE int enter_tagged(const struct shell_frame *frame, struct dp_context *ctx)
{
	const __u8 *data = shell_data(frame);
	__u32 number = tagged_port(frame, &ctx->packet);
	const struct dp_port *port = dp_env_port(0, number);

	if (!number || !port || data + DP_ETHERNET_BYTES > (const __u8 *)shell_end(frame))
		return DP_UNKNOWN_VLAN;
	dp_parse_destination(data, port->mac, &ctx->packet);
	ctx->packet.ingress = (__u16)number;
	ctx->packet.zone = port->zone;
	dp_find_station(0, port, data, &ctx->packet);
	return DP_NONE;
}

/* Parses, and finds the port that the frame came in by. */
DP_INLINE int read_frame(struct shell_frame *frame, struct dp_context *ctx)
{
	__u32 number = shell_port(frame);
	const struct dp_port *port = dp_env_port(0, number);
	int reason;

	ctx->packet.frame_bytes = shell_bytes(frame);
	ctx->packet.ingress = (__u16)number;
	ctx->packet.zone = 0;
	if (!port)
		return DP_INTERNAL;
	reason = dp_parse(shell_data(frame), shell_end(frame), ctx->packet.frame_bytes, port->mac, &ctx->packet);
	if (reason)
		return reason;
	if (ctx->packet.vlan)
		return enter_tagged(frame, ctx);
	ctx->packet.zone = port->zone;
	if (shell_data(frame) + DP_ETHERNET_BYTES <= shell_end(frame))
		dp_find_station(0, port, shell_data(frame), &ctx->packet);
	return DP_NONE;
}

DP_INLINE int stage_odd(struct shell_frame *frame)
{
	struct dp_context *ctx = stage_context();
	int reason;

	if (!ctx)
		return SHELL_BROKEN;
	stage_begin(ctx);
	reason = read_frame(frame, ctx);
	twinpath_count_received(ctx->packet.ingress, ctx->packet.frame_bytes);
	if (reason == DP_NONE)
		TWINPATH_ENTER(frame, DP_STAGE_KNOWN);
	dp_decided(ctx, reason);
	TWINPATH_ENTER(frame, DP_STAGE_SEND);
	return SHELL_BROKEN;
}

/* --- send: what becomes of the packet --------------------------------------------------------------------------- */

/* Makes the frame ready to leave: DP_NONE, or why it cannot leave from here. */
static __attribute__((noinline)) int prepare_forward(struct shell_frame *frame, const struct dp_context *ctx,
						     const struct dp_next_hop *hop)
{
	const struct dp_port *port = dp_env_port(0, ctx->packet.ingress);
	__u16 tag = dp_next_hop_tag(hop);

	if (!port)
		return DP_INTERNAL;
	if ((port->flags & DP_PORT_WORKLOAD) && !dp_checksum_l4(shell_data(frame), shell_end(frame), &ctx->packet))
		return DP_STEER_CHECKSUM;
	if (!shell_grow_front(frame, dp_forward_growth(&ctx->packet, tag)))
		return DP_INTERNAL;
	return shell_forward(frame, &ctx->packet, &ctx->view, hop, tag) ? DP_NONE : DP_INTERNAL;
}

static __attribute__((noinline)) int steer(struct shell_frame *frame, const struct dp_context *ctx,
					   int reason, struct dp_port_counters *counters)
{
	return twinpath_steer(frame, &ctx->packet, reason, counters, ctx);
}

/* Pays from the packet's budget: the final reason. Where no queue leads to the engine, nothing is taken. */
DP_INLINE int pay(struct shell_frame *frame, struct dp_context *ctx)
{
	const struct dp_device *device = device_of(ctx->packet.ingress);

	if (dp_reason_verdict((enum dp_reason)ctx->reason) == DP_STEER && device && !shell_has_queue(frame, device))
		return ctx->reason;
	return dp_commit_budget(0, ctx, ctx->reason);
}

DP_INLINE int deliver(struct shell_frame *frame, struct dp_context *ctx)
{
	__u32 number = ctx->packet.ingress;
	struct dp_port_counters *counters;
	const struct dp_next_hop *hop;
	int reason;

	counters = bpf_map_lookup_elem(&port_counters, &number);
	if (!counters)
		return SHELL_BROKEN;
	reason = pay(frame, ctx);
	hop = dp_env_next_hop(0, ctx->next_hop);
	if (!reason)
		reason = hop ? prepare_forward(frame, ctx, hop) : (int)DP_INTERNAL;
	if (dp_reason_verdict((enum dp_reason)reason) == DP_STEER)
		return steer(frame, ctx, reason, counters);
	twinpath_note_outcome(ctx, reason);
	switch (dp_reason_verdict((enum dp_reason)reason)) {
	case DP_FORWARD:
		if (!hop)
			return SHELL_BROKEN;
		twinpath_count_forwarded(hop->port, ctx->packet.frame_bytes);
		dp_flow_count_packet(0, &ctx->packet, ctx->view.slot, ctx->now);
		return shell_send(hop->device);
	case DP_PASS:
		twinpath_count_reason((__u32)reason, ctx->packet.frame_bytes);
		twinpath_add(&counters->passed, ctx->packet.frame_bytes);
		if (reason == DP_PASS_DHCP && !dp_to_all_stations(shell_data(frame), shell_end(frame)))
			return SHELL_BROKEN;
		return shell_pass();
	default:
		twinpath_count_reason((__u32)reason, ctx->packet.frame_bytes);
		twinpath_add(&counters->dropped, ctx->packet.frame_bytes);
		return shell_drop();
	}
}

DP_INLINE int stage_send(struct shell_frame *frame)
{
	struct dp_context *ctx = stage_context();

	return ctx ? deliver(frame, ctx) : SHELL_BROKEN;
}

/* --- known, new, install: the decision ------------------------------------------------------------------------- */

DP_INLINE int stage_known(struct shell_frame *frame)
{
	struct dp_context *ctx = stage_context();

	if (!ctx)
		return SHELL_BROKEN;
	if (dp_stage_known(0, ctx) == DP_STAGE_SEND)
		return deliver(frame, ctx); /* here, not in `send`: a tail call less for each packet of a live flow */
	TWINPATH_ENTER(frame, DP_STAGE_NEW);
	return SHELL_BROKEN;
}

DP_INLINE int stage_new(struct shell_frame *frame)
{
	struct dp_context *ctx = stage_context();
	int next;

	if (!ctx)
		return SHELL_BROKEN;
	next = dp_stage_new(0, ctx);
	if (dp_host_refused(ctx) && host_waits_for(frame, &ctx->packet))
		dp_host_waits(ctx);
	if (next == DP_STAGE_INSTALL)
		TWINPATH_ENTER(frame, DP_STAGE_INSTALL);
	TWINPATH_ENTER(frame, DP_STAGE_SEND);
	return SHELL_BROKEN;
}

DP_INLINE int stage_install(struct shell_frame *frame)
{
	struct dp_context *ctx = stage_context();

	if (!ctx)
		return SHELL_BROKEN;
	if (dp_stage_install(0, ctx) == DP_STAGE_KNOWN)
		TWINPATH_ENTER(frame, DP_STAGE_KNOWN);
	TWINPATH_ENTER(frame, DP_STAGE_SEND);
	return SHELL_BROKEN;
}

#endif
