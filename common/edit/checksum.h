/* checksum.h - the checksum of a transport header: what a change of addresses adds to it, and all of it anew.
 *
 * Arithmetic, terms and byte order: wire/checksum.h.
 * Source   RFC 9293 section 3.1, RFC 768, RFC 792, RFC 4443 section 2.3.
 */
#ifndef DP_CHECKSUM_H
#define DP_CHECKSUM_H

#include "../model/packet.h"
#include "../parse/cursor.h"
#include "../wire/checksum.h"
#include "../wire/icmp.h"
#include "../wire/ipv4.h"
#include "../wire/tcp.h"
#include "../wire/udp.h"

/* IPv4 addresses too: their other words are zero before and after. */
DP_INLINE __u64 dp_checksum_delta_address(const struct dp_address *before, const struct dp_address *after)
{
	return dp_checksum_delta32(before->word[0], after->word[0]) +
	       dp_checksum_delta32(before->word[1], after->word[1]) +
	       dp_checksum_delta32(before->word[2], after->word[2]) +
	       dp_checksum_delta32(before->word[3], after->word[3]);
}

enum {
	DP_CHECKSUM_CHUNK = 32,
	DP_CHECKSUM_CHUNKS_MAX = 288,
	DP_CHECKSUM_BYTES_MAX = DP_CHECKSUM_CHUNK * DP_CHECKSUM_CHUNKS_MAX, /* 9216: a jumbo frame */
	DP_CHECKSUM_OFFSET_MASK = 0x3fff, /* first power of two above it, for the verifier */
};

/* The last `bytes` < 32 of a range. */
DP_INLINE int dp_checksum_tail(const __u8 *pos, const __u8 *end, __u32 bytes, __u64 *sum)
{
	__u8 last[2] = { 0, 0 };
	__u16 value;

	for (__u32 i = 0; i < DP_CHECKSUM_CHUNK / 2; i++) {
		if (bytes < 2)
			break;
		if (!dp_within(pos, 2, end))
			return 0;
		*sum += ((const struct dp_half *)pos)->value;
		pos += 2;
		bytes -= 2;
	}
	if (bytes == 0)
		return 1;
	if (!dp_within(pos, 1, end))
		return 0;
	last[0] = *pos; /* padded with a zero behind it, whatever the byte order */
	__builtin_memcpy(&value, last, sizeof(value));
	*sum += value;
	return 1;
}

/* Adds the `bytes` from `pos` on to `sum`. Returns 0 when they are more than DP_CHECKSUM_BYTES_MAX or lie beyond `end`.
 * 32-bit loads into a 64-bit sum: no carry to look after, so no branch per word, which the verifier would follow. The
 * tail starts from a recomputed address, so that the verifier takes all ends of the loop for one. */
DP_INLINE int dp_checksum_range(const __u8 *pos, const __u8 *end, __u32 bytes, __u64 *sum)
{
	const __u8 *chunk = pos;
	__u64 total = *sum;
	__u32 chunks = bytes / DP_CHECKSUM_CHUNK;
	__u32 done = chunks * DP_CHECKSUM_CHUNK;

	if (bytes > DP_CHECKSUM_BYTES_MAX)
		return 0;
	for (__u32 i = 0; i < DP_CHECKSUM_CHUNKS_MAX; i++) {
		if (i >= chunks)
			break;
		if (!dp_within(chunk, DP_CHECKSUM_CHUNK, end))
			return 0;
		total += dp_checksum_words(chunk, DP_CHECKSUM_CHUNK / 4);
		chunk += DP_CHECKSUM_CHUNK;
	}
	*sum = total;
	DP_LAUNDER(done);
	done &= DP_CHECKSUM_OFFSET_MASK;
	return dp_checksum_tail(pos + done, end, bytes % DP_CHECKSUM_CHUNK, sum);
}

/* Sum of the pseudo header: RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1. One formula for both families, since
 * the unused words of an IPv4 address are zero. */
DP_INLINE __u64 dp_checksum_pseudo(const struct dp_packet *packet, __u32 l4_bytes)
{
	__u64 sum = (__u64)dp_htonl(l4_bytes) + dp_htonl(packet->protocol);

	DP_UNROLL
	for (__u32 i = 0; i < 4; i++)
		sum += (__u64)packet->source.word[i] + packet->destination.word[i];
	return sum;
}

/* Where the check stands in the transport header; 0 for protocols whose check is not ours to know. */
DP_INLINE __u32 dp_checksum_offset(const struct dp_packet *packet)
{
	if (packet->protocol == DP_PROTOCOL_TCP)
		return DP_TCP_CHECK_AT;
	if (packet->protocol == DP_PROTOCOL_UDP)
		return DP_UDP_CHECK_AT;
	if (packet->family == DP_FAMILY_V4 && packet->protocol == DP_PROTOCOL_ICMP)
		return DP_ICMP_CHECK_AT;
	if (packet->family == DP_FAMILY_V6 && packet->protocol == DP_PROTOCOL_ICMPV6)
		return DP_ICMP_CHECK_AT;
	return 0;
}

/* Recomputes the TCP, UDP, ICMP or ICMPv6 checksum of a parsed frame from all of its bytes: for frames of local
 * workloads, whose sender may have left the checksum to a device that does not exist. Call it before any rewrite.
 * Left alone: fragments (a stack finishes the checksum before it fragments), UDP without checksum, other protocols.
 * Returns 0, with the frame unchanged, when the packet is longer than DP_CHECKSUM_BYTES_MAX or not all of it lies
 * before `end`. */
DP_INLINE int dp_checksum_l4(void *frame, void *end, const struct dp_packet *packet)
{
	__u32 check_at = dp_checksum_offset(packet);
	__u32 offset = packet->l4_offset;
	__u32 bytes = packet->l3_bytes - (offset - packet->l3_offset);
	__u8 *l4, *limit = (__u8 *)end;
	struct dp_half *check;
	__u64 sum = 0;
	__u16 value;

	if (check_at == 0 || offset == 0 || (packet->flags & DP_PACKET_FRAGMENT))
		return 1;
	DP_LAUNDER(offset);
	offset &= DP_L4_OFFSET_MASK;
	l4 = (__u8 *)frame + offset;
	if (l4 + DP_UDP_BYTES > limit)
		return 0;
	if (packet->protocol == DP_PROTOCOL_UDP) {
		bytes = dp_ntohs(((const struct dp_udp *)l4)->length);
		if (((const struct dp_udp *)l4)->checksum == 0)
			return 1;
	}
	if (packet->protocol != DP_PROTOCOL_ICMP)
		sum = dp_checksum_pseudo(packet, bytes);
	check = (struct dp_half *)(l4 + check_at);
	if ((__u8 *)(check + 1) > limit)
		return 0;
	sum += (__u16)~check->value; /* takes the old value out of the sum: a word and its complement are zero */
	if (!dp_checksum_range(l4, limit, bytes, &sum))
		return 0;
	value = (__u16)~dp_checksum_fold(sum);
	if (value == 0 && packet->protocol == DP_PROTOCOL_UDP)
		value = 0xffff;
	check->value = value;
	return 1;
}

#endif
