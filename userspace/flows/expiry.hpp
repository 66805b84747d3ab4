// expiry.hpp - deletes the pairs that have been idle for their timeout, pass by pass, and counts the others.
//
//   FlowExpiry expiry;
//   ExpiryCounts pairs = expiry.pass(table, clock.now(), settings.timeouts, settings.stamp);     // once a second
//
// Cost     Entries are read only in buckets in which a flow or its state has changed, or in which a pair may have grown
//          too old by now. To know that, there is a note for each bucket: a digest of its control words, and when to look
//          again; 16 bytes a bucket, 4 bytes a pair at max_pairs.
//          Control lines of a table above 65,536 buckets are read in portions, all within half the shortest timeout, but
//          all at once when many of a portion have changed.
// Why so   Reading a million pairs every second took 8 % of a core: entries are 16 times as many lines as control words,
//          and IPv6's twice as many.
// Late     A pass deletes every pair whose time has come. Counts of the others may be some seconds old in a large table
//          in which little happens.
// Source   docs/flow-table.md. Kernel and engine keep writing meanwhile; nothing here stops or locks them.
// Thread   one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/model/settings.h"
#include "flows/table_view.hpp"

namespace twinpath {

// Pairs, as this pass found them, or the pass that read them last.
struct ExpiryCounts {
  std::uint64_t live = 0;
  std::uint64_t half_open = 0;
  std::uint64_t assured = 0;
  std::uint64_t closing = 0;
  std::uint64_t expired = 0;  // deleted; not counted in the others
};

class FlowExpiry {
 public:
  // Deletes what is still idle when it is already out of sight. `now` in ticks. `stamp` is the current one: stamps more
  // than 2^14 generations or epochs behind it become 0. Always the same table; other timeouts are in force at once.
  ExpiryCounts pass(const TableView& table, std::uint32_t now, const dp_timeouts& timeouts, std::uint32_t stamp);

  // Of one bucket, at the last look.
  struct Note {
    std::uint64_t digest = 0;   // of its control words; 0 when nothing was ever there
    std::uint32_t look_at = 0;  // tick
    std::uint8_t half_open = 0;
    std::uint8_t assured = 0;
    std::uint8_t closing = 0;
    bool look = false;  // in this pass
  };

 private:
  void forget(const TableView& table, std::uint32_t now, const dp_timeouts& timeouts, std::uint32_t stamp);
  [[nodiscard]] std::size_t portion(std::uint32_t now) const;

  std::vector<Note> notes_;
  dp_timeouts timeouts_{};
  std::uint32_t stamp_ = 0;   // when all entries were looked at last
  std::uint32_t passed_ = 0;  // tick of the last pass
  std::size_t next_ = 0;      // bucket whose control line is to be read next
};

}  // namespace twinpath
