// settings_writer.hpp - the only writer of the pinned dp_settings, which the datapaths read for every packet. On an upgrade a
// new map has been filled with the head of the former one before (carry_settings_over in kernel/tables.cpp).
//
// Stores   Atomic, field by field: a reader sees the old or the new value of each field. Fields that must change
//          together are one word (stamp); the others may be read for a moment as one old and one new.
// Order    Write the bank, then the stamp; read the stamp, then the bank. So a decision by the old bank always carries an
//          old stamp and is made again. Both stores are sequentially consistent.
// Threads  set_heartbeat(): the heartbeat's. Everything else: the control thread's.
#pragma once

#include <cstdint>

#include "common/model/settings.h"
#include "config/config.hpp"

namespace twinpath {

// Of one rule and second: enough to see what it does, and no flood of lines.
inline constexpr std::uint32_t kLogEvents = 50;

class SettingsWriter {
 public:
  explicit SettingsWriter(dp_settings& settings) : settings_(settings) {}

  // fresh(): no daemon has configured these settings yet. begin() then sets the first stamp and random seeds. Adopted
  // settings keep theirs, since flow entries depend on them.
  [[nodiscard]] bool fresh() const { return settings_.layout_version == 0; }
  void begin();
  // Writes the settings of the document, times in ticks. Stores the layout version last: then the settings are not
  // fresh.
  void configure(const Config& config, std::uint32_t ticks_per_second);

  void put_policy_in_force(std::uint32_t bank, std::uint16_t generation);
  void put_routes_in_force(std::uint32_t bank, std::uint16_t epoch);
  void set_heartbeat(std::uint32_t tick);
  // The grace time begins, for so many ticks. end_pickup_grace() ends it for good when it is over; called every second.
  void begin_pickup_grace(std::uint32_t now, std::uint32_t ticks);
  void end_pickup_grace(std::uint32_t now);
  void set_crowded(bool v4, bool v6);

  // The current values.
  [[nodiscard]] const dp_settings& view() const { return settings_; }
  [[nodiscard]] std::uint16_t generation() const { return static_cast<std::uint16_t>(settings_.stamp >> 16); }
  [[nodiscard]] std::uint16_t epoch() const { return static_cast<std::uint16_t>(settings_.stamp); }

 private:
  void store_stamp(std::uint16_t generation, std::uint16_t epoch);

  dp_settings& settings_;
};

}  // namespace twinpath
