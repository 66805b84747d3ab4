/* generator.bpf.c - writes one packet into a recycled page and redirects it.
 *
 * Run by BPF_PROG_TEST_RUN with live frames (generator.hpp), never by a device: attached to a
 * loopback only so that the kernel keeps it in its dispatcher, which otherwise costs 24 ms a call.
 * Pages come back as the network left them, so every byte that anyone may have changed is written.
 * All of a lane's state is its CPU's own; nothing is atomic.
 */
#include "bench/pktgen/bpf/model.h"

#include "common/edit/checksum.h"

enum {
	ETHERNET_BYTES = 14,
	IP4_LENGTH_AT = 16,
	IP4_CHECK_AT = 24,
	IP4_SOURCE_AT = 26,
	IP4_DESTINATION_AT = 30,
	IP4_BYTES = 20,
	IP6_LENGTH_AT = 18,
	IP6_SOURCE_LOW_AT = 34,
	IP6_DESTINATION_LOW_AT = 50,
	IP6_BYTES = 40,
	UDP_LENGTH_AT = 4,
	UDP_CHECK_AT = 6,
	TCP_SEQUENCE_AT = 4,
	TCP_ACKNOWLEDGEMENT_AT = 8,
	TCP_FLAGS_AT = 13,
	TCP_CHECK_AT = 16,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pktgen_lane);
} lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} out SEC(".maps");

/* Whole by itself, so that the object loads as it is: UDP over IPv4. */
volatile const struct pktgen_plan plan = {
	.family = 4, .protocol = DP_PROTOCOL_UDP, .header_bytes = 42, .write_bytes = 60
};

/* What varies from packet to packet. */
struct choice {
	__u32 number;               /* of the flow */
	__u32 first;                /* packet of this flow */
	__u32 bytes;                /* of the buffer */
	__be32 source, destination; /* addresses; of IPv6 the lowest 32 bits */
	__be16 source_port, destination_port;
	struct pktgen_stamp stamp;
};

DP_INLINE void put16(__u8 *at, __u16 value)
{
	*(__u16 *)at = value;
}

DP_INLINE void put32(__u8 *at, __u32 value)
{
	*(__u32 *)at = value;
}

/* New flows come due as time goes by. */
DP_INLINE void reckon(struct pktgen_lane *lane, __u64 now_ns)
{
	if (lane->clock_ns)
		lane->due += (now_ns - lane->clock_ns) * lane->share;
	lane->clock_ns = now_ns;
}

/* Moves the window on by the flows that are due; not beyond the first flow never sent: a lane that
 * lags begins a flow with every packet until it has caught up. */
DP_INLINE void slide(struct pktgen_lane *lane)
{
	__u32 steps = (__u32)(lane->due >> PKTGEN_SHARE_SHIFT);
	__u32 room = lane->next - lane->base;

	if (steps > room)
		steps = room;
	lane->base += steps;
	lane->due -= (__u64)steps << PKTGEN_SHARE_SHIFT;
}

/* A flow that was never sent goes first; then the window in the order asked for. */
DP_INLINE __u32 choose_flow(struct pktgen_lane *lane, __u32 *first)
{
	*first = lane->every_packet_new || lane->next - lane->base < lane->flows;
	if (*first)
		return lane->next++;
	if (plan.random) {
		/* Knuth's MMIX generator: its upper half is random enough, and one multiplication. */
		lane->random = lane->random * 6364136223846793005ULL + 1442695040888963407ULL;
		return lane->base + (__u32)((lane->random >> 32) * lane->flows >> 32);
	}
	if (lane->cursor - lane->base >= lane->flows)
		lane->cursor = lane->base;
	return lane->cursor++;
}

#define TAKE(digit, number)                                                                        \
	pktgen_take_digit((digit).first, (digit).count, (digit).inverse, (digit).shift, number)

DP_INLINE void choose_tuple(struct choice *choice)
{
	__u32 rest = choice->number & PKTGEN_NUMBER_MASK;

	choice->source_port = bpf_htons((__u16)TAKE(plan.source_port, &rest));
	choice->source = bpf_htonl(TAKE(plan.source, &rest));
	choice->destination_port = bpf_htons((__u16)TAKE(plan.destination_port, &rest));
	choice->destination = bpf_htonl(TAKE(plan.destination, &rest));
}

/* IMIX in rounds of twelve: 7 small, 4 middle, 1 large, mixed. */
DP_INLINE __u32 choose_bytes(struct pktgen_lane *lane)
{
	const __u32 middle = 1 << 2 | 1 << 5 | 1 << 7 | 1 << 10;
	__u32 turn = lane->imix;

	if (!plan.imix)
		return plan.sizes[0];
	lane->imix = turn + 1 < PKTGEN_IMIX_ROUND ? turn + 1 : 0;
	if (turn == PKTGEN_IMIX_ROUND - 1)
		return plan.sizes[2];
	return middle >> (turn & 31) & 1 ? plan.sizes[1] : plan.sizes[0];
}

DP_INLINE void choose(struct pktgen_lane *lane, struct choice *choice)
{
	__u64 now_ns = 0;
	__u32 number;

	if ((lane->packets & plan.clock_mask) == 0 && (plan.stamps || lane->share)) {
		now_ns = bpf_ktime_get_ns();
		reckon(lane, now_ns);
	}
	if (lane->share)
		slide(lane);
	number = choose_flow(lane, &choice->first);
	choice->number = number * lane->lanes + lane->lane;
	choose_tuple(choice);
	choice->stamp.magic = bpf_htons(plan.magic);
	choice->stamp.flow = bpf_htonl(choice->number);
	choice->stamp.sequence = bpf_htonl((__u32)lane->packets);
	choice->stamp.sent_ns = bpf_cpu_to_be64(now_ns);
}

/* The payload without its magic, which the template's sum has. */
DP_INLINE __u64 stamp_sum(const struct pktgen_stamp *stamp)
{
	__u64 sent = stamp->sent_ns;

	return (__u64)stamp->flow + stamp->sequence + (__u32)sent + (sent >> 32);
}

DP_INLINE __u64 write_tcp(__u8 *l4, const struct choice *choice)
{
	__u8 flags = choice->first ? PKTGEN_TCP_SYN : PKTGEN_TCP_ACK;
	__be32 sequence, acknowledgement = 0;

	if (plan.tcp_flags)
		flags = (__u8)plan.tcp_flags;
	sequence = bpf_htonl(PKTGEN_CLIENT_SEQUENCE + (flags == PKTGEN_TCP_ACK));
	if (flags == PKTGEN_TCP_ACK)
		acknowledgement = bpf_htonl(PKTGEN_SERVER_SEQUENCE + 1);
	put32(l4 + TCP_SEQUENCE_AT, sequence);
	put32(l4 + TCP_ACKNOWLEDGEMENT_AT, acknowledgement);
	l4[TCP_FLAGS_AT] = flags;
	return (__u64)sequence + acknowledgement + bpf_htons(flags);
}

/* Ports, lengths and checksum of the transport header at `l4`, whose packet is `l4_bytes` long. */
DP_INLINE void write_transport(__u8 *l4, const struct choice *choice, __u32 l4_bytes)
{
	__u16 length = bpf_htons((__u16)l4_bytes), check;
	__u64 sum = plan.l4_sum + length + choice->source + choice->destination +
		    choice->source_port + choice->destination_port;

	put16(l4, choice->source_port);
	put16(l4 + 2, choice->destination_port);
	if (plan.stamps)
		sum += stamp_sum(&choice->stamp);
	if (plan.protocol == DP_PROTOCOL_TCP) {
		sum += write_tcp(l4, choice);
		put16(l4 + TCP_CHECK_AT, ~dp_checksum_fold(sum));
		return;
	}
	put16(l4 + UDP_LENGTH_AT, length);
	check = ~dp_checksum_fold(sum + length);
	put16(l4 + UDP_CHECK_AT, check ? check : 0xffff);
}

DP_INLINE void write_ip4(__u8 *frame, const struct choice *choice)
{
	__u16 length = bpf_htons((__u16)(choice->bytes - ETHERNET_BYTES));

	put16(frame + IP4_LENGTH_AT, length);
	put32(frame + IP4_SOURCE_AT, choice->source);
	put32(frame + IP4_DESTINATION_AT, choice->destination);
	put16(frame + IP4_CHECK_AT,
	      ~dp_checksum_fold(plan.ip_sum + length + choice->source + choice->destination));
}

DP_INLINE void write_ip6(__u8 *frame, const struct choice *choice)
{
	put16(frame + IP6_LENGTH_AT, bpf_htons((__u16)(choice->bytes - ETHERNET_BYTES - IP6_BYTES)));
	put32(frame + IP6_SOURCE_LOW_AT, choice->source);
	put32(frame + IP6_DESTINATION_LOW_AT, choice->destination);
}

/* Eight bytes at a time: memcpy out of a constant would be folded to zeros. */
DP_INLINE void write_template(__u8 *frame)
{
	DP_UNROLL
	for (__u32 i = 0; i < PKTGEN_TEMPLATE_WORDS; i++) {
		if (i * 8 < plan.header_bytes)
			*(__u64 *)(frame + i * 8) = plan.header[i];
	}
}

DP_INLINE void write_stamp(__u8 *at, const struct pktgen_stamp *stamp)
{
	if (!plan.stamps)
		return;
	put16(at, stamp->magic);
	put32(at + 2, stamp->flow);
	put32(at + 6, stamp->sequence);
	*(__u64 *)(at + 10) = stamp->sent_ns;
}

DP_INLINE void write_packet(__u8 *frame, const struct choice *choice)
{
	__u32 ip_bytes = plan.family == 4 ? IP4_BYTES : IP6_BYTES;

	write_template(frame);
	if (plan.family == 4)
		write_ip4(frame, choice);
	else
		write_ip6(frame, choice);
	write_transport(frame + ETHERNET_BYTES + ip_bytes, choice, choice->bytes - ETHERNET_BYTES - ip_bytes);
	write_stamp(frame + plan.header_bytes, &choice->stamp);
}

SEC("xdp")
int pktgen_generate(struct xdp_md *xdp)
{
	__u8 *frame = (__u8 *)(long)xdp->data, *end = (__u8 *)(long)xdp->data_end;
	struct pktgen_lane *lane;
	struct choice choice;
	__u32 only = 0;

	lane = bpf_map_lookup_elem(&lanes, &only);
	if (!lane || lane->packets >= lane->limit)
		return XDP_DROP;
	choice.bytes = choose_bytes(lane);
	if (plan.imix) {
		if (bpf_xdp_adjust_tail(xdp, (int)choice.bytes - (int)(end - frame)))
			return XDP_ABORTED;
		frame = (__u8 *)(long)xdp->data;
		end = (__u8 *)(long)xdp->data_end;
	}
	if (frame + plan.write_bytes > end)
		return XDP_ABORTED;
	choose(lane, &choice);
	write_packet(frame, &choice);
	lane->packets++;
	lane->bytes += choice.bytes;
	return (int)bpf_redirect_map(&out, 0, XDP_ABORTED);
}

/* Does nothing, on the device to send by: a NIC's driver makes the rings that redirected frames
 * leave by only for a device with a program.
 */
SEC("xdp")
int pktgen_hold(struct xdp_md *xdp)
{
	(void)xdp;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
