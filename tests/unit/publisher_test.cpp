// Which tables a publication writes, and which it leaves unchanged, with maps of the kernel.
#include "control/publish/publisher.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "harness/namespace.hpp"
#include "kernel/pins.hpp"

using namespace twinpath;
using twinpath::test::require_root;

namespace {

// A rule for IPv4 that is told apart from others by its tree.
RouteRules ask_tree(std::uint32_t root) {
  RouteRules rules;
  dp_route_rule rule{};
  rule.action = DP_ROUTE_ASK_TREE;
  rule.root = root;
  rules[0].push_back(rule);
  return rules;
}

TableImage image_with(std::uint8_t default_action) {
  TableImage image;
  dp_zone_pair pair{};
  pair.default_action = default_action;
  image.zone_pairs.assign(std::size_t{DP_ZONES_MAX} * DP_ZONES_MAX, pair);
  return image;
}

class Fixture {
 public:
  Fixture() {
    auto pins = make_pin_directory("/sys/fs/bpf", "publisher-" + std::to_string(::getpid()));
    REQUIRE(pins);
    pins_ = *pins;
    auto tables = Tables::open(pins_, 64, 64);
    REQUIRE(tables);
    tables_ = std::make_unique<Tables>(std::move(*tables));
    writer_ = std::make_unique<SettingsWriter>(tables_->memory().settings[0]);
    writer_->begin();
    auto grace = GracePeriod::create();
    REQUIRE(grace);
    publisher = std::make_unique<Publisher>(*tables_, *writer_, std::move(*grace), [this] { on_wait(); });
  }
  ~Fixture() { remove_pins(pins_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] const dp_settings& settings() const { return writer_->view(); }
  // Of the bank in force: the default of a pair of zones, and the tree of the first rule for IPv4 (0: there is no rule).
  [[nodiscard]] int default_action() const {
    return tables_->memory()
        .zone_pairs[settings().policy_bank * std::size_t{DP_ZONES_MAX} * DP_ZONES_MAX]
        .default_action;
  }
  [[nodiscard]] std::uint32_t tree() const { return rule(settings().route_bank, 0).root; }
  [[nodiscard]] const dp_route_rule& rule(std::uint32_t bank, std::size_t rank) const {
    return tables_->memory().route_rules[std::size_t{bank} * 2 * DP_ROUTE_RULES_MAX + rank];
  }

  // Everything that a publication writes: both banks of both kinds, and the settings.
  [[nodiscard]] std::vector<std::uint8_t> memory() const {
    std::vector<std::uint8_t> bytes;
    const auto add = [&](const auto& values) {
      const auto* first = reinterpret_cast<const std::uint8_t*>(values.data());
      bytes.insert(bytes.end(), first, first + values.size_bytes());
    };
    add(tables_->memory().zone_pairs.values());
    add(tables_->memory().rules.values());
    add(tables_->memory().route_rules.values());
    add(tables_->memory().settings.values());
    return bytes;
  }
  // What a daemon leaves that is killed between the store of a bank word and that of the stamp.
  void flip_policy_bank_only() { tables_->memory().settings[0].policy_bank ^= 1U; }

  std::unique_ptr<Publisher> publisher;
  std::function<void()> on_wait = [] {};  // called when a publication waits for the engines

 private:
  std::string pins_;
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<SettingsWriter> writer_;
};

}  // namespace

TEST_CASE("a policy is put in force without a copy of the routes, and routes without a copy of the policy") {
  if (!require_root()) return;
  Fixture gateway;
  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_ALLOW), ask_tree(7)));
  const dp_settings before = gateway.settings();

  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_REJECT)));
  CHECK(gateway.default_action() == DP_ACTION_REJECT);
  CHECK(gateway.settings().policy_bank != before.policy_bank);
  CHECK(gateway.settings().route_bank == before.route_bank);
  CHECK(gateway.settings().stamp == before.stamp + (1U << 16));
  CHECK(gateway.tree() == 7);

  const std::uint32_t policy_bank = gateway.settings().policy_bank;
  REQUIRE(gateway.publisher->publish_routes(ask_tree(9)));
  CHECK(gateway.tree() == 9);
  CHECK(gateway.settings().policy_bank == policy_bank);
  CHECK(gateway.settings().route_bank != before.route_bank);
  CHECK(gateway.settings().stamp == before.stamp + (1U << 16) + 1);
  CHECK(gateway.default_action() == DP_ACTION_REJECT);
}

TEST_CASE("a rule that is not published any more is in neither bank after two publications") {
  if (!require_root()) return;
  Fixture gateway;
  REQUIRE(gateway.publisher->publish_routes(ask_tree(7)));
  CHECK(gateway.tree() == 7);
  for (int i = 0; i < DP_BANKS; ++i) {
    REQUIRE(gateway.publisher->publish_routes(RouteRules{}));
    CHECK(gateway.rule(gateway.settings().route_bank, 0).action == DP_ROUTE_ASK_END);
  }
}

TEST_CASE("the first publication writes the rules to both banks and leaves the bank that is in use") {
  if (!require_root()) return;
  Fixture gateway;
  const dp_settings before = gateway.settings();
  REQUIRE(gateway.publisher->publish_first(image_with(DP_ACTION_ALLOW), ask_tree(7)));
  CHECK(gateway.settings().route_bank == before.route_bank);
  CHECK(gateway.settings().stamp == before.stamp + (1U << 16) + 1);
  for (std::uint32_t bank = 0; bank < DP_BANKS; ++bank) CHECK(gateway.rule(bank, 0).root == 7);
}

TEST_CASE("no bank is written before the readers of the idle one are gone") {
  if (!require_root()) return;
  Fixture gateway;
  const std::function<Status()> publications[] = {
      [&] { return gateway.publisher->publish(image_with(DP_ACTION_ALLOW)); },
      [&] { return gateway.publisher->publish_routes(ask_tree(7)); },
      [&] { return gateway.publisher->publish(image_with(DP_ACTION_REJECT), ask_tree(9)); },
      [&] { return gateway.publisher->publish_first(image_with(DP_ACTION_ALLOW), ask_tree(11)); }};
  for (const auto& publish : publications) {
    const std::vector<std::uint8_t> before = gateway.memory();
    int waits = 0;
    bool untouched = true;
    gateway.on_wait = [&] {
      ++waits;
      untouched = untouched && gateway.memory() == before;
    };
    REQUIRE(publish());
    CHECK(waits == 1);
    CHECK(untouched);
    CHECK(gateway.memory() != before);
  }
}

TEST_CASE("after a kill between bank and stamp, the next start ends what was decided under that stamp") {
  if (!require_root()) return;
  Fixture gateway;
  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_ALLOW), ask_tree(7)));
  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_REJECT)));
  const dp_settings before = gateway.settings();
  gateway.flip_policy_bank_only();
  REQUIRE(gateway.publisher->publish_first(image_with(DP_ACTION_DROP), ask_tree(9)));
  CHECK(gateway.settings().stamp == before.stamp + (1U << 16) + 1);
  CHECK(gateway.default_action() == DP_ACTION_DROP);
  CHECK(gateway.tree() == 9);
}
