// publisher.hpp - puts tables in force: builds the idle bank, then flips one word.
//
// Grace    a bank is written again only when no program and no engine can still be reading it.
// Numbers  the generation changes with the policy, the epoch with routes; both go on where the pinned settings stand.
// Thread   the control thread's.
#pragma once

#include <array>
#include <functional>

#include "common/model/settings.h"
#include "config/compile.hpp"
#include "control/follow/route_plan.hpp"
#include "control/publish/settings_writer.hpp"
#include "kernel/grace.hpp"
#include "kernel/tables.hpp"

namespace twinpath {

class Publisher {
 public:
  // `wait_for_engines` returns when every engine has passed a quiet point.
  Publisher(Tables& tables, SettingsWriter& settings, GracePeriod grace, std::function<void()> wait_for_engines);

  // Either may be null: unchanged since the last call. Raises the generation when `policy` is given, the epoch when
  // `routes` is. An error leaves the tables in force as they were.
  [[nodiscard]] Status publish(const PolicyImage* policy, const RoutePlan* routes);
  // Waits until no program and no engine still works on what it read before this call.
  [[nodiscard]] Status wait_for_readers();

  [[nodiscard]] std::uint16_t generation() const { return settings_.generation(); }

 private:
  void write_policy(std::uint32_t bank, const PolicyImage& policy);
  [[nodiscard]] Status write_routes(std::uint32_t bank, const RoutePlan& plan);
  [[nodiscard]] Status write_route(std::uint32_t bank, const netlink::Prefix& prefix, const dp_route& route);
  [[nodiscard]] Status remove_route(std::uint32_t bank, const netlink::Prefix& prefix);
  void read_back_routes(std::uint32_t bank);

  Tables& tables_;
  SettingsWriter& settings_;
  GracePeriod grace_;
  std::function<void()> wait_for_engines_;
  PolicyImage policy_;  // in force, like routes_
  RoutePlan routes_;
  std::array<std::map<netlink::Prefix, dp_route>, DP_BANKS> written_;  // what is in each bank's tries
};

}  // namespace twinpath
