/* bare.bpf.c - what XDP and AF_XDP reach on this machine without a policy, or with no more than a BPF hash map.
 *
 * Two ports, BARE_FIRST and BARE_SECOND. What arrives at one leaves by the other. Frames are not changed, except by
 * bare_insert, and none is passed to Linux, except by bare_pass.
 */
#include "bench/compare/bare/bare.h"
#include "common/model/limits.h"

enum {
  ETHERNET_BYTES = 14,
  ETHER_TYPE_AT = 12,
  HEADER_BYTES = 42,  /* Ethernet, IPv4 without options, UDP */
  HEADER6_BYTES = 62, /* Ethernet, IPv6, UDP */
  IPV4_PLAIN = 0x45,  /* version 4, no options */
  ETHER_TYPE_IPV6 = 0x86dd,
  UDP = 17,
};

enum { KEY_EXISTS = -17 }; /* -EEXIST, from bpf_map_update_elem with BPF_NOEXIST */

/* Offsets in an IPv4 and an IPv6 header. */
enum {
  TTL_AT = 8,
  PROTOCOL_AT = 9,
  CHECKSUM_AT = 10,
  SOURCE_AT = 12,
  DESTINATION_AT = 16,
  SOURCE_PORT_AT = 20,
  DESTINATION_PORT_AT = 22,
  NEXT_HEADER_AT = 6,
  SOURCE6_AT = 8,
  DESTINATION6_AT = 24,
  SOURCE_PORT6_AT = 40,
  DESTINATION_PORT6_AT = 42,
};

/* Of DP_DEVICES_MAX entries, because the product's live transmit wants the gateway's devmap. */
struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, DP_DEVICES_MAX);
  __type(key, __u32);
  __type(value, __u32);
} tx_devices SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, BARE_PORTS* DP_QUEUES_MAX);
  __type(key, __u32);
  __type(value, __u32);
} sockets SEC(".maps");

/* The three maps below get their number of entries before loading: a map larger than its content costs cache. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct bare_key);
  __type(value, __u64);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct bare_key6);
  __type(value, __u64);
} flows6 SEC(".maps");

/* Preallocated, as hash maps are without BPF_F_NO_PREALLOC. Both directions are in one map, so that one lookup finds a
 * packet of either. User space makes it a BPF_MAP_TYPE_LRU_HASH for Mode::insert_lru. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct bare_key);
  __type(value, struct bare_policy);
} policies SEC(".maps");

volatile const __u32 first_ifindex;
volatile const struct bare_next_hop next_hops[BARE_PORTS]; /* by egress port */

/* Not atomic: what is asked is whether it is zero. */
struct bare_exceptions exceptions;

DP_INLINE __u32 port_of(const struct xdp_md* ctx) {
  return ctx->ingress_ifindex == first_ifindex ? BARE_FIRST : BARE_SECOND;
}

DP_INLINE __u32 other_port(__u32 port) { return port == BARE_FIRST ? BARE_SECOND : BARE_FIRST; }

DP_INLINE int to_other_port(const struct xdp_md* ctx) {
  return bpf_redirect_map(&tx_devices, other_port(port_of(ctx)), 0);
}

/* Returns the IPv4 header; NULL unless it has no options and at least eight bytes behind it. */
DP_INLINE __u8* ipv4_of(const struct xdp_md* ctx) {
  __u8* frame = (__u8*)(long)ctx->data;

  if (frame + HEADER_BYTES > (__u8*)(long)ctx->data_end || frame[ETHERNET_BYTES] != IPV4_PLAIN) return 0;
  return frame + ETHERNET_BYTES;
}

DP_INLINE struct bare_key key_of(const __u8* ip) {
  struct bare_key key = {};

  key.source = *(const __be32*)(ip + SOURCE_AT);
  key.destination = *(const __be32*)(ip + DESTINATION_AT);
  key.source_port = *(const __be16*)(ip + SOURCE_PORT_AT);
  key.destination_port = *(const __be16*)(ip + DESTINATION_PORT_AT);
  key.protocol = ip[PROTOCOL_AT];
  return key;
}

SEC("xdp")
int bare_redirect(struct xdp_md* ctx) { return to_other_port(ctx); }

/* A flow that is not in the map is dropped: a wrong preload shows as nothing received. */
SEC("xdp")
int bare_lookup(struct xdp_md* ctx) {
  const __u8* ip = ipv4_of(ctx);
  struct bare_key key;

  if (!ip) return XDP_DROP;
  key = key_of(ip);
  if (!bpf_map_lookup_elem(&flows, &key)) return XDP_DROP;
  return to_other_port(ctx);
}

SEC("xdp")
int bare_lookup6(struct xdp_md* ctx) {
  const __u8* frame = (const __u8*)(long)ctx->data;
  const __u8* ip = frame + ETHERNET_BYTES;
  struct bare_key6 key = {};

  if (frame + HEADER6_BYTES > (const __u8*)(long)ctx->data_end) return XDP_DROP;
  if (*(const __be16*)(frame + ETHER_TYPE_AT) != dp_htons(ETHER_TYPE_IPV6)) return XDP_DROP;
  __builtin_memcpy(key.source, ip + SOURCE6_AT, sizeof(key.source));
  __builtin_memcpy(key.destination, ip + DESTINATION6_AT, sizeof(key.destination));
  key.source_port = *(const __be16*)(ip + SOURCE_PORT6_AT);
  key.destination_port = *(const __be16*)(ip + DESTINATION_PORT6_AT);
  key.protocol = ip[NEXT_HEADER_AT];
  if (!bpf_map_lookup_elem(&flows6, &key)) return XDP_DROP;
  return to_other_port(ctx);
}

DP_INLINE struct bare_next_hop next_hop_of(__u32 port) {
  return port == BARE_FIRST ? next_hops[BARE_FIRST] : next_hops[BARE_SECOND];
}

DP_INLINE struct bare_key reverse_of(const struct bare_key* key) {
  struct bare_key reverse = {};

  reverse.source = key->destination;
  reverse.destination = key->source;
  reverse.source_port = key->destination_port;
  reverse.destination_port = key->source_port;
  reverse.protocol = key->protocol;
  return reverse;
}

/* Two entries for a flow whose first packet arrived at `ingress`: the reverse one first, so that no answer misses it.
 * No lookup before: with BPF_NOEXIST the first insertion finds an entry that exists. */
DP_INLINE long insert_pair(const struct bare_key* key, __u32 ingress, const struct bare_next_hop* next_hop,
                           __u32 bytes) {
  const struct bare_key reverse_key = reverse_of(key);
  struct bare_policy reverse = {};
  struct bare_policy forward = {};
  long error;

  reverse.next_hop = next_hop_of(ingress);
  reverse.translated = reverse_key;
  error = bpf_map_update_elem(&policies, &reverse_key, &reverse, BPF_NOEXIST);
  if (error) return error;
  forward.next_hop = *next_hop;
  forward.translated = *key;
  forward.packets = 1;
  forward.bytes = bytes;
  error = bpf_map_update_elem(&policies, key, &forward, BPF_NOEXIST);
  if (error) bpf_map_delete_elem(&policies, &reverse_key);
  return error;
}

/* MAC addresses and TTL; the header checksum is updated as in RFC 1624. */
DP_INLINE void forward_packet(__u8* frame, __u8* ip, const struct bare_next_hop* next_hop) {
  __u32 sum = *(__be16*)(ip + CHECKSUM_AT) + (__u32)dp_htons(0x0100);

  __builtin_memcpy(frame, next_hop->destination_mac, BARE_MAC_BYTES);
  __builtin_memcpy(frame + BARE_MAC_BYTES, next_hop->source_mac, BARE_MAC_BYTES);
  *(__be16*)(ip + CHECKSUM_AT) = (__u16)(sum + (sum >= 0xffff));
  ip[TTL_AT]--;
}

/* Every packet is taken for the first of a flow. */
SEC("xdp")
int bare_insert(struct xdp_md* ctx) {
  const __u32 ingress = port_of(ctx);
  __u8* ip = ipv4_of(ctx);
  struct bare_next_hop next_hop;
  struct bare_key key;
  long error;

  if (!ip || ip[PROTOCOL_AT] != UDP || ip[TTL_AT] <= 1) {
    exceptions.not_handled++;
    return XDP_DROP;
  }
  key = key_of(ip);
  next_hop = next_hop_of(other_port(ingress));
  error = insert_pair(&key, ingress, &next_hop, (__u32)(ctx->data_end - ctx->data));
  if (error == KEY_EXISTS) {
    exceptions.known++;
  } else if (error) {
    exceptions.no_room++;
    return XDP_DROP;
  }
  forward_packet(ip - ETHERNET_BYTES, ip, &next_hop);
  return bpf_redirect_map(&tx_devices, next_hop.port, 0);
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
