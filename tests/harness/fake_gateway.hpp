// fake_gateway.hpp - a Gateway that answers from plain fields and remembers what it was asked.
#pragma once

#include <stdexcept>

#include "rest/gateway.hpp"

namespace twinpath::rest {

struct FakeGateway final : Gateway {
  using json = nlohmann::json;

  json status_answer = {{"name", "edge1"}, {"generation", 7}};
  std::vector<json> pairs;  // their ids are "1", "2", ...
  PolicyQuery last_query;
  int pages_asked = 0;
  int pages_given = -1;  // policies() refuses after so many pages; below 0: never
  std::string last_config;
  bool last_dry_run = false;
  std::vector<ConfigFault> faults;
  std::string refusal;                 // put_config and policies fail with it
  std::uint32_t waiting_s = 0;         // put_config is refused so, and confirm() has something to do
  std::uint32_t confirm_within_s = 0;  // of every configuration that is put
  bool busy = false;                   // put_config is refused so
  bool answer_later = false;           // put_config leaves its `done` in waiting_done
  ConfigDone waiting_done;
  int confirmed = 0;
  int shut_downs = 0;
  bool detached = false;
  std::string metrics_text = "# TYPE twinpath_up gauge\ntwinpath_up 1\n";

  void add_pairs(int count) {
    for (int i = 1; i <= count; ++i) pairs.push_back({{"id", std::to_string(i)}, {"state", "assured"}});
  }

  json status() override { return status_answer; }
  json config() override { return {{"name", "edge1"}}; }
  json ports() override { return json::array({{{"name", "lan"}, {"device", "lan0"}}}); }
  json zones() override { return json::array({{{"name", "inside"}}}); }
  json rules() override { return json::array({{{"name", "web-out"}, {"packets", 12}}}); }
  json drops() override { return json::array({{{"reason", "no_route"}, {"packets", 3}}}); }
  json steered() override { return json::array({{{"reason", "fragment"}, {"packets", 4}}}); }
  json engines() override { throw std::runtime_error("engines are on strike"); }
  std::string metrics() override { return metrics_text; }

  Result<PolicyPage> policies(const PolicyQuery& query) override {
    last_query = query;
    ++pages_asked;
    if (!refusal.empty()) return refuse("{}", refusal);
    if (pages_asked - 1 == pages_given) return refuse("the zone has gone");
    PolicyPage page;
    std::size_t at = query.cursor.empty() ? 0 : std::stoul(query.cursor);
    for (; at < pairs.size() && page.pairs.size() < query.limit; ++at) page.pairs.push_back(pairs[at].dump());
    if (at < pairs.size()) page.cursor = std::to_string(at);
    return page;
  }
  std::optional<std::string> policy(std::string_view id) override {
    for (const json& pair : pairs)
      if (pair["id"] == id) return pair.dump();
    return std::nullopt;
  }
  Result<std::size_t> remove_policies(const PolicyQuery& query) override {
    last_query = query;
    return pairs.size();
  }
  bool remove_policy(std::string_view id) override { return policy(id).has_value(); }
  void put_config(std::string_view text, bool dry_run, ConfigDone done) override {
    last_config = text;
    last_dry_run = dry_run;
    if (answer_later) {
      waiting_done = std::move(done);
      return;
    }
    if (!refusal.empty()) return done(refuse("{}", refusal));
    ConfigAnswer answer{8, faults, nullptr, waiting_s, dry_run ? 0 : confirm_within_s, busy};
    if (dry_run) answer.changes = json::array({"rules: 1 added"});
    done(answer);
  }
  std::optional<std::uint32_t> confirm() override {
    if (waiting_s == 0) return std::nullopt;
    waiting_s = 0;
    ++confirmed;
    return 7;
  }
  void shut_down(bool detach) override {
    ++shut_downs;
    detached = detach;
  }
};

}  // namespace twinpath::rest
