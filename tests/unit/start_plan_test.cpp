// Which journal a start continues, and when it is refused.
#include "control/life/start_plan.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string_view>
#include <vector>

using namespace twinpath;

namespace {

const NetnsPlace kLab{"lab", 7};

Config edge() {
  Config config;
  config.name = "edge";
  config.api.unix_path = "/run/twinpath/edge.sock";
  return config;
}

Journal earlier(const std::string& netns) {
  Journal journal;
  journal.name = "edge";
  journal.netns = netns;
  journal.netns_inode = netns == kLab.name ? kLab.inode : 8;
  journal.socket = "/old.sock";
  journal.pid = 1;
  journal.offloads.push_back({"eth1", 3, 0, "rx-gro", false, "eth1"});
  journal.confirmed = {{"name", "edge"}};
  return journal;
}

}  // namespace

TEST_CASE("a first start begins a journal with its own name, socket and process") {
  const auto journal = continue_journal(std::nullopt, false, edge(), kLab);
  REQUIRE(journal);
  CHECK(journal->name == "edge");
  CHECK(journal->netns == "lab");
  CHECK(journal->socket == "/run/twinpath/edge.sock");
  CHECK(journal->pid == ::getpid());
  CHECK(journal->confirmed.is_null());
}

TEST_CASE("a start that adopts a datapath keeps the changes to devices and the confirmed configuration") {
  const auto journal = continue_journal(earlier("lab"), true, edge(), kLab);
  REQUIRE(journal);
  CHECK(journal->offloads.size() == 1);
  CHECK(journal->confirmed == nlohmann::json{{"name", "edge"}});
  CHECK(journal->socket == "/run/twinpath/edge.sock");
  CHECK(journal->pid == ::getpid());
}

TEST_CASE("when nothing forwards any more, nothing is confirmed, but changes to devices are still to be undone") {
  const auto journal = continue_journal(earlier("other"), false, edge(), kLab);
  REQUIRE(journal);
  CHECK(journal->offloads.size() == 1);
  CHECK(journal->confirmed.is_null());
  CHECK(journal->netns == "lab");
}

TEST_CASE("zones whose flows are still to be deleted stay noted while their flows are there") {
  Journal journal = earlier("lab");
  for (int i = 0; i < 30; ++i) REQUIRE(journal.numbers.zones.restore("z" + std::to_string(i), 2U + i));
  NumberAllocation next = journal.numbers;
  REQUIRE(next.zones.assign(std::vector<std::string_view>{"new"}));
  const auto reassigned = static_cast<std::uint8_t>(next.zones.find("new"));
  journal.assign(next);
  journal.assign(next);
  CHECK(journal.numbers.zones.find("new") == reassigned);
  CHECK(journal.reassigned_zones == std::vector<std::uint8_t>{reassigned});
  CHECK(continue_journal(journal, true, edge(), kLab)->reassigned_zones == journal.reassigned_zones);
  CHECK(continue_journal(journal, false, edge(), kLab)->reassigned_zones.empty());
}

TEST_CASE("a datapath without a journal, or of another network namespace, is not adopted") {
  const auto lost = continue_journal(std::nullopt, true, edge(), kLab);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().text.find("is gone: run \"twinpath -n edge down\" first") != std::string::npos);
  const auto elsewhere = continue_journal(earlier("other"), true, edge(), kLab);
  REQUIRE_FALSE(elsewhere);
  CHECK(elsewhere.error().text.find("in network namespace \"other\", not in network namespace \"lab\"") !=
        std::string::npos);
}

TEST_CASE("a network namespace is the same by its inode, and by its name when it was made anew") {
  const struct {
    const char* what;
    std::string saved_name;
    netlink::NetnsInode saved_inode;
    NetnsPlace here;
    bool same;
  } cases[] = {
      {"started inside and from outside", "", 7, kLab, true},
      {"another name", "alias", 7, kLab, true},
      {"made anew", "lab", 5, kLab, true},
      {"both without a name", "", 5, {"", 7}, false},
      {"both without a name, journal of an earlier version", "", 0, {"", 7}, true},
      {"the host's and a named one", "", 5, kLab, false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.what);
    Journal journal = earlier(c.saved_name);
    journal.netns_inode = c.saved_inode;
    CHECK(continue_journal(journal, true, edge(), c.here).has_value() == c.same);
  }
}
