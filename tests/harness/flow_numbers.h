/* flow_numbers.h - numbered flows for tests, the same in BPF and in user space.
 *
 * Every field that is not part of the key is computed from the key, so that a copy made of two different flows is
 * recognised by looking at it alone. 192.0.0.0/7 and 2001:db8::/32 with the flow's number in it; both ends differ, so no
 * key is its own mirror image.
 */
#ifndef TWINPATH_FLOW_NUMBERS_H
#define TWINPATH_FLOW_NUMBERS_H

#include "common/flow/hash.h"
#include "common/model/flow.h"
#include "common/model/packet.h"

DP_INLINE void flow_number_address(struct dp_address* address, __u8 family, __u32 number, __u32 side) {
  __u32 high = number >> 12;

  address->word[0] = dp_htonl(family == DP_FAMILY_V4 ? (192 + side) << 24 | high : 0x20010db8);
  address->word[1] = family == DP_FAMILY_V4 ? 0 : dp_htonl(side);
  address->word[2] = family == DP_FAMILY_V4 ? 0 : dp_htonl(high);
  address->word[3] = family == DP_FAMILY_V4 ? 0 : dp_htonl(1);
}

/* Two words of pattern from the key; the other fields are taken from them. */
DP_INLINE __u64 flow_number_pattern(const struct dp_flow_half* half, __u64 salt) {
  __u64 hash = salt;

  hash = dp_hash_add(hash, half->source.word[0] | (__u64)half->source.word[2] << 32);
  hash = dp_hash_add(hash, half->source.word[1] | (__u64)half->destination.word[1] << 32);
  hash = dp_hash_add(hash, half->source_port | (__u32)half->destination_port << 16);
  return dp_hash_end(hash);
}

DP_INLINE void flow_number_half(struct dp_flow_half* half, __u8 family, __u32 number, int reverse, __u8 protocol) {
  __be16 client = dp_htons((__u16)(1024 + (number & 0xfff))), server = dp_htons(443);
  __u64 pattern;

  flow_number_address(&half->source, family, number, reverse ? 1 : 0);
  flow_number_address(&half->destination, family, number, reverse ? 0 : 1);
  half->source_port = reverse ? server : client;
  half->destination_port = reverse ? client : server;
  half->protocol = protocol;
  half->zone = 2;
  half->flags = DP_FLOW_REWRITE;
  half->stamp = 0x00010001;
  pattern = flow_number_pattern(half, 1);
  flow_number_address(&half->new_source, DP_FAMILY_V4, 0, 0);
  flow_number_address(&half->new_destination, DP_FAMILY_V4, 0, 0);
  half->new_source.word[0] = (__u32)pattern;
  half->new_destination.word[0] = (__u32)(pattern >> 32);
  pattern = flow_number_pattern(half, 2);
  half->new_source_port = (__u16)pattern;
  half->new_destination_port = (__u16)(pattern >> 16);
  half->next_hop = (__u16)(pattern >> 32);
  half->port = (__u16)(pattern >> 48);
  half->delta = (__u16)(pattern >> 24);
  half->delta_ports = (__u16)(pattern >> 8);
  half->pad = 0;
  half->rule = (__u32)pattern & DP_FLOW_RULE_MASK;
}

/* Does the copy belong to the half that it was searched by? */
DP_INLINE int flow_number_whole(const struct dp_flow_half* half, const struct dp_flow_view* view) {
  return view->new_source.word[0] == half->new_source.word[0] &&
         view->new_destination.word[0] == half->new_destination.word[0] &&
         view->new_source_port == half->new_source_port && view->new_destination_port == half->new_destination_port &&
         view->next_hop == half->next_hop && view->port == half->port && view->delta == half->delta;
}

/* What a search looks at. */
DP_INLINE void flow_number_packet(struct dp_packet* packet, __u8 family, const struct dp_flow_half* half) {
  packet->family = family;
  packet->source = half->source;
  packet->destination = half->destination;
  packet->source_port = half->source_port;
  packet->destination_port = half->destination_port;
  packet->protocol = half->protocol;
  packet->zone = half->zone;
}

#endif
