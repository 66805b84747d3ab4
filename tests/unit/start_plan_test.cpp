// Which journal a start continues, and when it is refused.
#include "control/life/start_plan.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace twinpath;

namespace {

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
  journal.socket = "/old.sock";
  journal.pid = 1;
  journal.offloads.push_back({"eth1", 3, 0, "rx-gro", false, "eth1"});
  journal.confirmed = {{"name", "edge"}};
  return journal;
}

}  // namespace

TEST_CASE("a first start begins a journal with its own name, socket and process") {
  const auto journal = continue_journal(std::nullopt, false, edge(), "lab");
  REQUIRE(journal);
  CHECK(journal->name == "edge");
  CHECK(journal->netns == "lab");
  CHECK(journal->socket == "/run/twinpath/edge.sock");
  CHECK(journal->pid == ::getpid());
  CHECK(journal->confirmed.is_null());
}

TEST_CASE("a start that adopts a datapath keeps the changes to devices and the confirmed configuration") {
  const auto journal = continue_journal(earlier("lab"), true, edge(), "lab");
  REQUIRE(journal);
  CHECK(journal->offloads.size() == 1);
  CHECK(journal->confirmed == nlohmann::json{{"name", "edge"}});
  CHECK(journal->socket == "/run/twinpath/edge.sock");
  CHECK(journal->pid == ::getpid());
}

TEST_CASE("when nothing forwards any more, nothing is confirmed, but changes to devices are still to be undone") {
  const auto journal = continue_journal(earlier("other"), false, edge(), "lab");
  REQUIRE(journal);
  CHECK(journal->offloads.size() == 1);
  CHECK(journal->confirmed.is_null());
  CHECK(journal->netns == "lab");
}

TEST_CASE("a datapath without a journal, or of another network namespace, is not adopted") {
  const auto lost = continue_journal(std::nullopt, true, edge(), "lab");
  REQUIRE_FALSE(lost);
  CHECK(lost.error().text.find("is gone: run \"twinpath -n edge down\" first") != std::string::npos);
  const auto elsewhere = continue_journal(earlier("other"), true, edge(), "lab");
  REQUIRE_FALSE(elsewhere);
  CHECK(elsewhere.error().text.find("in network namespace \"other\", not in \"lab\"") != std::string::npos);
}
