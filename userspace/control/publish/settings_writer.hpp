// settings_writer.hpp - the only writer of the pinned dp_settings, which the datapaths read for every packet.
//
// Stores   atomic, field by field: a reader sees each field as it was or as it is. Fields that belong together are one word
//          (stamp), or bear a moment of one old and one new.
// Order    a bank word first, the stamp after it, both sequentially consistent; a datapath reads them the other way round, so
//          what it decides under the new bank can carry the old stamp (and is judged again) but never the reverse.
// Threads  set_heartbeat(): the heartbeat's. Everything else: the control thread's.
#pragma once

#include <cstdint>

#include "common/model/settings.h"
#include "config/config.hpp"

namespace twinpath {

class SettingsWriter {
 public:
  explicit SettingsWriter(dp_settings& settings) : settings_(settings) {}

  // No daemon has written here yet: the stamp begins, the seeds are drawn. Numbers and seeds of adopted settings stay, since
  // entries were made with them.
  [[nodiscard]] bool fresh() const { return settings_.layout_version == 0; }
  void begin();
  // What the document says, in ticks. The layout version comes last: from then on the settings are not fresh.
  void configure(const Config& config, std::uint32_t ticks_per_second);

  void put_policy_in_force(std::uint32_t bank, std::uint16_t generation);
  void put_routes_in_force(std::uint32_t bank, std::uint16_t epoch);
  void set_heartbeat(std::uint32_t tick);
  void set_pickup_until(std::uint32_t tick);
  void set_crowded(bool v4, bool v6);

  // As they stand.
  [[nodiscard]] const dp_settings& view() const { return settings_; }
  [[nodiscard]] std::uint16_t generation() const { return static_cast<std::uint16_t>(settings_.stamp >> 16); }
  [[nodiscard]] std::uint16_t epoch() const { return static_cast<std::uint16_t>(settings_.stamp); }

 private:
  void store_stamp(std::uint16_t generation, std::uint16_t epoch);

  dp_settings& settings_;
};

}  // namespace twinpath
