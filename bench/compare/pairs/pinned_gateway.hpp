// pinned_gateway.hpp - the tables of a running instance, opened by its pins, for the shared functions that decide flows.
//
// Owner    file descriptors and mappings; the instance does not depend on them. Only the flow table is writable.
// Place    the mount namespace that the instance was started in: its pins are in that bpffs (not `ip netns exec`).
// Thread   one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/tick_clock.hpp"
#include "engine/env.hpp"
#include "kernel/pins.hpp"
#include "kernel/tables.hpp"

namespace twinpath::bench {

class PinnedGateway {
 public:
  // Refuses an instance of another layout, and one whose daemon does not run: its entries would never expire.
  [[nodiscard]] static Result<std::unique_ptr<PinnedGateway>> open(const std::string& instance);

  [[nodiscard]] dp_env& env() { return env_; }
  [[nodiscard]] const dp_settings& settings() const { return memory_.settings[0]; }
  // In the instance's ticks.
  [[nodiscard]] std::uint32_t now() const { return clock_.now(); }

 private:
  explicit PinnedGateway(std::string pins) : pins_(std::move(pins)) {}
  [[nodiscard]] Status open_tables();
  [[nodiscard]] Result<int> open_map(const std::string& name);
  template <class T>
  [[nodiscard]] Status map_table(MapMemory<T>& memory, const std::string& name, int protection = PROT_READ);
  [[nodiscard]] Status learn_time();

  std::string pins_;
  std::vector<UniqueFd> maps_;
  TableMemory memory_;
  dp_env env_;
  TickClock clock_;
};

}  // namespace twinpath::bench
