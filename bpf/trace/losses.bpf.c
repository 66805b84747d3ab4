/* losses.bpf.c - counts what the kernel loses behind the programs: packets that they have redirected, and that the egress
 * device or the socket of the engine did not take.
 *
 * Where    two tracepoints of the kernel. A redirect that is refused at once: the frame is longer than the device sends, its
 *          link is down, or no socket is bound. A bulk of frames at the end of a poll, of which the device has taken a part:
 *          its queue is full.
 * Whose    the first names the map of the redirect; for the second, the device must be one of this gateway's, in its network
 *          namespace. What a socket refuses because it is full, the engine reads from the socket's own statistics.
 * Cost     a bulk (up to 16 frames) that the device has taken whole costs a call and a comparison.
 * Needs    the kernel's type information (BTF): struct net_device is no stable interface.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <linux/errno.h>

#include "common/model/counters.h"
#include "common/model/device.h"
#include "common/model/limits.h"
#include "common/model/verdict.h"

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));
struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));
typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;
struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

/* set at load */
volatile const __u32 tx_devices_id, sockets_id; /* of the maps */
volatile const __u32 netns;                     /* inode number */

/* the gateway's own: user space puts them in */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DP_REASONS);
	__type(key, __u32);
	__type(value, struct dp_counter);
} reasons SEC(".maps");
struct dp_ingress ingress[DP_INGRESS_SLOTS] SEC(".data.ingress");

/* How long the packets were is not known here. */
static void count(__u32 reason, __u32 packets)
{
	struct dp_counter *counter = bpf_map_lookup_elem(&reasons, &reason);

	if (counter)
		counter->packets += packets;
}

/* (dev, program, target, err, map type, map id, index) */
SEC("raw_tp/xdp_redirect_err")
int twinpath_redirect_refused(struct bpf_raw_tracepoint_args *ctx)
{
	const int error = (int)ctx->args[3];
	const __u32 map = (__u32)ctx->args[5];

	if (map == tx_devices_id)
		count(DP_EGRESS_REFUSED, 1);
	else if (map == sockets_id && (error == -ENXIO || error == -EINVAL))
		count(DP_ENGINE_ABSENT, 1);
	return 0;
}

/* (from device, to device, sent, drops, err) */
SEC("raw_tp/xdp_devmap_xmit")
int twinpath_bulk_refused(struct bpf_raw_tracepoint_args *ctx)
{
	const int drops = (int)ctx->args[3];
	const struct net_device *device = (const struct net_device *)ctx->args[1];
	const struct dp_ingress *slot;

	if (drops <= 0)
		return 0;
	if (BPF_CORE_READ(device, nd_net.net, ns.inum) != netns)
		return 0;
	slot = dp_ingress_find(ingress, (__u32)BPF_CORE_READ(device, ifindex));
	if (slot && slot->device)
		count(DP_EGRESS_REFUSED, (__u32)drops);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
