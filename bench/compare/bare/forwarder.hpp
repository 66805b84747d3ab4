// forwarder.hpp - forwards between two devices without a policy: the programs that gateways are measured against.
//
//   auto forwarder = Forwarder::open({.mode = Mode::redirect, .devices = {"f0", "f1"}});
//   forwarder->run(stop);
//
// Place     the devices of the calling thread's network namespace. Native XDP in all modes.
// Flows     of Mode::lookup, inserted by open(): those of numbered_flow.hpp.
// Lifetime  program, maps and sockets end with the object, or with the process; nothing is pinned.
// Thread    one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "bench/compare/bare/bare.h"

namespace twinpath::bench {

enum class Mode {
  redirect,     // XDP, devmap
  lookup,       // the same after one lookup in a BPF hash map
  insert,       // each packet inserts both directions of a flow into a BPF hash map; MAC addresses and TTL change
  insert_lru,   // the same with an LRU hash map, which evicts when it is full
  bridge,       // AF_XDP sockets, transmit through their rings
  bridge_live,  // AF_XDP sockets, transmit by live frames, as the product's engine does where it can
  pass,         // XDP_PASS: a veth without an XDP program drops what its peer returned by XDP_TX
};

using MacAddress = std::array<std::uint8_t, BARE_MAC_BYTES>;

struct ForwarderOptions {
  Mode mode = Mode::redirect;
  std::array<std::string, 2> devices;
  // Mode::lookup: flows in its map. insert, insert_lru: pairs of entries that the map has room for.
  std::uint32_t flows = 1;
  bool ipv6 = false;  // Mode::lookup: its flows are IPv6
  // insert, insert_lru: destination MAC address of what leaves by each device.
  std::array<MacAddress, 2> neighbours{};
  bool busy_poll = false;  // of the bridges: spin instead of sleeping
};

class Forwarder {
 public:
  [[nodiscard]] static Result<Forwarder> open(const ForwarderOptions& options);
  Forwarder(Forwarder&&) noexcept;
  ~Forwarder();

  // How it forwards, for a result file: "native XDP, AF_XDP copy, 1 queue".
  [[nodiscard]] std::string mode() const;
  // Of insert and insert_lru, since open().
  [[nodiscard]] bare_exceptions exceptions() const;
  // Until `stop`. In the modes without AF_XDP it only waits.
  void run(const std::atomic<bool>& stop);

 private:
  struct Parts;
  explicit Forwarder(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinpath::bench
