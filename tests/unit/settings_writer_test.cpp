// The settings that SettingsWriter writes for a configuration.
#include "control/publish/settings_writer.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>
#include <optional>

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
  CHECK(settings.budget[DP_BUDGET_TTL] + settings.budget_share[DP_BUDGET_TTL] == 123);
  CHECK(settings.budget[DP_BUDGET_LINK] + settings.budget_share[DP_BUDGET_LINK] == config.engine.budget_pps.host);
  CHECK(settings.v4.max_pairs == config.flows.max_pairs_v4);
}

TEST_CASE("the table of each family is crowded or not by itself") {
  dp_settings settings{};
  SettingsWriter writer{settings};
  writer.set_crowded(false, true);
  CHECK(settings.crowded == DP_CROWDED_V6);
  writer.set_crowded(false, false);
  CHECK(settings.crowded == 0);
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

namespace {

// Settings with the bank words on a page that is read-only until the first store to it, which notes the stamp of that
// moment.
class WatchedSettings {
 public:
  WatchedSettings()
      : page_bytes_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        pages_(static_cast<std::uint8_t*>(
            ::mmap(nullptr, 2 * page_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(static_cast<void*>(pages_) != MAP_FAILED);
    settings_ = new (pages_ + page_bytes_ - offsetof(dp_settings, policy_bank)) dp_settings{};
    watched_ = this;
    struct sigaction action {};
    action.sa_handler = [](int) { watched_->on_store(); };
    ::sigaction(SIGSEGV, &action, &before_);
  }
  ~WatchedSettings() {
    ::sigaction(SIGSEGV, &before_, nullptr);
    ::munmap(pages_, 2 * page_bytes_);
  }
  WatchedSettings(const WatchedSettings&) = delete;
  WatchedSettings& operator=(const WatchedSettings&) = delete;

  [[nodiscard]] dp_settings& get() { return *settings_; }
  void watch() {
    stamp_at_store.reset();
    ::mprotect(pages_ + page_bytes_, page_bytes_, PROT_READ);
  }

  std::optional<std::uint32_t> stamp_at_store;

 private:
  void on_store() {
    stamp_at_store = settings_->stamp;
    ::mprotect(pages_ + page_bytes_, page_bytes_, PROT_READ | PROT_WRITE);
  }

  std::size_t page_bytes_;
  std::uint8_t* pages_;
  dp_settings* settings_ = nullptr;
  struct sigaction before_ {};
  inline static WatchedSettings* watched_ = nullptr;  // for the handler
};

}  // namespace

TEST_CASE("the bank is in force before the stamp is") {
  static_assert(offsetof(dp_settings, stamp) < offsetof(dp_settings, policy_bank));
  static_assert(offsetof(dp_settings, policy_bank) < offsetof(dp_settings, route_bank));
  WatchedSettings settings;
  SettingsWriter writer{settings.get()};
  writer.begin();
  for (const bool policy : {true, false}) {
    const std::uint32_t before = settings.get().stamp;
    settings.watch();
    if (policy)
      writer.put_policy_in_force(1, 7);
    else
      writer.put_routes_in_force(1, 9);
    CHECK(settings.stamp_at_store == before);
    CHECK(settings.get().stamp != before);
  }
  CHECK(settings.get().policy_bank == 1);
  CHECK(settings.get().route_bank == 1);
}
