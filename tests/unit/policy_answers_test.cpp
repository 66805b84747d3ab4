// /v1/policies over two flow tables in memory.
#include "control/answers/policy_answers.hpp"

#include <doctest/doctest.h>

#include <set>

#include "harness/flow_steps.hpp"

using namespace twinpath;
using nlohmann::json;
using namespace twinpath::test;

namespace {

struct Fixture {
  FlowTable v4{DP_FAMILY_V4}, v6{DP_FAMILY_V6};
  dp_settings memory{};
  TickClock clock;
  TableImage image;
  std::vector<dp_next_hop> next_hops{4};
  FlowTables flows{v4.view().v4, v4.view().cold, v6.view().v6, v6.view().cold, memory};
  PolicyAnswers answers{flows, image, next_hops, clock};

  Fixture() {
    memory.v4 = v4.view().shape;
    memory.v6 = v6.view().shape;
    image.zone_names = {"", "host", "inside"};
    for (std::uint32_t number = 0; number < 20; ++number) {
      v4.install(number, clock.now());
      v6.install(number, clock.now());
    }
  }
  std::set<std::string> list_all(rest::PolicyQuery query) {
    std::set<std::string> ids;
    do {
      const auto page = answers.list(query);
      REQUIRE(page);
      CHECK(page->pairs.size() <= query.limit);
      for (const std::string& pair : page->pairs) CHECK(ids.insert(json::parse(pair)["id"]).second);
      query.cursor = page->cursor;
    } while (!query.cursor.empty());
    return ids;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the pages of a list show each pair of both families once") {
  rest::PolicyQuery query;
  query.limit = 7;
  CHECK(list_all(query).size() == 40);
}

TEST_CASE_FIXTURE(Fixture, "a filter chooses among the pairs, and deletes what it chooses") {
  rest::PolicyQuery assured;
  assured.state = DP_FLOW_ASSURED;
  CHECK(list_all(assured).empty());
  set_state(v4, 3, DP_FLOW_ASSURED);
  set_state(v6, 5, DP_FLOW_ASSURED);
  CHECK(list_all(assured).size() == 2);
  CHECK(answers.remove_all(assured) == std::size_t{2});
  CHECK_FALSE(v4.has(3));
  CHECK_FALSE(v6.has(5));
  CHECK(list_all({}).size() == 38);
}

TEST_CASE_FIXTURE(Fixture, "an id finds its pair, and deletes it once") {
  const std::string id = *list_all({}).begin();
  const auto found = answers.find(id);
  REQUIRE(found);
  CHECK(json::parse(*found)["id"] == id);
  CHECK(answers.remove(id));
  CHECK_FALSE(answers.remove(id));
  CHECK_FALSE(answers.find(id));
  CHECK_FALSE(answers.find("no id"));
}

TEST_CASE_FIXTURE(Fixture, "a zone that is not configured and a mangled cursor are refused") {
  rest::PolicyQuery query;
  query.zone = "nowhere";
  CHECK_FALSE(answers.list(query));
  CHECK_FALSE(answers.remove_all(query));
  query = {};
  query.cursor = "?";
  CHECK_FALSE(answers.list(query));
}
