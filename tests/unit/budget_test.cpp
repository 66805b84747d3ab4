// budget_test.cpp - what a flood by one port leaves to the others, and what all of them may have together.
#include "common/target.h"

#include <doctest/doctest.h>

#include "config/config.hpp"
#include "control/publish/settings_writer.hpp"
#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

class Budget {
 public:
  explicit Budget(std::uint32_t pps, std::size_t ports = 2) {
    Config config;
    config.ports.resize(ports);
    config.engine.budget_pps.fragment = pps;
    SettingsWriter{tables.settings}.configure(config, kHertz);
  }
  // How many of `asked` packets pass.
  std::uint32_t take(std::uint16_t port, std::uint32_t asked) {
    std::uint32_t passed = 0;
    for (std::uint32_t i = 0; i < asked; ++i)
      passed += static_cast<std::uint32_t>(dp_budget_take(&tables.env, DP_BUDGET_FRAGMENT, port, tables.now));
    return passed;
  }

  GatewayTables tables;
};

}  // namespace

TEST_CASE("a flood from one port leaves the others their shares, and all ports together have the budget") {
  Budget budget(100);
  CHECK(budget.take(kLan, 1000) == 75);  // its share, and what belongs to nobody
  CHECK(budget.take(kWan, 1000) == 25);
  budget.tables.now += kHertz;
  CHECK(budget.take(kWan, 20) == 20);
  CHECK(budget.take(kLan, 1000) == 75);
  CHECK(budget.take(kWan, 1000) == 5);
}

TEST_CASE("the only port has the whole budget") {
  Budget budget(100, 1);
  CHECK(budget.take(kLan, 1000) == 100);
}

TEST_CASE("a budget of less than a packet for each port belongs to nobody, and is not exceeded") {
  Budget one(1), none(0);
  CHECK(one.take(kLan, 10) + one.take(kWan, 10) == 1);
  CHECK(none.take(kLan, 10) == 0);
}

TEST_CASE("a clock that is a little behind the other datapath's does not begin the second anew") {
  Budget budget(100);
  CHECK(budget.take(kLan, 1000) == 75);
  budget.tables.now -= 1;
  CHECK(budget.take(kLan, 1000) == 0);
  budget.tables.now += kHertz;
  CHECK(budget.take(kLan, 1000) == 0);  // a tick short of the second
  budget.tables.now += 1;
  CHECK(budget.take(kLan, 1000) == 75);
}
