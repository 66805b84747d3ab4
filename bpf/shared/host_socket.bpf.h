/* host_socket.bpf.h - does a connected socket of the host wait for a packet? Own traffic of the host passes whatever the
 * rules say. Included behind the shell, whose type of frame the helpers take.
 *
 * Functions that are called, not inlined: a lookup needs 40 bytes of stack. Two, not one with a choice of helper: they
 * return different kinds of pointer to the verifier.
 */
#ifndef TWINPATH_HOST_SOCKET_BPF_H
#define TWINPATH_HOST_SOCKET_BPF_H

static __attribute__((noinline)) int tcp_waits(struct shell_frame *frame, struct bpf_sock_tuple *tuple, __u32 bytes)
{
	struct bpf_sock *socket = bpf_skc_lookup_tcp(frame, tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	int waits;

	if (!socket)
		return 0;
	waits = socket->state != BPF_TCP_LISTEN;
	bpf_sk_release(socket);
	return waits;
}

static __attribute__((noinline)) int udp_waits(struct shell_frame *frame, struct bpf_sock_tuple *tuple, __u32 bytes)
{
	struct bpf_sock *socket = bpf_sk_lookup_udp(frame, tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	int waits;

	if (!socket)
		return 0;
	waits = socket->dst_port != 0; /* connected, not merely bound */
	bpf_sk_release(socket);
	return waits;
}

static __attribute__((noinline)) int host_waits_for(struct shell_frame *frame, const struct dp_packet *packet)
{
	struct bpf_sock_tuple tuple = {};
	__u32 bytes = sizeof(tuple.ipv4);

	if (packet->family == DP_FAMILY_V4) {
		tuple.ipv4.saddr = packet->source.word[0];
		tuple.ipv4.daddr = packet->destination.word[0];
		tuple.ipv4.sport = packet->source_port;
		tuple.ipv4.dport = packet->destination_port;
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, packet->source.word, 16);
		__builtin_memcpy(tuple.ipv6.daddr, packet->destination.word, 16);
		tuple.ipv6.sport = packet->source_port;
		tuple.ipv6.dport = packet->destination_port;
		bytes = sizeof(tuple.ipv6);
	}
	if (packet->protocol == DP_PROTOCOL_TCP)
		return tcp_waits(frame, &tuple, bytes);
	if (packet->protocol == DP_PROTOCOL_UDP)
		return udp_waits(frame, &tuple, bytes);
	return 0;
}

#endif
