// translation.hpp - flows as a test of translation or forwarding needs them: what a packet's key is, and what it becomes.
#pragma once

#include "common/edit/translate.h"
#include "harness/parsed.hpp"

namespace twinpath::test {

// What was decided for a packet: its key, and what becomes of it. Without NAT both are the same.
inline dp_flow_half half_of(const dp_packet& packet) {
  dp_flow_half half{};
  half.source = half.new_source = packet.source;
  half.destination = half.new_destination = packet.destination;
  half.source_port = half.new_source_port = packet.source_port;
  half.destination_port = half.new_destination_port = packet.destination_port;
  return half;
}

// The half that turns packets like `from` into packets like `to`.
inline dp_flow_half half_between(const dp_packet& from, const dp_packet& to) {
  dp_flow_half half = half_of(from);
  half.new_source = to.source;
  half.new_destination = to.destination;
  half.new_source_port = to.source_port;
  half.new_destination_port = to.destination_port;
  return half;
}

inline dp_flow_view view_of(const dp_flow_half& half, bool translated) {
  dp_flow_view view{};
  view.link = translated ? DP_FLOW_REWRITE : 0;
  view.new_source = half.new_source;
  view.new_destination = half.new_destination;
  view.new_source_port = half.new_source_port;
  view.new_destination_port = half.new_destination_port;
  view.delta = dp_translate_address_delta(&half);
  return view;
}

}  // namespace twinpath::test
