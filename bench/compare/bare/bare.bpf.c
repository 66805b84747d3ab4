/* bare.bpf.c - the limits of this machine: what XDP and AF_XDP do when nobody asks for a policy.
 *
 * Two ports, 1 and 2. What comes in by one leaves by the other, its bytes untouched; nothing is
 * left to Linux, except by bare_pass.
 */
#include "bench/compare/bare/bare.h"
#include "common/model/limits.h"
#include "common/wire/ipv4.h"

enum {
  FIRST = 1,
  SECOND = 2,
  ETHERNET_BYTES = 14,
  HEADER_BYTES = 42, /* Ethernet, IPv4 without options, UDP */
};

/* Of DP_PORTS_MAX entries, because the product's live transmit wants the gateway's devmap. */
struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, DP_PORTS_MAX);
  __type(key, __u32);
  __type(value, __u32);
} tx_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, (SECOND + 1) * DP_QUEUES_MAX);
  __type(key, __u32);
  __type(value, __u32);
} sockets SEC(".maps");

/* As many entries as keys, set before loading: a map larger than its content costs cache. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct bare_key);
  __type(value, __u64);
} flows SEC(".maps");

volatile const __u32 first_ifindex;

DP_INLINE __u32 port_of(const struct xdp_md* ctx) { return ctx->ingress_ifindex == first_ifindex ? FIRST : SECOND; }

DP_INLINE int to_other_port(const struct xdp_md* ctx) {
  return bpf_redirect_map(&tx_ports, port_of(ctx) == FIRST ? SECOND : FIRST, 0);
}

SEC("xdp")
int bare_redirect(struct xdp_md* ctx) { return to_other_port(ctx); }

/* A flow that is not in the map is dropped: a wrong preload shows as nothing received. */
SEC("xdp")
int bare_lookup(struct xdp_md* ctx) {
  const __u8* frame = (const __u8*)(long)ctx->data;
  const __u8* ip = frame + ETHERNET_BYTES;
  struct bare_key key = {};

  if (frame + HEADER_BYTES > (const __u8*)(long)ctx->data_end || ip[0] != DP_IPV4_PLAIN) return XDP_DROP;
  key.source = *(const __be32*)(ip + 12);
  key.destination = *(const __be32*)(ip + 16);
  key.source_port = *(const __be16*)(ip + 20);
  key.destination_port = *(const __be16*)(ip + 22);
  key.protocol = ip[9];
  if (!bpf_map_lookup_elem(&flows, &key)) return XDP_DROP;
  return to_other_port(ctx);
}

SEC("xdp")
int bare_pass(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}

SEC("xdp")
int bare_steer(struct xdp_md* ctx) {
  __u32 socket = port_of(ctx) * DP_QUEUES_MAX + ctx->rx_queue_index;

  return bpf_redirect_map(&sockets, socket, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
