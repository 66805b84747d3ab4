/* transmit.bpf.c - sends what the engine has put into the slots, one packet per run.
 *
 * User space runs it as many times as there are packets, by one BPF_PROG_TEST_RUN with live frames: the kernel makes an
 * empty frame each time, this program fills it and redirects it to its device. For a burst that costs less than half of what
 * AF_XDP does in copy mode, where every packet becomes an skb (bench/README.md).
 */
#include <linux/if_ether.h>

#include "common/model/limits.h"
#include "common/model/transmit.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DP_TRANSMIT_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dp_transmit_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dp_transmit_arena);
} arena SEC(".maps");

/* the gateway's own: user space puts it in */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, DP_DEVICES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} tx_devices SEC(".maps");

__u32 next_slot; /* set to 0 by user space before each burst; one burst at a time */

SEC("xdp")
int twinpath_transmit(struct xdp_md *ctx)
{
	__u32 index = next_slot, first = 0, offset, bytes;
	const struct dp_transmit_slot *slot = bpf_map_lookup_elem(&slots, &index);
	struct dp_transmit_arena *packets = bpf_map_lookup_elem(&arena, &first);

	if (!slot || !packets)
		return XDP_ABORTED;
	next_slot = index + 1;
	offset = slot->offset;
	bytes = slot->bytes;
	if (offset > DP_TRANSMIT_BYTES - DP_TRANSMIT_PACKET_MAX)
		return XDP_ABORTED;
	/* "less than", because from "not 0" the verifier of 6.1 draws no lower bound; no shorter frame can be made anyway */
	if (bytes < ETH_HLEN || bytes > DP_TRANSMIT_PACKET_MAX)
		return XDP_ABORTED;
	if (bpf_xdp_adjust_tail(ctx, (int)bytes - (int)bpf_xdp_get_buff_len(ctx)) != 0)
		return XDP_ABORTED;
	if (bpf_xdp_store_bytes(ctx, 0, packets->bytes + offset, bytes) != 0)
		return XDP_ABORTED;
	return bpf_redirect_map(&tx_devices, slot->device, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
