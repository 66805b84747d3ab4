// Which configuration waits to be confirmed, and what happens to one that is not: against a gateway that only notes.
#include "control/life/commit_confirm.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "config/document.hpp"

using namespace twinpath;
using namespace std::chrono_literals;

namespace {

Config document(const char* name, std::uint32_t confirm_s, double half_open_share = 0.25) {
  return *parse_config(nlohmann::json{{"name", name},
                                      {"ports", {{{"device", "lan0"}, {"zone", "inside"}}}},
                                      {"safety", {{"confirm_s", confirm_s}}},
                                      {"flows", {{"half_open_share", half_open_share}}}}
                           .dump());
}

struct Fixture {
  boost::asio::io_context io;
  Running running{document("edge", 30), {}, {}};
  std::vector<Config> restored;
  std::vector<std::string> complaints, notes;
  int taken_down = 0;
  int saved = 0;
  bool restores = true;
  CommitConfirm confirm{io,
                        running,
                        {.restore = [this](Config before) -> Status {
                           restored.push_back(std::move(before));
                           if (!restores) return refuse("no room");
                           return {};
                         },
                         .take_down = [this] { ++taken_down; },
                         .save_journal = [this] { ++saved; },
                         .generation = [] { return 7U; },
                         .complain = [this](const std::string& line) { complaints.push_back(line); },
                         .note = [this](const std::string& line) { notes.push_back(line); }}};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a configuration that need not be confirmed counts as confirmed at once") {
  running.config.safety.confirm_s = 0;
  confirm.await_start(std::nullopt);
  CHECK_FALSE(confirm.waiting());
  CHECK_FALSE(confirm.confirm());
  CHECK(running.journal.confirmed == to_json(running.config));
  CHECK(saved == 1);
}

TEST_CASE_FIXTURE(Fixture, "a start waits as long as the document says, and is undone as by down") {
  confirm.await_start(std::nullopt);
  const ConfirmSnapshot waits = confirm.snapshot();
  CHECK(waits.waiting);
  CHECK(waits.seconds_left <= 30);
  CHECK(waits.seconds_left > 20);
  CHECK(waits.undo == UndoSnapshot::down);
  CHECK(notes.back() == "in 30 s everything is undone, unless this comes before: twinpath -n edge confirm");
  confirm.end();
  CHECK(taken_down == 1);
  CHECK(complaints.back() == "ended without being confirmed: everything is undone, as by down");
  CHECK(running.journal.confirmed.is_null());
}

TEST_CASE_FIXTURE(Fixture, "the command line says how long a start waits, in place of the document") {
  confirm.await_start(5);
  CHECK(confirm.snapshot().seconds_left <= 5);
  confirm.abandon();
  CHECK_FALSE(confirm.snapshot().waiting);
  confirm.end();
  CHECK(taken_down == 0);
}

TEST_CASE_FIXTURE(Fixture, "a start with the configuration that was confirmed already does not wait again") {
  running.journal.confirmed = to_json(document("edge", 60));  // differs only in how long it waits
  SUBCASE("unless the command line says so") {
    confirm.await_start(9);
    CHECK(confirm.snapshot().undo == UndoSnapshot::down);
  }
  SUBCASE("by itself") {
    confirm.await_start(std::nullopt);
    CHECK_FALSE(confirm.waiting());
    CHECK(running.journal.confirmed == to_json(running.config));
  }
}

TEST_CASE_FIXTURE(Fixture, "a start over a datapath whose configuration was confirmed goes back to that one") {
  running.journal.confirmed = to_json(document("edge", 30, 0.5));
  confirm.await_start(std::nullopt);
  CHECK(confirm.snapshot().undo == UndoSnapshot::rollback);
  confirm.end();
  REQUIRE(restored.size() == 1);
  CHECK(restored[0].flows.half_open_share == 0.5);
  CHECK(taken_down == 0);
}

TEST_CASE_FIXTURE(Fixture, "a confirmed configuration that a reload cannot restore is not gone back to") {
  running.journal.confirmed = to_json(document("other", 30));
  confirm.await_start(std::nullopt);
  CHECK(confirm.snapshot().undo == UndoSnapshot::down);
}

TEST_CASE_FIXTURE(Fixture, "a reload that is confirmed in time stays, and nothing is undone at the end") {
  confirm.await_reload(document("edge", 30, 0.5));
  CHECK(confirm.snapshot().undo == UndoSnapshot::rollback);
  CHECK(confirm.confirm() == 7U);
  CHECK(notes.back() == "generation 7 is confirmed");
  CHECK(running.journal.confirmed == to_json(running.config));
  confirm.end();
  CHECK(restored.empty());
}

TEST_CASE_FIXTURE(Fixture, "a reload whose time is up goes back, and a failure to go back is said") {
  running.config.safety.confirm_s = 1;
  for (const bool works : {true, false}) {
    CAPTURE(works);
    restores = works;
    confirm.await_reload(document("edge", 1, 0.5));
    io.restart();
    io.run();
    CHECK_FALSE(confirm.waiting());
    CHECK(restored.back().flows.half_open_share == 0.5);
    CHECK(complaints.back() ==
          (works ? "not confirmed within 1 s: the previous configuration is in force again, generation 7"
                 : "not confirmed within 1 s, but the previous configuration CANNOT BE RESTORED: "
                   "no room; generation 7 stays"));
  }
}
