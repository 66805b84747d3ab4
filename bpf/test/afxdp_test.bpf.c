/* afxdp_test.bpf.c - for tests of the AF_XDP driver only: a generator, a steerer that sends
 * everything to sockets, and a sink, each counting what it saw.
 *
 * Packet   Ethernet, IPv4, UDP, then a 64-bit sequence number. The sink adds the numbers up, so
 *          that a frame sent twice or with another's content shows even when the count is right.
 */
#include "common/target.h"

#include <linux/if_ether.h>

enum {
	SEQUENCE_OFFSET = 42,
	PACKET_BYTES = 60,
	METADATA_BYTES = 32,
	METADATA_MARK = 0x5eed,
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

__u32 generator_ifindex; /* where generated packets go out */
__u32 second_ifindex;    /* the device of socket 1; any other is socket 0's */

__u64 generated;
__u64 steered[2];
__u64 sunk;
__u64 sunk_sequence_sum;
__u64 sunk_unswapped; /* packets whose addresses nobody swapped */

/* The Ethernet header, when it is our packet's. */
DP_INLINE struct ethhdr *own_packet(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)ethernet + PACKET_BYTES > end)
		return NULL;
	return ethernet->h_proto == bpf_htons(ETH_P_IP) ? ethernet : NULL;
}

DP_INLINE __u64 *sequence_of(struct ethhdr *ethernet)
{
	return (__u64 *)((__u8 *)ethernet + SEQUENCE_OFFSET);
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = own_packet(ctx);

	if (!ethernet)
		return XDP_ABORTED;
	*sequence_of(ethernet) = __sync_fetch_and_add(&generated, 1);
	return bpf_redirect(generator_ifindex, 0);
}

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	__u32 socket = ctx->ingress_ifindex == second_ifindex;
	__u32 *metadata;

	if (!own_packet(ctx))
		return XDP_DROP;
	if (bpf_xdp_adjust_meta(ctx, -METADATA_BYTES))
		return XDP_ABORTED;
	metadata = (void *)(long)ctx->data_meta;
	if ((void *)metadata + METADATA_BYTES > (void *)(long)ctx->data)
		return XDP_ABORTED;
	metadata[0] = METADATA_MARK;
	metadata[7] = METADATA_MARK;
	__sync_fetch_and_add(&steered[socket], 1);
	return bpf_redirect_map(&sockets, socket, XDP_DROP);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct ethhdr *ethernet = own_packet(ctx);

	if (!ethernet)
		return XDP_DROP;
	if (ethernet->h_dest[5] != 1) /* the generator's own address ends in 1 */
		__sync_fetch_and_add(&sunk_unswapped, 1);
	__sync_fetch_and_add(&sunk_sequence_sum, *sequence_of(ethernet));
	__sync_fetch_and_add(&sunk, 1);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
