// neighbour.hpp - asks Linux to resolve neighbours and to keep them fresh. The answers arrive at the Mirror.
//
// Traffic over XDP does not touch Linux's neighbour entries, so they would go stale and be collected while flows use
// them. A managed neighbour (NTF_EXT_MANAGED, Linux 5.16) that went stale is probed again by the kernel within
// interval_probe_time_ms: 5 s; only net.ipv4.neigh.default (ipv6 alike) of the host's first namespace counts for that.
// Where the kernel refuses that, resolve() serves (NTF_USE): the caller repeats it, for example every few seconds.
//
// Never ask for a neighbour the Mirror shows as fixed(): either flag turns the operator's permanent entry into an
// ordinary one (net/core/neighbour.c, __neigh_update). See wants_resolving().
//
// Shape      requests are collected and sent in batches: call flush() after a round, process() when fd() is readable.
// Cost       one system call for about 300 requests; the kernel acts while it takes them, and answers only refusals.
// Privilege  CAP_NET_ADMIN, both when opened and when sending.
// Thread     one at a time. Nothing blocks.
#pragma once

#include <cstddef>
#include <vector>

#include "netlink/socket.hpp"
#include "netlink/state.hpp"

namespace twinpath::netlink {

// What Linux refused to do. ENODEV: the device is gone. ENOBUFS: its neighbour table is full (gc_thresh3).
struct NeighbourRefusal {
  NeighbourKey key;
  int code = 0;  // errno
};

class Resolver {
 public:
  // Also finds out, by a request for a device that cannot exist, whether this kernel manages neighbours.
  [[nodiscard]] static Result<Resolver> open();

  [[nodiscard]] int fd() const { return socket_.fd(); }
  // Creates the entry if there is none, and probes it unless it is fresh: once.
  void resolve(const NeighbourKey& key);
  // The same, and keeps it fresh until release(), or until the device goes down: the kernel then forgets the entry, so
  // ask again when the device is back. Without kernel support it is resolve().
  void manage(const NeighbourKey& key);
  // Leaves the entry to ordinary ageing. It may be gone already.
  void release(const NeighbourKey& key);
  // Deletes the entry. It may be gone already.
  void remove(const NeighbourKey& key);
  // Sends what was collected. Refusals come by process().
  [[nodiscard]] Status flush();
  // Refusals since the last call. An entry that was released but does not exist is no refusal.
  [[nodiscard]] Result<std::vector<NeighbourRefusal>> process();

  [[nodiscard]] bool manages() const { return manages_; }

 private:
  explicit Resolver(Socket socket) : socket_(std::move(socket)) {}
  void collect(Message request);
  void add(const NeighbourKey& key, int flags, std::uint8_t neighbour_flags, std::uint32_t extended_flags);

  Socket socket_;
  std::vector<std::byte> batch_;
  bool manages_ = true;
  Status unsent_;  // why a batch that was full could not be sent; told by the next flush()
};

// True when it makes sense to resolve or manage what the Mirror knows (nullptr: nothing) about a next hop.
[[nodiscard]] bool wants_resolving(const Neighbour* known);

}  // namespace twinpath::netlink
