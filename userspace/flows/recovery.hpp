// recovery.hpp - puts an adopted flow table in order: releases what a dead writer has left half-way.
//
// Source   docs/flow-table.md. The kernel may be writing meanwhile; nothing here stops or locks it.
// Thread   one: no scan for expiry runs at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "flows/table_view.hpp"

namespace twinpath {

struct RecoveryCounts {
  std::uint64_t released = 0;    // slots that a dead writer had left half-way
  std::uint64_t half_pairs = 0;  // halves without a partner
  std::uint64_t held = 0;        // halves that waited for packets held by a dead engine
};

// Puts a table in order after a crash. No user-space writer may exist; the kernel may be writing. A slot that the kernel
// is working on changes within microseconds, so one that has kept the same transitional word for 100 ms has no writer any
// more.
class FlowRecovery {
 public:
  explicit FlowRecovery(const TableView& table) : table_(table) {}

  // First pass: notes what is in transition and returns how much that is. Wait 100 ms when it is not 0.
  std::size_t note();
  // Second pass: releases what has not moved, removes halves without a partner, clears HELD.
  RecoveryCounts repair();

 private:
  struct Noted {
    std::uint32_t slot;
    std::uint32_t control;
  };

  TableView table_;
  std::vector<Noted> noted_;
};

// Both passes; `wait` is called between them when it is needed.
RecoveryCounts recover_flows(const TableView& table, const std::function<void()>& wait);

}  // namespace twinpath
