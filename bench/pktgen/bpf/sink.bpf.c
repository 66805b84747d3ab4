/* sink.bpf.c - counts, checks and answers the generator's packets (sink.hpp).
 *
 * A packet is ours when family, protocol and magic are as told; the headers are found at fixed
 * places, since the generator sends neither options nor extension headers. Whatever else comes
 * is Linux's.
 */
#include "bench/pktgen/bpf/model.h"

#include "common/edit/checksum.h"

enum {
	ETHERNET_BYTES = 14,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	IP4_PROTOCOL_AT = 23,
	IP6_PROTOCOL_AT = 20,
	TCP_FLAGS_AT = 13,
	CHUNK_BYTES = 4,
	CHUNKS_MAX = 384, /* 1536 bytes: all of an Ethernet frame */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pktgen_seen);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pktgen_latency);
} latencies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the size comes before loading */
	__type(key, __u32);
	__type(value, struct pktgen_flow);
} flows SEC(".maps");

/* Whole by itself, so that the object loads as it is: UDP over IPv4. */
volatile const struct pktgen_duty duty = { .family = 4, .protocol = DP_PROTOCOL_UDP, .header_bytes = 42 };

DP_INLINE __u16 get16(const __u8 *at)
{
	return *(const __u16 *)at;
}

DP_INLINE __u32 get32(const __u8 *at)
{
	return *(const __u32 *)at;
}

/* Is it ours? `frame` has at least the headers. */
DP_INLINE int is_ours(const __u8 *frame, const __u8 *end)
{
	if (duty.family == 4) {
		if (get16(frame + 12) != bpf_htons(0x0800) || frame[14] != 0x45 ||
		    frame[IP4_PROTOCOL_AT] != duty.protocol)
			return 0;
	} else if (get16(frame + 12) != bpf_htons(0x86dd) || frame[IP6_PROTOCOL_AT] != duty.protocol) {
		return 0;
	}
	if (!duty.stamps)
		return 1;
	return frame + duty.header_bytes + sizeof(struct pktgen_stamp) <= end &&
	       get16(frame + duty.header_bytes) == bpf_htons(duty.magic);
}

DP_INLINE void judge_order(struct pktgen_seen *count, __u32 number, __u32 sequence)
{
	struct pktgen_flow *flow;
	__s32 ahead;

	if (number >= duty.watched_flows)
		return;
	flow = bpf_map_lookup_elem(&flows, &number);
	if (!flow)
		return;
	count->order_checked++;
	ahead = (__s32)(sequence - flow->highest);
	if (flow->packets && ahead == 0)
		count->duplicated++;
	else if (flow->packets && ahead < 0)
		count->reordered++;
	else
		flow->highest = sequence;
	flow->packets++;
}

DP_INLINE void note_latency(__u64 sent_ns)
{
	struct pktgen_latency *latency;
	__u64 now_ns = bpf_ktime_get_ns(), took_ns;
	__u32 only = 0, bucket;

	latency = bpf_map_lookup_elem(&latencies, &only);
	if (!latency || now_ns < sent_ns)
		return;
	took_ns = now_ns - sent_ns;
	if (took_ns > latency->max_ns)
		latency->max_ns = took_ns;
	bucket = pktgen_bucket(took_ns);
	if (bucket < PKTGEN_BUCKETS)
		latency->buckets[bucket]++;
}

DP_INLINE void read_stamp(struct pktgen_seen *count, const __u8 *stamp)
{
	__u64 sent_ns = bpf_be64_to_cpu(*(const __u64 *)(stamp + 10));

	if (duty.watched_flows)
		judge_order(count, bpf_ntohl(get32(stamp + 2)), bpf_ntohl(get32(stamp + 6)));
	if (duty.measure_latency && sent_ns)
		note_latency(sent_ns);
}

/* Sum of everything from `pos` to the end of the frame; what is left of a word counts as if zeros
 * followed. Not the product's own loop: the sink is to find its faults. */
DP_INLINE __u64 sum_to_end(const __u8 *pos, const __u8 *end)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < CHUNKS_MAX; i++) {
		if (pos + CHUNK_BYTES > end)
			break;
		sum += get32(pos);
		pos += CHUNK_BYTES;
	}
	if (pos + 2 <= end) {
		sum += get16(pos);
		pos += 2;
	}
	if (pos + 1 <= end)
		sum += *pos; /* the lower address is the lower byte: little endian */
	return sum;
}

/* What the frame sums up to: 0xffff when the checksums are right. */
DP_INLINE __u16 sum_of_ip4(const __u8 *frame)
{
	__u64 sum = 0;

	DP_UNROLL
	for (__u32 i = 0; i < IP4_BYTES; i += 2)
		sum += get16(frame + ETHERNET_BYTES + i);
	return dp_checksum_fold(sum);
}

/* A frame may be padded behind the packet; the generator's never is, so the frame's end is the
 * packet's, and a length that says otherwise is a fault, too. */
DP_INLINE __u16 sum_of_l4(const __u8 *frame, const __u8 *end)
{
	__u32 l4_at = ETHERNET_BYTES + (duty.family == 4 ? IP4_BYTES : IP6_BYTES);
	__u32 addresses = duty.family == 4 ? 2 : 8;
	const __u8 *address = frame + l4_at - 4 * addresses;
	__u64 sum = bpf_htons(duty.protocol);

	sum += bpf_htons((__u16)(end - frame - l4_at));
	DP_UNROLL
	for (__u32 i = 0; i < 8; i++) {
		if (i < addresses)
			sum += get32(address + 4 * i);
	}
	return dp_checksum_fold(sum + sum_to_end(frame + l4_at, end));
}

enum {
	BAD_IP = 1,
	BAD_L4 = 2,
};

/* What is wrong with the checksums of a packet of ours. A function of its own, verified once: its
 * loop's many ends would each be followed through the rest of the program. */
DP_VERB int pktgen_verify(struct xdp_md *xdp)
{
	const __u8 *frame = (__u8 *)(long)xdp->data, *end = (__u8 *)(long)xdp->data_end;
	int bad = 0;

	if (frame + duty.header_bytes > end)
		return 0;
	if (duty.family == 4 && sum_of_ip4(frame) != 0xffff)
		bad |= BAD_IP;
	if (duty.protocol == DP_PROTOCOL_UDP && get16(frame + duty.header_bytes - 2) == 0)
		return bad | BAD_L4; /* the generator always sends one */
	if (sum_of_l4(frame, end) != 0xffff)
		bad |= BAD_L4;
	return bad;
}

DP_INLINE void check_checksums(struct pktgen_seen *count, struct xdp_md *xdp)
{
	int bad = pktgen_verify(xdp);

	count->checksums_checked++;
	count->bad_ip_checksums += (bad & BAD_IP) != 0;
	count->bad_l4_checksums += (bad & BAD_L4) != 0;
}

DP_INLINE void swap32(__u8 *a, __u8 *b)
{
	__u32 kept = get32(a);

	*(__u32 *)a = get32(b);
	*(__u32 *)b = kept;
}

DP_INLINE void swap16(__u8 *a, __u8 *b)
{
	__u16 kept = get16(a);

	*(__u16 *)a = get16(b);
	*(__u16 *)b = kept;
}

/* SYN is answered by SYN and ACK, anything else by ACK. Returns what it adds to the checksum. */
DP_INLINE __u64 answer_tcp(__u8 *tcp)
{
	__u32 is_syn = tcp[TCP_FLAGS_AT] & PKTGEN_TCP_SYN;
	__be32 sequence = bpf_htonl(PKTGEN_SERVER_SEQUENCE + !is_syn);
	__be32 acknowledgement = bpf_htonl(PKTGEN_CLIENT_SEQUENCE + 1);
	__u8 flags = is_syn ? PKTGEN_TCP_SYN | PKTGEN_TCP_ACK : PKTGEN_TCP_ACK;
	__u64 delta = dp_checksum_delta32(get32(tcp + 4), sequence) +
		      dp_checksum_delta32(get32(tcp + 8), acknowledgement) +
		      dp_checksum_delta16(bpf_htons(tcp[TCP_FLAGS_AT]), bpf_htons(flags));

	*(__u32 *)(tcp + 4) = sequence;
	*(__u32 *)(tcp + 8) = acknowledgement;
	tcp[TCP_FLAGS_AT] = flags;
	return delta;
}

DP_INLINE void swap_addresses(__u8 *frame)
{
	swap32(frame, frame + 6);
	swap16(frame + 4, frame + 10);
	if (duty.family == 4) {
		swap32(frame + 26, frame + 30);
		return;
	}
	DP_UNROLL
	for (__u32 i = 0; i < 16; i += 4)
		swap32(frame + 22 + i, frame + 38 + i);
}

/* Turns the packet round. Swapping leaves checksums as they are; magic and TCP fields do not. */
DP_INLINE int answer(struct pktgen_seen *count, __u8 *frame)
{
	__u8 *l4 = frame + ETHERNET_BYTES + (duty.family == 4 ? IP4_BYTES : IP6_BYTES);
	__u16 *check = (__u16 *)(duty.protocol == DP_PROTOCOL_TCP ? l4 + 16 : l4 + 6);
	__u64 delta = 0;

	swap_addresses(frame);
	swap16(l4, l4 + 2);
	if (duty.protocol == DP_PROTOCOL_TCP)
		delta += answer_tcp(l4);
	if (duty.stamps) {
		__u8 *magic = frame + duty.header_bytes;

		delta += dp_checksum_delta16(get16(magic), bpf_htons(duty.reply_magic));
		*(__u16 *)magic = bpf_htons(duty.reply_magic);
	}
	*check = duty.protocol == DP_PROTOCOL_TCP
			 ? dp_checksum_update(*check, dp_checksum_fold(delta))
			 : dp_checksum_update_udp(*check, dp_checksum_fold(delta));
	count->replied++;
	return XDP_TX;
}

SEC("xdp")
int pktgen_sink(struct xdp_md *xdp)
{
	__u8 *frame = (__u8 *)(long)xdp->data, *end = (__u8 *)(long)xdp->data_end;
	__u32 only = 0, need = duty.header_bytes;
	struct pktgen_seen *count;

	count = bpf_map_lookup_elem(&seen, &only);
	if (!count)
		return XDP_ABORTED;
	if (duty.stamps)
		need += sizeof(struct pktgen_stamp);
	if (frame + need > end || !is_ours(frame, end)) {
		count->foreign++;
		return XDP_PASS;
	}
	count->bytes += end - frame;
	if (duty.check_checksums && (count->received & duty.checksum_mask) == 0)
		check_checksums(count, xdp);
	count->received++;
	if (duty.stamps)
		read_stamp(count, frame + duty.header_bytes);
	return duty.reply ? answer(count, frame) : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
