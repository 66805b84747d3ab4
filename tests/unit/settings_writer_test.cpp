// The settings that SettingsWriter writes for a configuration.
#include "control/publish/settings_writer.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace twinpath;

TEST_CASE("settings are fresh until a daemon has configured them") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  CHECK(writer.fresh());
  writer.begin();
  CHECK(writer.fresh());
  writer.configure(Config{}, 250);
  CHECK_FALSE(writer.fresh());
}

TEST_CASE("begin() sets random seeds, and generation and epoch to one") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  writer.begin();
  CHECK(writer.generation() == 1);
  CHECK(writer.epoch() == 1);
  CHECK(settings.v4.seed != settings.v6.seed);
  CHECK(settings.ecmp_seed != 0);
}

TEST_CASE("another configuration changes neither seeds nor generation nor epoch") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  writer.begin();
  const dp_settings before = settings;
  writer.configure(Config{}, 250);
  CHECK(settings.v4.seed == before.v4.seed);
  CHECK(settings.v6.seed == before.v6.seed);
  CHECK(settings.ecmp_seed == before.ecmp_seed);
  CHECK(settings.stamp == before.stamp);
}

TEST_CASE("seconds and budgets of the document are written in ticks and packets") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  Config config;
  config.flows.timeouts.udp_s = 30;
  config.flows.pickup = Pickup::loose;
  config.engine.budget_pps.ttl = 123;
  writer.configure(config, 250);
  CHECK(settings.ticks_per_second == 250);
  CHECK(settings.heartbeat_limit == 3 * 250);
  CHECK(settings.timeouts.udp == 30 * 250);
  CHECK(settings.pickup == DP_PICKUP_LOOSE);
  CHECK(settings.budget[DP_BUDGET_TTL] == 123);
  CHECK(settings.budget[DP_BUDGET_LINK] == config.engine.budget_pps.host);
  CHECK(settings.v4.max_pairs == config.flows.max_pairs_v4);
}

TEST_CASE("when the table of either family is crowded, writers may replace expired entries") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  writer.set_crowded(false, true);
  CHECK(settings.crowded == DP_CROWDED_V6);
  CHECK(settings.evict_expired == 1);
  writer.set_crowded(false, false);
  CHECK(settings.crowded == 0);
  CHECK(settings.evict_expired == 0);
}

TEST_CASE("policy and routes are put in force separately, each with its own half of the stamp") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  writer.begin();
  writer.put_policy_in_force(1, 5);
  CHECK(settings.policy_bank == 1);
  CHECK(settings.route_bank == 0);
  CHECK(settings.stamp == (5U << 16 | 1));
  writer.put_routes_in_force(1, 9);
  CHECK(settings.policy_bank == 1);
  CHECK(settings.route_bank == 1);
  CHECK(settings.stamp == (5U << 16 | 9));
}

// The numbers of banks are not those of any table here: they only have to grow, so that a reader can tell the earlier from
// the later one.
TEST_CASE("a reader that sees a new stamp sees its bank too") {
  constexpr std::uint16_t kFlips = 60'000;
  dp_settings settings{};
  SettingsWriter writer{settings};
  const std::atomic_ref<std::uint32_t> stamp{settings.stamp};
  const auto run = [&](const std::atomic_ref<std::uint32_t>& bank, int shift, const auto& put) {
    std::uint32_t late = 0;
    std::thread reader([&] {
      for (std::uint32_t seen = 0; seen < kFlips;) {
        seen = (stamp.load() >> shift) & 0xffffU;
        if (bank.load() < seen) ++late;
      }
    });
    for (std::uint16_t i = 1; i <= kFlips; ++i) put(i);
    reader.join();
    CHECK(late == 0);
  };
  run(std::atomic_ref{settings.policy_bank}, 16, [&](std::uint16_t i) { writer.put_policy_in_force(i, i); });
  run(std::atomic_ref{settings.route_bank}, 0, [&](std::uint16_t i) { writer.put_routes_in_force(i, i); });
}
