/* hit4.h - the plain hit of IPv4; see hit.h. */
#ifndef DP_HIT4_H
#define DP_HIT4_H

#include "hit_words.h"

/* Where words lie in the frame. */
enum {
	DP_HIT4_HEAD = offsetof(struct dp_ethernet, type), /* EtherType, version and header length, service */
	DP_HIT4_L3 = sizeof(struct dp_ethernet),
	DP_HIT4_LENGTH = DP_HIT4_L3 + offsetof(struct dp_ipv4, total_length),
	DP_HIT4_FRAGMENT = DP_HIT4_L3 + offsetof(struct dp_ipv4, fragment),
	DP_HIT4_TTL = DP_HIT4_L3 + offsetof(struct dp_ipv4, ttl), /* TTL, protocol, check */
	DP_HIT4_ADDRESSES = DP_HIT4_L3 + offsetof(struct dp_ipv4, source),
	DP_HIT4_L4 = DP_HIT4_L3 + sizeof(struct dp_ipv4),
};

/* EtherType, version and header length of a head whose service counts for nothing. */
#define DP_HIT4_PLAIN_HEAD ((__u32)dp_htons(DP_ETHERTYPE_IPV4) | DP_IPV4_PLAIN << 16)
#define DP_HIT4_HEAD_MASK 0x00ffffffu

/* Sum of the header, its check included. */
DP_INLINE __u64 dp_hit4_sum(const __u8 *frame, __u64 addresses)
{
	return (__u64)dp_load32(frame + DP_HIT4_L3) + dp_load32(frame + DP_HIT4_L3 + 4) +
	       dp_load32(frame + DP_HIT4_TTL) + (__u32)addresses + (addresses >> 32);
}

/* The key, for the frames that dp_parse_plain4 reads: DP_HIT_FORWARD. Otherwise the verdict. */
DP_INLINE enum dp_hit_verdict dp_hit4_read(const __u8 *frame, const __u8 *end, __u32 frame_bytes,
					   const struct dp_port *port, struct dp_flow_words4 *words,
					   struct dp_hit *hit)
{
	__u64 addresses = dp_load64(frame + DP_HIT4_ADDRESSES);
	__u32 ttl_word = dp_load32(frame + DP_HIT4_TTL);
	enum dp_hit_verdict verdict;

	if ((dp_load32(frame + DP_HIT4_HEAD) & DP_HIT4_HEAD_MASK) != DP_HIT4_PLAIN_HEAD)
		return DP_HIT_ODD;
	hit->l3_bytes = dp_ntohs(dp_load16(frame + DP_HIT4_LENGTH));
	if (hit->l3_bytes < sizeof(struct dp_ipv4) + sizeof(struct dp_udp) ||
	    hit->l3_bytes > frame_bytes - DP_ETHERNET_BYTES)
		return DP_HIT_ODD;
	if (dp_load16(frame + DP_HIT4_FRAGMENT) & dp_htons(DP_IPV4_MORE_FRAGMENTS | DP_IPV4_OFFSET_MASK))
		return DP_HIT_ODD;
	if (!dp_checksum_right(dp_hit4_sum(frame, addresses)) || (__u32)addresses == addresses >> 32)
		return DP_HIT_ODD;
	hit->protocol = (__u8)(ttl_word >> 8);
	verdict = dp_hit_transport(frame + DP_HIT4_L4, end, hit->l3_bytes - DP_IPV4_BYTES, hit);
	if (verdict != DP_HIT_FORWARD)
		return verdict;
	words->word[0] = addresses;
	words->word[1] = dp_hit_ports_word(frame + DP_HIT4_L4, hit->protocol, port);
	return (ttl_word & 0xff) <= 1 ? DP_HIT_NOT : DP_HIT_FORWARD;
}

/* Everything a hit needs, in the entry's one line. */
DP_INLINE void dp_hit4_copy(const struct dp_flow_entry4 *entry, struct dp_hit *hit)
{
	hit->link = DP_LOAD(&entry->link);
	hit->route = DP_LOAD((const dp_flow_word *)&entry->stamp);
	hit->delta = DP_LOAD(&entry->key.delta);
	hit->delta_ports = DP_LOAD(&entry->delta_ports);
	hit->new_addresses[0] = DP_LOAD((const dp_flow_word *)&entry->new_source);
	hit->new_ports = DP_LOAD((const dp_flow_ports_word *)&entry->new_source_port);
}

DP_INLINE enum dp_hit_verdict dp_hit4(struct dp_env *env, const struct dp_settings *settings,
				      const __u8 *frame, const __u8 *end, __u32 frame_bytes,
				      const struct dp_port *port, __u32 number, struct dp_hit *hit)
{
	struct dp_flow_words4 words;
	struct dp_flow_found4 found;
	enum dp_hit_verdict verdict = dp_hit4_read(frame, end, frame_bytes, port, &words, hit);

	if (verdict != DP_HIT_FORWARD)
		return verdict;
	if (!dp_flow_locate4(env, &words, &found))
		return DP_HIT_ABSENT;
	dp_hit4_copy(found.entry, hit);
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	hit->family = DP_FAMILY_V4;
	hit->entry.v4 = found.entry;
	hit->slot = found.slot;
	hit->control = found.control;
	if (DP_LOAD(found.word) != found.control)
		return DP_HIT_FOUND;
	return dp_hit_judge(env, settings, port, number, hit);
}

/* A TTL of one less makes the sum of the header less by one. */
enum { DP_HIT4_TTL_DELTA = 0xfffe };

/* Behind DP_HIT_FORWARD: the frame as it leaves. 0: a defect. */
DP_INLINE int dp_hit4_forward(__u8 *frame, const __u8 *end, const struct dp_hit *hit)
{
	__u32 ttl_word = dp_load32(frame + DP_HIT4_TTL), delta = DP_HIT4_TTL_DELTA, check;

	if (hit->link & DP_FLOW_REWRITE) {
		if (!dp_hit_translate(frame + DP_HIT4_L4, end, hit))
			return 0;
		dp_store64(frame + DP_HIT4_ADDRESSES, hit->new_addresses[0]);
		delta += hit->delta;
	}
	check = dp_checksum_update((__u16)(ttl_word >> 16), delta);
	dp_store32(frame + DP_HIT4_TTL, ((ttl_word & 0xffff) - 1) | check << 16);
	dp_hit_write_macs(frame, hit);
	return 1;
}

#endif
