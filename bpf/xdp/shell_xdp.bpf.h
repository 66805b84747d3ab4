/* shell_xdp.bpf.h - what the stages (bpf/shared/stages.bpf.h) need to know of their hook, for XDP.
 *
 * A shell of another hook has the same functions in a file of its own; nothing else of the datapath names a type, a helper
 * or a result of the hook.
 */
#ifndef TWINPATH_SHELL_XDP_BPF_H
#define TWINPATH_SHELL_XDP_BPF_H

#include "bpf/shared/act.bpf.h"

#include "common/edit/forward.h"

/* The hook's view of a frame. */
#define shell_frame xdp_md

enum { SHELL_BROKEN = XDP_ABORTED };

/* The bytes that can be read: `data` .. `end`. Anew behind every call that may move the frame. */
DP_INLINE __u8 *shell_data(const struct shell_frame *frame)
{
	return (__u8 *)(long)frame->data;
}

DP_INLINE __u8 *shell_end(const struct shell_frame *frame)
{
	return (__u8 *)(long)frame->data_end;
}

/* Bytes of the frame as it was on the wire. */
DP_INLINE __u32 shell_bytes(const struct shell_frame *frame)
{
	return (__u32)(frame->data_end - frame->data);
}

/* Number of the device that the frame came in by, 0 when it is none of the gateway's. */
DP_INLINE __u32 shell_device(const struct shell_frame *frame)
{
	const struct dp_ingress *slot = dp_ingress_find(ingress, frame->ingress_ifindex);

	return slot ? slot->device : 0;
}

/* Number of that device's untagged port, 0 when it has none. */
DP_INLINE __u32 shell_port(const struct shell_frame *frame)
{
	const struct dp_ingress *slot = dp_ingress_find(ingress, frame->ingress_ifindex);

	return slot ? slot->port : 0;
}

/* Is there a queue of AF_XDP sockets for this frame? Without one the engine is absent, whatever its budget. */
DP_INLINE int shell_has_queue(const struct shell_frame *frame, const struct dp_device *device)
{
	return frame->rx_queue_index < device->queue_count;
}

/* `bytes` of room more in front of the frame (less, when negative): 1 when done. */
DP_INLINE int shell_grow_front(struct shell_frame *frame, int bytes)
{
	return bytes == 0 || bpf_xdp_adjust_head(frame, -bytes) == 0;
}

/* Addresses, ports, TTL and the Ethernet header for the way out: 1 when done. */
DP_INLINE int shell_forward(struct shell_frame *frame, const struct dp_packet *packet,
			    const struct dp_flow_view *view, const struct dp_next_hop *hop, __u16 tag)
{
	return dp_forward(shell_data(frame), shell_end(frame), packet, view, hop, tag);
}

/* Out of `device`, by number. The redirect can still fail behind the program (ring full, device gone): the device's
 * statistics tell. */
DP_INLINE int shell_send(__u32 device)
{
	return (int)bpf_redirect_map(&tx_devices, device, XDP_DROP);
}

DP_INLINE __u32 shell_socket(const struct shell_frame *frame, const struct dp_device *device)
{
	return device->first_socket + frame->rx_queue_index;
}

/* Makes the frame ready for the engine: writes its metadata. DP_NONE, or the reason it cannot go there. */
DP_INLINE int shell_prepare_steer(struct shell_frame *frame, const struct dp_device *device,
				  const struct dp_packet *packet, int reason)
{
	struct dp_metadata *metadata;
	__u32 socket = shell_socket(frame, device);

	if (!shell_has_queue(frame, device) || !bpf_map_lookup_elem(&sockets, &socket))
		return DP_ENGINE_ABSENT;
	if (bpf_xdp_adjust_meta(frame, -(int)sizeof(*metadata)))
		return DP_NO_METADATA_ROOM;
	metadata = (struct dp_metadata *)(long)frame->data_meta;
	if ((void *)(metadata + 1) > (void *)(long)frame->data)
		return DP_NO_METADATA_ROOM;
	metadata->magic = DP_METADATA_MAGIC;
	metadata->reason = (__u8)reason;
	metadata->version = DP_LAYOUT_VERSION;
	metadata->port = packet->ingress;
	metadata->pad = 0;
	metadata->frame_bytes = packet->frame_bytes;
	return DP_NONE;
}

DP_INLINE int shell_steer(const struct shell_frame *frame, const struct dp_device *device)
{
	return (int)bpf_redirect_map(&sockets, shell_socket(frame, device), XDP_DROP);
}

DP_INLINE int shell_pass(void)
{
	return XDP_PASS;
}

DP_INLINE int shell_drop(void)
{
	return XDP_DROP;
}

#endif
