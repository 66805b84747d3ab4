// forwarder.hpp - forwards between two devices with nothing but what XDP or AF_XDP needs: the limits to measure against.
//
//   auto forwarder = Forwarder::open({.mode = Mode::redirect, .devices = {"f0", "f1"}});
//   forwarder->run(stop);
//
// Place     the devices of the calling thread's network namespace. Native XDP in all modes.
// Flows     of Mode::lookup, preloaded: those of numbered_flow.hpp.
// Left      nothing: program, maps and sockets go with the object, or with the process.
// Thread    one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace twinpath::bench {

enum class Mode {
  redirect,     // XDP, devmap
  lookup,       // the same after one search of a BPF hash map
  bridge,       // AF_XDP sockets, transmit through their rings
  bridge_live,  // AF_XDP sockets, transmit by live frames, as the product's engine does where it can
  pass,  // XDP that leaves all to Linux: a veth passes on what its other end answers by XDP_TX only to such a one
};

struct ForwarderOptions {
  Mode mode = Mode::redirect;
  std::array<std::string, 2> devices;
  std::uint32_t flows = 1;  // of Mode::lookup
  bool busy_poll = false;   // of the bridges: spin instead of sleeping
};

class Forwarder {
 public:
  [[nodiscard]] static Result<Forwarder> open(const ForwarderOptions& options);
  Forwarder(Forwarder&&) noexcept;
  ~Forwarder();

  // What was reached, for a result file: "native XDP, AF_XDP copy, 1 queue".
  [[nodiscard]] std::string mode() const;
  // Until `stop`. XDP needs nobody: then it only waits.
  void run(const std::atomic<bool>& stop);

 private:
  struct Parts;
  explicit Forwarder(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinpath::bench
