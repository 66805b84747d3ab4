/* station.h - is a frame to one of a port's further MAC addresses?
 *
 * Parsing knows the port's own address alone. A reader of frames asks here behind it, with the port that the frame belongs
 * to. A frame to a further address is never a plain hit: it takes the whole decision, and is forwarded like any other.
 * Source   RFC 5798 section 7.3: a virtual router takes frames to its own MAC address.
 */
#ifndef DP_STATION_H
#define DP_STATION_H

#include "../env.h"
#include "../wire/ethernet.h"

/* `destination`: six bytes that can be read. */
DP_INLINE void dp_find_station(struct dp_env *env, const struct dp_port *port,
			       const __u8 *destination, struct dp_packet *packet)
{
	const struct dp_port_macs *macs;
	__u64 wanted;
	__u32 i;

	if (packet->flags & (DP_PACKET_TO_US | DP_PACKET_LINK_GROUP) || !(port->flags & DP_PORT_MACS))
		return;
	macs = dp_env_port_macs(env, packet->ingress);
	if (!macs)
		return;
	wanted = dp_mac_word(destination);
	for (i = 0; i < DP_PORT_MACS_MAX; i++) {
		if (wanted && DP_LOAD(&macs->mac[i]) == wanted)
			packet->flags |= DP_PACKET_TO_US;
	}
}

#endif
