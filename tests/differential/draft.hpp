// draft.hpp - a packet in the making: layers whose fields can still be changed, and the named ways to change them.
//
// Order    a draft is made for a step of a flow (generator.hpp), field mutators change its layers, the frame is built,
//          then byte mutators change what no layer can say. The names are what a failure report shows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "differential/random.hpp"
#include "tests/harness/packet.hpp"

namespace twinpath::test {

struct Draft {
  Eth eth;
  std::vector<Vlan> tags;
  bool v6 = false;
  Ipv4 ip4;
  Ipv6 ip6;
  std::vector<Layer> between;  // extension headers
  Layer transport = Tcp{};
  std::size_t payload = 0;
  std::uint32_t port = 0;  // of the gateway, where it arrives; 0: a device that is none
  std::uint32_t queue = 0;
  bool is_quote = false;  // an ICMP error: `quoted` follows the ICMP header
  Bytes quoted;

  [[nodiscard]] Bytes bytes() const;
};

struct FieldMutator {
  const char* name;
  void (*apply)(Draft&, Random&);
};
struct ByteMutator {
  const char* name;
  void (*apply)(Bytes&, Random&);
};
extern const std::span<const FieldMutator> kFieldMutators;
extern const std::span<const ByteMutator> kByteMutators;

}  // namespace twinpath::test
