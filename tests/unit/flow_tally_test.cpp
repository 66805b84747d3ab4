#include "engine/flow_tally.hpp"

#include <doctest/doctest.h>

#include "harness/gateway_tables.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

// A flow from the lan that the table holds.
struct Flow {
  explicit Flow(std::uint16_t port = 1000) {
    frame = (Eth{} / Ipv4{.src = "192.0.2.1", .dst = "198.51.100.1"} / Udp{.sport = port, .dport = 53}).bytes();
    tables.allow();
    REQUIRE(tables.decide(frame, kLan) == DP_NONE);
    view = tables.last.view;
  }
  [[nodiscard]] std::uint64_t packets() { return tables.packets_of(DP_FAMILY_V4, view.slot); }
  [[nodiscard]] std::uint32_t seen() { return dp_flow_entry4(&tables.env, view.slot)->seen; }

  GatewayTables tables;
  Bytes frame;
  dp_flow_view view{};
};

}  // namespace

TEST_CASE("flush() adds each packet to the table once") {
  Flow flow;
  FlowTally tally{flow.tables.env};
  for (int i = 0; i < 3; ++i) tally.count(DP_FAMILY_V4, flow.view, 100, kStart + 7);
  CHECK(flow.packets() == 0);
  CHECK_FALSE(tally.empty());
  tally.flush();
  CHECK(flow.packets() == 3);
  CHECK(flow.seen() == kStart + 7);
  CHECK(tally.empty());
  tally.flush();
  CHECK(flow.packets() == 3);
}

TEST_CASE("two flows of one entry do not get each other's packets") {
  Flow flow;
  FlowTally tally{flow.tables.env};
  dp_flow_view other = flow.view;
  other.control ^= DP_FLOW_VERSION_ONE;  // an earlier flow of the slot
  tally.count(DP_FAMILY_V4, other, 100, kStart);
  tally.count(DP_FAMILY_V4, flow.view, 100, kStart);
  tally.count(DP_FAMILY_V4, other, 100, kStart);
  CHECK(flow.packets() == 1);  // added when the other flow took the entry
  tally.flush();
  CHECK(flow.packets() == 1);
}

TEST_CASE("counts of a deleted flow are not added to the next flow of its slot") {
  Flow flow;
  FlowTally tally{flow.tables.env};
  tally.count(DP_FAMILY_V4, flow.view, 100, kStart);
  REQUIRE(dp_flow_delete(&flow.tables.env, DP_FAMILY_V4, &flow.view) == 1);
  REQUIRE(flow.tables.decide(flow.frame, kLan) == DP_NONE);
  REQUIRE(flow.tables.last.view.slot == flow.view.slot);
  tally.flush();
  CHECK(flow.packets() == 0);
}

TEST_CASE("the destructor flushes the tally") {
  Flow flow;
  FlowTally{flow.tables.env}.count(DP_FAMILY_V4, flow.view, 100, kStart);
  CHECK(flow.packets() == 1);
}
