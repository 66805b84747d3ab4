/* fragment.h - what the two fragment fields have in common; see parse.h.
 *
 * Source   RFC 791 section 3.2, RFC 8200 section 4.5, RFC 1858, RFC 3128.
 */
#ifndef DP_PARSE_FRAGMENT_H
#define DP_PARSE_FRAGMENT_H

#include "facts.h"

/* `offset` in bytes, `datagram_bytes` what the headers repeated in each fragment add to it, `payload` behind the IP or
 * fragment header. A TCP fragment at offset 8 would overwrite the flags that were judged (RFC 1858, RFC 3128). */
DP_INLINE enum dp_reason dp_note_fragment(struct dp_packet *packet, __u32 offset, int more,
					  __u32 datagram_bytes, __u32 payload)
{
	packet->flags |= DP_PACKET_FRAGMENT;
	if (offset == 0)
		packet->flags |= DP_PACKET_FIRST_FRAGMENT;
	if (offset + datagram_bytes > DP_IP_BYTES_MAX)
		return DP_BAD_FRAGMENT;
	if (more && payload % 8 != 0)
		return DP_BAD_FRAGMENT;
	if (offset == 8 && packet->protocol == DP_PROTOCOL_TCP)
		return DP_BAD_FRAGMENT;
	return DP_NONE;
}

DP_INLINE int dp_is_later_fragment(const struct dp_packet *packet)
{
	return (packet->flags & (DP_PACKET_FRAGMENT | DP_PACKET_FIRST_FRAGMENT)) == DP_PACKET_FRAGMENT;
}

#endif
