/* traffic.h - counting the packets and bytes of one half: `recent` of its entry, `carried` of its cold element.
 *
 *                      packets        bytes
 *   recent   64 bits   bits 40-63     bits 0-39      added to by every packet, in one locked operation
 *   carried  32 bits   bits 13-31     bits 0-12      how often the top bit of a field of `recent` has changed
 *
 * Why one  a locked addition costs as much as a third of the rest of a hit, and there is one for every packet; so both
 *          counts share a word. The packet whose addition changes the top bit of a field carries: adds 1 to `carried`.
 * Overflow nothing is ever taken off `recent`, which is packets × 2^40 + bytes, modulo 2^64. So its upper field is the
 *          packets and one more for each 2^40 bytes, which are known.
 * Reading  The top bit is the lowest bit of the number of its changes. Where `carried` disagrees with it, a carry is still
 *          on its way, of a writer that was interrupted for however long, and is added by the reader. So every reading
 *          is exact for the moment in which `recent` is read, and none is below an earlier one.
 * Writers  any number at once; every packet is counted exactly once. At most one carry of a field is on its way: the next
 *          one would have to be 2^23 packets behind it.
 */
#ifndef DP_FLOW_TRAFFIC_H
#define DP_FLOW_TRAFFIC_H

#include "../model/flow.h"

#define DP_TRAFFIC_PACKET (1ull << DP_TRAFFIC_BYTE_BITS)
#define DP_TRAFFIC_BYTES_CARRY (1ull << (DP_TRAFFIC_BYTE_BITS - 1))
#define DP_TRAFFIC_PACKETS_CARRY (1ull << 63)
#define DP_TRAFFIC_CARRIES (DP_TRAFFIC_BYTES_CARRY | DP_TRAFFIC_PACKETS_CARRY)

#define DP_TRAFFIC_CARRIED_PACKET (1u << DP_TRAFFIC_CARRIED_BYTE_BITS)
#define DP_TRAFFIC_CARRIED_BYTES (DP_TRAFFIC_CARRIED_PACKET - 1)

enum { DP_TRAFFIC_LOOKS = 64 };

/* So many packets more, below 2^22, with `bytes` in all, below 2^38. What has changed, for dp_traffic_carry; nearly
 * always 0. */
DP_INLINE __u64 dp_traffic_add(__u64 *recent, __u64 packets, __u64 bytes)
{
	__u64 more = packets * DP_TRAFFIC_PACKET + bytes;
	__u64 before = DP_FETCH_ADD(recent, more);

	return ((before + more) ^ before) & DP_TRAFFIC_CARRIES;
}

/* The lower field begins anew without a trace in the upper one. */
DP_INLINE void dp_traffic_carry(__u32 *carried, __u64 changed)
{
	if (changed & DP_TRAFFIC_BYTES_CARRY &&
	    (DP_FETCH_ADD(carried, 1) & DP_TRAFFIC_CARRIED_BYTES) == DP_TRAFFIC_CARRIED_BYTES)
		DP_ATOMIC_ADD(carried, -DP_TRAFFIC_CARRIED_PACKET);
	if (changed & DP_TRAFFIC_PACKETS_CARRY)
		DP_ATOMIC_ADD(carried, DP_TRAFFIC_CARRIED_PACKET);
}

/* The number of changes of a top bit that is `bit` now, when `noted` of them have been carried. */
DP_INLINE __u64 dp_traffic_changes(__u64 noted, __u64 bit)
{
	return noted + ((noted ^ bit) & 1);
}

/* Both counts, of words that belong together. */
DP_INLINE void dp_traffic_of(__u64 recent, __u32 carried, __u64 *packets, __u64 *bytes)
{
	__u64 byte_changes = dp_traffic_changes(carried & DP_TRAFFIC_CARRIED_BYTES,
						recent >> (DP_TRAFFIC_BYTE_BITS - 1) & 1);
	__u64 packet_changes = dp_traffic_changes(carried >> DP_TRAFFIC_CARRIED_BYTE_BITS, recent >> 63);

	*bytes = (byte_changes << (DP_TRAFFIC_BYTE_BITS - 1)) + (recent & (DP_TRAFFIC_BYTES_CARRY - 1));
	*packets = (packet_changes << (63 - DP_TRAFFIC_BYTE_BITS)) +
		   (recent >> DP_TRAFFIC_BYTE_BITS & ((DP_TRAFFIC_PACKETS_CARRY >> DP_TRAFFIC_BYTE_BITS) - 1)) -
		   (byte_changes >> 1);
}

/* Both counts of one moment. */
DP_INLINE void dp_traffic_read(const __u64 *recent_word, const __u32 *carried_word, __u64 *packets, __u64 *bytes)
{
	__u32 carried = 0;
	__u64 recent = 0;

	/* both words belong together when `carried` is the same before and behind; a second look nearly always finds that */
	for (int look = 0; look < DP_TRAFFIC_LOOKS; look++) {
		carried = DP_LOAD(carried_word);
		DP_COMPILER_BARRIER(); /* arm64: load barrier */
		recent = DP_LOAD(recent_word);
		DP_COMPILER_BARRIER(); /* arm64: load barrier */
		if (carried == DP_LOAD(carried_word))
			break;
	}
	dp_traffic_of(recent, carried, packets, bytes);
}

#endif
