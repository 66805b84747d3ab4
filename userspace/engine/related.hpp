// related.hpp - ICMP errors from the network: each is forwarded to the sender of the packet that it quotes, if that
// packet belongs to a live flow, and to no other address.
//
// Match     The quoted packet with source and destination swapped has the key of the flow's opposite half. That key,
//           with the zone of the error's ingress port, must be in the flow table, and the error must be addressed to
//           the sender of the quoted packet. So the error can come from the far side of the flow only (nf_conntrack's
//           RELATED).
// Next hop  that of the opposite half. The error is not counted on the flow and does not keep it alive, because any
//           router on the path can send one.
// Refused   as unsolicited_icmp: a quote that cannot be read, a fragment, a half that rewrites addresses (its quote
//           would have to be translated too).
// Source    RFC 5508 section 4.2, RFC 1122 section 3.2.2.
#pragma once

#include "engine/item.hpp"

struct dp_env;

namespace twinpath {

// Returns a reason as dp_decide does: DP_NONE or another one under which the engine sends, with the item's view and
// next hop set; or the reason why the error is dropped.
[[nodiscard]] int relate(dp_env& env, Item& item) noexcept;

}  // namespace twinpath
