/* device.h - Linux's network device that an XDP program sits on, as the datapaths see it. Index: device number,
 * 1..DP_DEVICES_MAX - 1.
 *
 * Owns     the range of AF_XDP sockets in `sockets`, and under its number the slot of `tx_devices` that packets leave by.
 * Ports    name their device (port.h): the untagged port, and one for each VLAN device on it. So there may be more ports
 *          than devices, and a device without an untagged port.
 * Writer   control plane. Not banked: it comes from Linux, not from the configuration. Numbers stay with the device's name,
 *          because next hops hold them.
 */
#ifndef DP_DEVICE_H
#define DP_DEVICE_H

#include "limits.h"
#include "../target.h"

enum dp_device_flag {
	DP_DEVICE_PRESENT = 1 << 0,
	DP_DEVICE_VLANS = 1 << 1, /* VLAN devices on this one are ports: look tags up */
};

struct dp_device {
	__u32 ifindex;
	__u16 first_socket; /* index in `sockets` of queue 0 */
	__u16 queue_count;
	__u16 flags; /* enum dp_device_flag */
	__u16 pad;
	__u32 pad2;
};
DP_STATIC_ASSERT(sizeof(struct dp_device) == 16, "a quarter of a cache line");

/* From ifindex to device, and to its untagged port at the same time: one load for a frame without a tag. DP_INGRESS_SLOTS
 * entries, searched from ifindex % slots, DP_INGRESS_PROBES at most. Cheaper than a hash map, and every program instance
 * can be the same. Linux counts ifindexes up, so nearly all of them lie in their first slot. */
enum { DP_INGRESS_SLOTS = 4 * DP_DEVICES_MAX, DP_INGRESS_PROBES = 8 };

struct dp_ingress {
	__u32 ifindex; /* 0: free, and the end of a search */
	__u16 device;  /* 0: none any more; the slot may be given to another */
	__u16 port;    /* of frames without a tag; 0: none */
};
DP_STATIC_ASSERT(sizeof(struct dp_ingress) == 8, "one word");

DP_INLINE __u32 dp_ingress_slot(__u32 ifindex, __u32 probe)
{
	return (ifindex + probe) & (DP_INGRESS_SLOTS - 1);
}

/* The slot of a device; NULL when it is none of the gateway's. */
DP_INLINE const struct dp_ingress *dp_ingress_find(const struct dp_ingress *slots, __u32 ifindex)
{
	const struct dp_ingress *slot;
	__u32 probe;

	DP_UNROLL
	for (probe = 0; probe < DP_INGRESS_PROBES; probe++) {
		slot = &slots[dp_ingress_slot(ifindex, probe)];
		if (slot->ifindex == 0)
			return 0;
		if (slot->ifindex == ifindex)
			return slot;
	}
	return 0;
}

/* Hash map `vlan_ports`: tags of a frame that came in by a device → port. */
struct dp_vlan_key {
	__u16 device;
	__u16 vlan;
	__u16 inner_vlan; /* 0 when single-tagged */
	__u16 pad;
};
DP_STATIC_ASSERT(sizeof(struct dp_vlan_key) == 8, "no hidden padding");

#endif
