/* ipv4.h - the IPv4 header with its options and all behind it; see parse.h.
 *
 * Source   RFC 791; RFC 1812 section 5.2.2 for the checks a router makes.
 */
#ifndef DP_PARSE_IPV4_H
#define DP_PARSE_IPV4_H

#include "../wire/checksum.h"
#include "fragment.h"
#include "transport.h"

/* The two loops below mask their position afresh in each step: so every step looks alike to the verifier, which then
 * follows a loop once instead of once per way through it. `options` .. `options + bytes` has been taken. */

/* From the last word to the first: a sum does not mind, and counting down needs no second number. */
DP_INLINE enum dp_reason dp_sum_options(const __u8 *options, __u32 bytes, const __u8 *end, __u64 *sum)
{
	__u32 at = bytes;

	for (__u32 i = 0; i < DP_IPV4_OPTION_WORDS_MAX; i++) {
		if (at < 4)
			break;
		at -= 4;
		DP_LAUNDER(at);
		at &= DP_IPV4_OPTION_MASK;
		if (!dp_within(options + at, 4, end))
			return DP_SHORT_L3;
		*sum += ((const struct dp_words *)(options + at))->word[0];
	}
	return DP_NONE;
}

DP_INLINE enum dp_reason dp_walk_options(const __u8 *options, __u32 bytes, const __u8 *end, struct dp_packet *packet)
{
	__u32 at = 0;

	for (__u32 i = 0; i < DP_IPV4_OPTION_BYTES_MAX; i++) {
		const __u8 *option;
		__u32 length;

		if (at >= bytes)
			break;
		DP_LAUNDER(at);
		at &= DP_IPV4_OPTION_MASK;
		option = options + at;
		if (!dp_within(option, 1, end))
			return DP_SHORT_L3;
		if (option[0] == DP_IPV4_OPTION_END)
			break;
		if (option[0] == DP_IPV4_OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 2 > bytes || !dp_within(option, 2, end))
			return DP_BAD_HEADER_LENGTH;
		length = option[1];
		if (length < 2 || length > bytes - at)
			return DP_BAD_HEADER_LENGTH;
		if (option[0] == DP_IPV4_OPTION_LOOSE_SOURCE_ROUTE || option[0] == DP_IPV4_OPTION_STRICT_SOURCE_ROUTE)
			packet->flags |= DP_PACKET_SOURCE_ROUTE;
		at += length;
	}
	return DP_NONE;
}

/* Checksum first: options of a damaged header mean nothing. */
DP_INLINE enum dp_reason dp_parse_options(struct dp_cursor *cur, const struct dp_ipv4 *ip,
					  __u32 bytes, struct dp_packet *packet)
{
	__u64 sum = dp_checksum_words(ip, DP_IPV4_BYTES / 4);
	const __u8 *options = dp_take(cur, bytes);
	enum dp_reason reason;

	if (!options)
		return DP_SHORT_L3;
	reason = dp_sum_options(options, bytes, cur->end, &sum);
	if (reason)
		return reason;
	if (dp_checksum_fold(sum) != 0xffff)
		return DP_BAD_HEADER_CHECKSUM;
	return dp_walk_options(options, bytes, cur->end, packet);
}

/* Length fields that contradict one another or the frame. */
DP_INLINE enum dp_reason dp_check_ipv4(const struct dp_ipv4 *ip, __u32 left)
{
	__u32 header_bytes = (ip->version_ihl & 0xf) * 4u;
	__u32 total = dp_ntohs(ip->total_length);

	if (ip->version_ihl >> 4 != 4)
		return DP_BAD_VERSION;
	if (header_bytes < sizeof(*ip))
		return DP_BAD_HEADER_LENGTH;
	if (header_bytes > left + sizeof(*ip))
		return DP_SHORT_L3;
	if (total < header_bytes || total > left + sizeof(*ip))
		return DP_BAD_TOTAL_LENGTH;
	return DP_NONE;
}

DP_INLINE enum dp_reason dp_parse_ipv4(struct dp_cursor *cur, struct dp_packet *packet)
{
	const struct dp_ipv4 *ip = (const struct dp_ipv4 *)dp_take(cur, sizeof(*ip));
	enum dp_reason reason;
	__u32 fragment, offset;

	if (!ip)
		return DP_SHORT_L3;
	reason = dp_check_ipv4(ip, cur->left);
	if (reason)
		return reason;
	dp_note_ipv4(packet, ip);
	cur->left = packet->l3_bytes - sizeof(*ip);
	reason = dp_parse_options(cur, ip, (ip->version_ihl & 0xf) * 4u - sizeof(*ip), packet);
	if (reason)
		return reason;
	fragment = dp_ntohs(ip->fragment);
	offset = (fragment & DP_IPV4_OFFSET_MASK) * 8;
	fragment &= DP_IPV4_MORE_FRAGMENTS;
	if (!fragment && !offset)
		return dp_parse_transport(cur, packet);
	reason = dp_note_fragment(packet, offset, fragment != 0, packet->l3_bytes, cur->left);
	if (reason || offset)
		return reason;
	return dp_parse_transport(cur, packet);
}

#endif
