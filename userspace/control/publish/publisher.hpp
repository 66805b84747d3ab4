// publisher.hpp - puts tables in force: writes the idle bank, then flips its bank word in the settings. Policy and
// routes have a bank word each, so that neither is copied when the other changes.
//
// Grace    A bank is written again only when no program and no engine can still be reading it.
// Numbers  A new policy raises the generation, new routes raise the epoch. Both continue from the pinned settings.
// Thread   The control thread's.
#pragma once

#include <array>
#include <functional>

#include "common/model/settings.h"
#include "config/compile.hpp"
#include "control/follow/route_tables.hpp"
#include "control/publish/settings_writer.hpp"
#include "kernel/grace.hpp"
#include "kernel/tables.hpp"

namespace twinpath {

class Publisher {
 public:
  // `wait_for_engines` returns when every engine has finished the burst it was working on.
  Publisher(Tables& tables, SettingsWriter& settings, GracePeriod grace, std::function<void()> wait_for_engines);

  // An error leaves the tables in force as they were. Raises the generation.
  [[nodiscard]] Status publish(const TableImage& image);
  // Raises the route epoch. The rules name roots of trees that are in memory already.
  [[nodiscard]] Status publish_routes(const RouteRules& routes);
  // The same in both banks, for the start: neither holds anything yet, and programs of an earlier daemon, which have
  // tables of their own, go on with the bank that they use.
  [[nodiscard]] Status publish_first(const TableImage& image, const RouteRules& routes);
  // Both, for a change of ports. Both banks are written before either is put in force. The routes are flipped first:
  // for a moment a packet may be decided by the old policy with the new routes.
  [[nodiscard]] Status publish(const TableImage& image, const RouteRules& routes);
  // Waits until no program and no engine uses what it read before this call.
  [[nodiscard]] Status wait_for_readers();

  [[nodiscard]] std::uint16_t generation() const { return settings_.generation(); }

 private:
  void write_policy(const TableImage& image);
  void write_routes(const RouteRules& rules, std::uint32_t bank);
  void flip_policy();
  void flip_routes();
  [[nodiscard]] std::uint32_t idle_policy_bank() const { return (settings_.view().policy_bank + 1) % DP_BANKS; }
  [[nodiscard]] std::uint32_t idle_route_bank() const { return (settings_.view().route_bank + 1) % DP_BANKS; }

  Tables& tables_;
  SettingsWriter& settings_;
  GracePeriod grace_;
  std::function<void()> wait_for_engines_;
};

}  // namespace twinpath
