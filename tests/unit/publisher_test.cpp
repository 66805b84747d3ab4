// Which tables a publication writes, and which it leaves unchanged, with maps of the kernel.
#include "control/publish/publisher.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "harness/namespace.hpp"
#include "kernel/pins.hpp"

using namespace twinpath;
using twinpath::test::require_root;

namespace {

netlink::Prefix prefix4(std::uint32_t network, std::uint8_t bits) {
  netlink::Prefix prefix;
  prefix.base.family = DP_FAMILY_V4;
  prefix.base.address.word[0] = __builtin_bswap32(network);
  prefix.bits = bits;
  return prefix;
}

RoutePlan one_route(std::uint32_t network, std::uint16_t port) {
  RoutePlan plan;
  dp_route route{};
  route.kind = DP_ROUTE_ON_LINK;
  route.port = port;
  plan.routes[prefix4(network, 8)] = route;
  return plan;
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
    publisher = std::make_unique<Publisher>(*tables_, *writer_, std::move(*grace), [this] { ++waits; });
  }
  ~Fixture() { remove_pins(pins_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] const dp_settings& settings() const { return writer_->view(); }
  // Of the bank in force: the default of a pair of zones, and the port of 10.0.0.0/8 (0: there is no such route).
  [[nodiscard]] int default_action() const {
    return tables_->memory()
        .zone_pairs[settings().policy_bank * std::size_t{DP_ZONES_MAX} * DP_ZONES_MAX]
        .default_action;
  }
  [[nodiscard]] int port_of_ten() const {
    const dp_route_key4 key{8, __builtin_bswap32(0x0a000000)};
    dp_route route{};
    const int map = tables_->maps().routes4[settings().route_bank];
    return bpf_map_lookup_elem(map, &key, &route) == 0 ? route.port : 0;
  }

  std::unique_ptr<Publisher> publisher;
  int waits = 0;

 private:
  std::string pins_;
  std::unique_ptr<Tables> tables_;
  std::unique_ptr<SettingsWriter> writer_;
};

}  // namespace

TEST_CASE("a policy is put in force without a copy of the routes, and routes without a copy of the policy") {
  if (!require_root()) return;
  Fixture gateway;
  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_ALLOW), one_route(0x0a000000, 7)));
  const dp_settings before = gateway.settings();

  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_REJECT)));
  CHECK(gateway.default_action() == DP_ACTION_REJECT);
  CHECK(gateway.settings().policy_bank != before.policy_bank);
  CHECK(gateway.settings().route_bank == before.route_bank);
  CHECK(gateway.settings().stamp == before.stamp + (1U << 16));
  CHECK(gateway.port_of_ten() == 7);

  const std::uint32_t policy_bank = gateway.settings().policy_bank;
  REQUIRE(gateway.publisher->publish_routes(one_route(0x0a000000, 9)));
  CHECK(gateway.port_of_ten() == 9);
  CHECK(gateway.settings().policy_bank == policy_bank);
  CHECK(gateway.settings().route_bank != before.route_bank);
  CHECK(gateway.settings().stamp == before.stamp + (1U << 16) + 1);
  CHECK(gateway.default_action() == DP_ACTION_REJECT);
}

TEST_CASE("a route that is not in the plan any more is in neither bank after two publications") {
  if (!require_root()) return;
  Fixture gateway;
  REQUIRE(gateway.publisher->publish_routes(one_route(0x0a000000, 7)));
  CHECK(gateway.port_of_ten() == 7);
  for (int i = 0; i < DP_BANKS; ++i) {
    REQUIRE(gateway.publisher->publish_routes(one_route(0x0b000000, 7)));
    CHECK(gateway.port_of_ten() == 0);
  }
}

TEST_CASE("the idle bank is not written before its readers are gone") {
  if (!require_root()) return;
  Fixture gateway;
  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_ALLOW)));
  CHECK(gateway.waits == 1);
  REQUIRE(gateway.publisher->publish(image_with(DP_ACTION_ALLOW), one_route(0x0a000000, 7)));
  CHECK(gateway.waits == 2);
}
