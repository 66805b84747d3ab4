/* traffic.h - counting the packets and bytes of one half (struct dp_flow_traffic, model/flow.h).
 *
 * Why one  a locked addition costs as much as a third of the rest of a hit, and there is one for every packet; so both
 *          counts share a word. When the upper half of either field is reached, the packet that reached it carries.
 * Writers  any number at once; every packet is counted exactly once. At most one writer carries a field at a time:
 *          the next one would have to be 2^23 packets behind it.
 * Reading  a carry in progress, some nanoseconds every 2^23 packets, is waited for, for a bounded number of looks.
 */
#ifndef DP_FLOW_TRAFFIC_H
#define DP_FLOW_TRAFFIC_H

#include "../model/flow.h"

#define DP_TRAFFIC_PACKET (1ull << DP_TRAFFIC_BYTE_BITS)
#define DP_TRAFFIC_BYTES_CARRY (1ull << (DP_TRAFFIC_BYTE_BITS - 1))
#define DP_TRAFFIC_PACKETS_CARRY (1ull << 63)
#define DP_TRAFFIC_CARRIES (DP_TRAFFIC_BYTES_CARRY | DP_TRAFFIC_PACKETS_CARRY)

enum { DP_TRAFFIC_LOOKS = 64 };

/* Takes what was reached out of `recent`. The high word goes first: who reads in between sees the bit and looks again. */
DP_INLINE void dp_traffic_carry(struct dp_flow_traffic *traffic, __u64 reached)
{
	if (reached & DP_TRAFFIC_BYTES_CARRY)
		DP_ATOMIC_ADD(&traffic->bytes_high, 1);
	if (reached & DP_TRAFFIC_PACKETS_CARRY)
		DP_ATOMIC_ADD(&traffic->packets_high, 1);
	DP_ATOMIC_ADD(&traffic->recent, -reached);
}

/* So many packets more, below 2^22, with `bytes` in all, below 2^38. */
DP_INLINE void dp_traffic_add(struct dp_flow_traffic *traffic, __u64 packets, __u64 bytes)
{
	__u64 more = packets * DP_TRAFFIC_PACKET + bytes;
	__u64 before = DP_FETCH_ADD(&traffic->recent, more);
	__u64 reached = (before + more) & ~before & DP_TRAFFIC_CARRIES;

	if (reached)
		dp_traffic_carry(traffic, reached);
}

DP_INLINE void dp_traffic_clear(struct dp_flow_traffic *traffic)
{
	traffic->recent = 0;
	traffic->packets_high = 0;
	traffic->bytes_high = 0;
}

/* Both counts of one moment. `bytes_high` is a sequence number on a half with DP_FLOW_SEQUENCE: the caller, who has read
 * the flags, says whether it counts. */
DP_INLINE void dp_traffic_read(const struct dp_flow_traffic *traffic, int bytes_high_counts,
			       __u64 *packets, __u64 *bytes)
{
	__u32 packets_high = 0, bytes_high = 0;
	__u64 recent = 0;

	for (int look = 0; look < DP_TRAFFIC_LOOKS; look++) {
		packets_high = DP_LOAD(&traffic->packets_high);
		bytes_high = DP_LOAD(&traffic->bytes_high);
		recent = DP_LOAD(&traffic->recent);
		if (!(recent & DP_TRAFFIC_CARRIES) && packets_high == DP_LOAD(&traffic->packets_high) &&
		    bytes_high == DP_LOAD(&traffic->bytes_high))
			break;
	}
	recent &= ~DP_TRAFFIC_CARRIES;
	*packets = (recent >> DP_TRAFFIC_BYTE_BITS) + ((__u64)packets_high << (63 - DP_TRAFFIC_BYTE_BITS));
	*bytes = recent & (DP_TRAFFIC_BYTES_CARRY - 1);
	if (bytes_high_counts)
		*bytes += (__u64)bytes_high << (DP_TRAFFIC_BYTE_BITS - 1);
}

#endif
