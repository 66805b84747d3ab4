// One trial after the other, on a clock of its own.
#include "control/life/confirmation.hpp"

#include <doctest/doctest.h>

#include <thread>

using namespace twinpath;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct Fixture {
  boost::asio::io_context io;
  std::vector<Unconfirmed> late;
  Confirmation confirmation{io, [this](Unconfirmed trial) { late.push_back(std::move(trial)); }};

  static Config named(const char* name) {
    Config config;
    config.name = name;
    return config;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a trial that nobody ends is handed over once, and waits no more") {
  confirmation.begin({1ms, named("before")});
  io.run();
  REQUIRE(late.size() == 1);
  CHECK(late[0].within == 1ms);
  CHECK(late[0].before->name == "before");
  CHECK_FALSE(confirmation.waiting());
  CHECK_FALSE(confirmation.end());
}

TEST_CASE_FIXTURE(Fixture, "a trial that is ended in time gives back what it kept, and is never late") {
  confirmation.begin({1h, named("before")});
  const auto trial = confirmation.end();
  REQUIRE(trial);
  CHECK(trial->before->name == "before");
  io.run();
  CHECK(late.empty());
  CHECK_FALSE(confirmation.end());
}

// The word comes in the same turn of the loop in which the time has run out: its handler is called first.
TEST_CASE_FIXTURE(Fixture, "a word that comes when the time has just run out ends this trial and not the next one") {
  for (const bool another : {false, true}) {
    CAPTURE(another);
    boost::asio::steady_timer word(io, 1ms);
    confirmation.begin({2ms, std::nullopt});
    word.async_wait([&](const boost::system::error_code&) {
      CHECK(confirmation.end());
      if (another) confirmation.begin({1h, std::nullopt});
    });
    std::this_thread::sleep_for(20ms);
    io.restart();
    io.run_for(50ms);
    CHECK(late.empty());
    CHECK(confirmation.waiting() == another);
  }
}

TEST_CASE_FIXTURE(Fixture, "the report says whether something waits, for how long, and what undoing means") {
  CHECK(confirmation.report() == json{{"waiting", false}});
  CHECK(confirmation.seconds_left() == 0);
  confirmation.begin({30s, std::nullopt});
  CHECK(confirmation.report()["waiting"] == true);
  CHECK(confirmation.report()["undo"] == "down");
  CHECK(confirmation.seconds_left() > 0);
  CHECK(confirmation.seconds_left() <= 30);
  CHECK(confirmation.end());
  confirmation.begin({1ms, named("before")});
  CHECK(confirmation.report()["undo"] == "rollback");
  std::this_thread::sleep_for(5ms);
  CHECK(confirmation.seconds_left() == 0);
}
