// One change after the other waits to be confirmed, in an io_context of the test's own.
#include "control/life/confirmation.hpp"

#include <doctest/doctest.h>

#include <thread>

using namespace twinpath;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  boost::asio::io_context io;
  std::vector<PendingChange> timed_out;
  Confirmation confirmation{io, [this](PendingChange change) { timed_out.push_back(std::move(change)); }};

  static Config named(const char* name) {
    Config config;
    config.name = name;
    return config;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a change that is not confirmed is handed over once when its time is up, and waits no more") {
  confirmation.begin({1ms, named("before")});
  io.run();
  REQUIRE(timed_out.size() == 1);
  CHECK(timed_out[0].within == 1ms);
  CHECK(timed_out[0].before->name == "before");
  CHECK_FALSE(confirmation.waiting());
  CHECK_FALSE(confirmation.end());
}

TEST_CASE_FIXTURE(Fixture,
                  "a change that is ended in time is returned with its previous configuration, and does not time out") {
  confirmation.begin({1h, named("before")});
  const auto change = confirmation.end();
  REQUIRE(change);
  CHECK(change->before->name == "before");
  io.run();
  CHECK(timed_out.empty());
  CHECK_FALSE(confirmation.end());
}

// Both timers have expired before the io_context runs, and the handler that calls end() is called first.
TEST_CASE_FIXTURE(
    Fixture, "end() at the moment of the timeout ends this change, and the queued timeout does not end the next one") {
  for (const bool another : {false, true}) {
    CAPTURE(another);
    boost::asio::steady_timer confirm(io, 1ms);
    confirmation.begin({2ms, std::nullopt});
    confirm.async_wait([&](const boost::system::error_code&) {
      CHECK(confirmation.end());
      if (another) confirmation.begin({1h, std::nullopt});
    });
    std::this_thread::sleep_for(20ms);
    io.restart();
    io.run_for(50ms);
    CHECK(timed_out.empty());
    CHECK(confirmation.waiting() == another);
  }
}

TEST_CASE_FIXTURE(Fixture, "a change that waits can be seen, with the seconds that are left") {
  CHECK_FALSE(confirmation.pending());
  CHECK(confirmation.seconds_left() == 0);
  confirmation.begin({30s, std::nullopt});
  CHECK(confirmation.waiting());
  CHECK_FALSE(confirmation.pending()->before);
  CHECK(confirmation.seconds_left() > 0);
  CHECK(confirmation.seconds_left() <= 30);
  CHECK(confirmation.end());
  confirmation.begin({1ms, named("before")});
  CHECK(confirmation.pending()->before->name == "before");
  std::this_thread::sleep_for(5ms);
  CHECK(confirmation.seconds_left() == 0);
}
