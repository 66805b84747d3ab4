// related.hpp - ICMP errors from the network: each goes to the sender of the packet it speaks of, if that packet's flow is
// live, and nowhere else.
//
// Match     The quoted packet, turned round, is a packet of the flow's other direction: that half's key, with the zone
//           the error came from, must be in the table. So an error about a flow of this zone pair only, on the far side
//           of the flow only, and only to the address that sent the packet (nf_conntrack's RELATED).
// Way       The error takes that half's next hop. It is not counted on the flow and does not keep it alive: anybody on
//           the path can make one.
// Refused   a quote that cannot be read, a fragment, a half that rewrites addresses (the quote inside would have to be
//           translated too): unsolicited_icmp.
// Source    RFC 5508 section 4.2, RFC 1122 section 3.2.2.
#pragma once

#include "engine/item.hpp"

struct dp_env;

namespace twinpath {

// Answers what dp_decide would: DP_NONE or another reason under which the engine sends, with the item's view and next
// hop set, or why the error goes nowhere.
[[nodiscard]] int relate(dp_env& env, Item& item) noexcept;

}  // namespace twinpath
