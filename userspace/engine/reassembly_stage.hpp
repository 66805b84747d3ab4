// reassembly_stage.hpp - gives each later fragment the transport facts of its datagram's first fragment, before it is
// decided.
//
// Decision  a later fragment is decided like the first one, by the same rules, flow and route. A policy that changes
//           between two fragments applies to those that come after. Nothing is reassembled; each fragment is forwarded
//           as it came.
// Waiting   a later fragment that comes before the first one waits, and so do the fragments behind it: the fragments of
//           a datagram leave in the order they came, behind the first. Bounds: `waiting_per_datagram`, `waiting_total`
//           and `hold_ticks`; beyond them the fragment is dropped (fragment_timeout). Reordering in a network lasts
//           milliseconds; `hold_ticks` is one second by default.
// Thread    the engine's; see stage.hpp for what a stage may do.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/datagrams.hpp"
#include "engine/stage.hpp"

namespace twinpath {

struct ReassemblyLimits {
  std::uint32_t datagrams = 4096;
  std::uint32_t waiting_total = 512;
  std::uint32_t waiting_per_datagram = 64;  // a full datagram in packets of 1,024 bytes
  std::uint32_t hold_ticks = 0;             // 0: one second
};

class ReassemblyStage final : public Stage {
 public:
  ReassemblyStage(const ReassemblyLimits& limits, std::uint64_t seed, std::uint32_t ticks_per_second);
  [[nodiscard]] std::string_view name() const noexcept override { return "reassembly"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;

  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

  // Forgets the datagrams of a port that is gone: release() hands their waiting fragments out as dropped.
  void forget_port(std::uint16_t port) noexcept { table_.forget_port(port); }

  // Hands out, in order of arrival, every fragment whose wait is over: undecided with its facts, or dropped. `take`
  // gets the item and owns its frame.
  template <class Take>
  void release(std::uint32_t now, Take&& take) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (still_waits(waiting_[i], now)) {
        if (kept != i) waiting_[kept] = waiting_[i];
        ++kept;
        continue;
      }
      leave(waiting_[i]);
      take(waiting_[i].item);
    }
    waiting_.resize(kept);
  }

 private:
  struct Waiting {
    Item item;
    std::uint32_t slot;  // of its datagram
    std::uint32_t serial;
    std::uint32_t since;
  };

  void admit(Item& item, std::uint32_t now) noexcept;
  void wait(Item& item, Datagram& datagram, std::uint32_t now) noexcept;
  [[nodiscard]] bool still_waits(const Waiting& waiting, std::uint32_t now) noexcept;
  void leave(Waiting& waiting) noexcept;

  FragmentTable table_;
  ReassemblyLimits limits_;
  std::vector<Waiting> waiting_;  // reserved once, never grows beyond
};

}  // namespace twinpath
