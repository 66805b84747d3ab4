#include "kernel/host.hpp"

#include <doctest/doctest.h>

using namespace twinpath;

TEST_CASE("kernels from 6.1 on are taken, older ones and nonsense are refused in one line") {
  const struct {
    const char* release;
    bool good;
  } cases[] = {
      {"6.1.0-18-amd64", true}, {"6.1", true},     {"6.18.3+", true},          {"7.0.0-rc1", true},
      {"10.0", true},           {"6.0.19", false}, {"5.10.0-26-amd64", false}, {"5.99.1", false},
      {"4.19.0", false},        {"", false},       {"linux", false},           {"6", false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.release);
    const Status status = check_kernel(c.release);
    CHECK(status.has_value() == c.good);
    if (status) continue;
    CHECK(status.error().text.find("Linux 6.1 or newer is needed") != std::string::npos);
    CHECK(status.error().text.find(c.release) != std::string::npos);
    CHECK(status.error().text.find('\n') == std::string::npos);
  }
}

TEST_CASE("only root is taken") {
  CHECK(check_privilege(0));
  const Status status = check_privilege(65534);
  REQUIRE_FALSE(status);
  CHECK(status.error().text.find("needs root") != std::string::npos);
}
