/* traffic.h - counting the packets and bytes of one half: `recent` of its entry, `carried` of its cold element.
 *
 *                      packets        bytes
 *   recent   64 bits   bits 40-63     bits 0-39      added to by every packet, in one locked operation
 *   carried  32 bits   bits 13-31     bits 0-12      added to when the top bit of a field of `recent` is reached
 *
 * Why one  a locked addition costs as much as a third of the rest of a hit, and there is one for every packet; so both
 *          counts share a word. The packet whose addition reaches the top bit of a field carries.
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

/* So many packets more, below 2^22, with `bytes` in all, below 2^38. What was reached, for dp_traffic_carry; nearly
 * always 0. */
DP_INLINE __u64 dp_traffic_add(__u64 *recent, __u64 packets, __u64 bytes)
{
	__u64 more = packets * DP_TRAFFIC_PACKET + bytes;
	__u64 before = DP_FETCH_ADD(recent, more);

	return (before + more) & ~before & DP_TRAFFIC_CARRIES;
}

/* Moves what was reached from `recent` to `carried`. `carried` goes first: who reads in between sees the bit in `recent`
 * and looks again. */
DP_INLINE void dp_traffic_carry(__u64 *recent, __u32 *carried, __u64 reached)
{
	if (reached & DP_TRAFFIC_BYTES_CARRY)
		DP_ATOMIC_ADD(carried, 1);
	if (reached & DP_TRAFFIC_PACKETS_CARRY)
		DP_ATOMIC_ADD(carried, 1u << DP_TRAFFIC_CARRIED_BYTE_BITS);
	DP_ATOMIC_ADD(recent, -reached);
}

/* Both counts of one moment. */
DP_INLINE void dp_traffic_read(const __u64 *recent_word, const __u32 *carried_word, __u64 *packets, __u64 *bytes)
{
	__u32 carried = 0;
	__u64 recent = 0;

	for (int look = 0; look < DP_TRAFFIC_LOOKS; look++) {
		carried = DP_LOAD(carried_word);
		recent = DP_LOAD(recent_word);
		if (!(recent & DP_TRAFFIC_CARRIES) && carried == DP_LOAD(carried_word))
			break;
	}
	recent &= ~DP_TRAFFIC_CARRIES;
	*packets = (recent >> DP_TRAFFIC_BYTE_BITS) +
		   ((__u64)(carried >> DP_TRAFFIC_CARRIED_BYTE_BITS) << (63 - DP_TRAFFIC_BYTE_BITS));
	*bytes = (recent & (DP_TRAFFIC_BYTES_CARRY - 1)) +
		 ((__u64)(carried & ((1u << DP_TRAFFIC_CARRIED_BYTE_BITS) - 1)) << (DP_TRAFFIC_BYTE_BITS - 1));
}

#endif
