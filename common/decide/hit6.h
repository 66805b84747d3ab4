/* hit6.h - the plain hit of IPv6; see hit.h. */
#ifndef DP_HIT6_H
#define DP_HIT6_H

#include "hit_words.h"

/* Where words lie in the frame. */
enum {
	DP_HIT6_HEAD = offsetof(struct dp_ethernet, type), /* EtherType, version, class, and of the flow label four bits */
	DP_HIT6_L3 = sizeof(struct dp_ethernet),
	DP_HIT6_LENGTH = DP_HIT6_L3 + offsetof(struct dp_ipv6, payload_length),
	DP_HIT6_NEXT = DP_HIT6_L3 + offsetof(struct dp_ipv6, next_header), /* next header, hop limit */
	DP_HIT6_ADDRESSES = DP_HIT6_L3 + offsetof(struct dp_ipv6, source),
	DP_HIT6_L4 = DP_HIT6_L3 + sizeof(struct dp_ipv6),
};

/* EtherType and version of a head. */
#define DP_HIT6_PLAIN_HEAD ((__u32)dp_htons(DP_ETHERTYPE_IPV6) | 0x60u << 16)
#define DP_HIT6_HEAD_MASK 0x00f0ffffu

/* The key, for the frames that dp_parse_plain6 reads: DP_HIT_FORWARD. Otherwise the verdict. */
DP_INLINE enum dp_hit_verdict dp_hit6_read(const __u8 *frame, const __u8 *end, __u32 frame_bytes,
					   const struct dp_port *port, struct dp_flow_words6 *words,
					   struct dp_hit *hit)
{
	enum dp_hit_verdict verdict;
	__u32 payload, next;

	if (frame + DP_HIT6_L4 + DP_UDP_BYTES > end ||
	    (dp_load32(frame + DP_HIT6_HEAD) & DP_HIT6_HEAD_MASK) != DP_HIT6_PLAIN_HEAD)
		return DP_HIT_ODD;
	payload = dp_ntohs(dp_load16(frame + DP_HIT6_LENGTH));
	if (payload < DP_UDP_BYTES || payload > frame_bytes - DP_HIT6_L4 ||
	    payload > DP_IP_BYTES_MAX - sizeof(struct dp_ipv6))
		return DP_HIT_ODD;
	hit->l3_bytes = payload + DP_IPV6_BYTES;
	next = dp_load16(frame + DP_HIT6_NEXT);
	hit->protocol = (__u8)next;
	verdict = dp_hit_transport(frame + DP_HIT6_L4, end, payload, hit);
	if (verdict != DP_HIT_FORWARD)
		return verdict;
	DP_UNROLL
	for (int i = 0; i < 4; i++)
		words->word[i] = dp_load64(frame + DP_HIT6_ADDRESSES + 8 * i);
	if (((words->word[0] ^ words->word[2]) | (words->word[1] ^ words->word[3])) == 0)
		return DP_HIT_ODD;
	words->word[4] = dp_hit_ports_word(frame + DP_HIT6_L4, hit->protocol, port);
	return next >> 8 <= 1 ? DP_HIT_NOT : DP_HIT_FORWARD;
}

/* Without translation, which the link word says, a hit does not touch the second line. */
DP_INLINE void dp_hit6_copy(const struct dp_flow_entry6 *entry, struct dp_hit *hit)
{
	hit->link = DP_LOAD(&entry->link);
	hit->route = DP_LOAD((const dp_flow_word *)&entry->stamp);
	if (!(hit->link & DP_FLOW_REWRITE))
		return;
	hit->delta = DP_LOAD(&entry->key.delta);
	hit->delta_ports = DP_LOAD(&entry->delta_ports);
	hit->new_ports = DP_LOAD((const dp_flow_ports_word *)&entry->new_source_port);
	DP_UNROLL
	for (int i = 0; i < 2; i++) {
		hit->new_addresses[i] = DP_LOAD((const dp_flow_word *)entry->new_source + i);
		hit->new_addresses[2 + i] = DP_LOAD((const dp_flow_word *)entry->new_destination + i);
	}
}

DP_INLINE enum dp_hit_verdict dp_hit6(struct dp_env *env, const struct dp_settings *settings,
				      const __u8 *frame, const __u8 *end, __u32 frame_bytes,
				      const struct dp_port *port, __u32 number, struct dp_hit *hit)
{
	struct dp_flow_words6 words;
	struct dp_flow_found6 found;
	enum dp_hit_verdict verdict = dp_hit6_read(frame, end, frame_bytes, port, &words, hit);

	if (verdict != DP_HIT_FORWARD)
		return verdict;
	if (!dp_flow_locate6(env, &words, &found))
		return DP_HIT_ABSENT;
	dp_hit6_copy(found.entry, hit);
	DP_COMPILER_BARRIER(); /* arm64: load barrier */
	hit->family = DP_FAMILY_V6;
	hit->entry.v6 = found.entry;
	hit->slot = found.slot;
	hit->control = found.control;
	if (DP_LOAD(found.word) != found.control)
		return DP_HIT_FOUND;
	return dp_hit_judge(env, settings, port, number, hit);
}

/* Behind DP_HIT_FORWARD: the frame as it leaves. 0: a defect. */
DP_INLINE int dp_hit6_forward(__u8 *frame, const __u8 *end, const struct dp_hit *hit)
{
	if (hit->link & DP_FLOW_REWRITE) {
		if (!dp_hit_translate(frame + DP_HIT6_L4, end, hit))
			return 0;
		DP_UNROLL
		for (int i = 0; i < 4; i++)
			dp_store64(frame + DP_HIT6_ADDRESSES + 8 * i, hit->new_addresses[i]);
	}
	frame[DP_HIT6_NEXT + 1]--;
	dp_hit_write_macs(frame, hit);
	return 1;
}

#endif
