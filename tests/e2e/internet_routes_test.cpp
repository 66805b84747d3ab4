// A table of the Internet's size: it loads, one change of it is in force at once, and its routes are Linux's.
//
// TWINPATH_TEST_ROUTES  IPv4 prefixes, a quarter as many of IPv6; default 60,000. The times are printed, and checked only
//                       against limits that a broken implementation, not a busy machine, misses.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "base/prefix.hpp"
#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"

using namespace twinpath;
using namespace twinpath::test;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

namespace {

constexpr std::uint32_t kGateways = 16;

std::uint32_t routes_of_test() {
  const char* text = std::getenv("TWINPATH_TEST_ROUTES");
  return text == nullptr ? 60'000 : static_cast<std::uint32_t>(std::stoul(text));
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Lengths as often as in the Internet's table: most are /24, the others mainly /22 and /23; IPv6 mainly /48 and /32.
std::uint8_t random_bits(bool v6, std::mt19937& random) {
  constexpr std::uint8_t v4_bits[] = {24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19};
  constexpr std::uint8_t v6_bits[] = {48, 48, 48, 44, 40, 36, 32, 32, 29};
  return v6 ? v6_bits[random() % std::size(v6_bits)] : v4_bits[random() % std::size(v4_bits)];
}

// "route add" lines of `count` different prefixes, each via one of the gateways behind wan0.
void write_routes(std::ofstream& out, bool v6, std::uint32_t count) {
  std::mt19937 random(v6 ? 6 : 4);
  std::set<Prefix> seen;
  while (seen.size() < count) {
    IpAddress base;
    base.family = v6 ? DP_FAMILY_V6 : DP_FAMILY_V4;
    base.address.word[0] =
        htonl(v6 ? 0x24000000U | (random() & 0xffffff) : (11 + random() % 90) << 24 | (random() & 0xffffff));
    if (v6) base.address.word[1] = htonl(random());
    const Prefix prefix = make_prefix(base, random_bits(v6, random));
    if (!seen.insert(prefix).second) continue;
    const std::uint32_t gateway = 2 + random() % kGateways;
    out << "route add " << prefix.text() << " via " << (v6 ? "2001:db8:2::" : "10.2.0.") << gateway << "\n";
  }
}

void load_routes(const GatewayLab& lab, std::uint32_t v4, std::uint32_t v6) {
  for (const bool is_v6 : {false, true}) {
    const std::string file = lab.config_file() + (is_v6 ? ".routes6" : ".routes4");
    {
      std::ofstream out(file);
      write_routes(out, is_v6, is_v6 ? v6 : v4);
    }
    lab.gateway.run(std::string("ip ") + (is_v6 ? "-6" : "-4") + " -batch " + file);
  }
}

// The daemon's resident memory.
std::uint64_t resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  std::uint64_t kib = 0;
  while (status >> word)
    if (word == "VmRSS:") status >> kib;
  return kib;
}

json routes_of(const GatewayLab& lab) { return lab.get("/v1/status")["routes"]; }

}  // namespace

TEST_CASE("a table of the Internet's size loads, and one change of it is in force at once") {
  if (!require_root()) return;
  const std::uint32_t v4 = routes_of_test(), v6 = v4 / 4;
  GatewayLab lab{"internet"};
  CAPTURE(lab.log());
  lab.gateway.run("sysctl -qw net.ipv6.route.max_size=2147483647");
  load_routes(lab, v4, v6);
  auto start = Clock::now();
  lab.start(lab.config(kAllowOut));
  const double started = seconds_since(start);
  const json loaded = routes_of(lab);
  CHECK(loaded["prefixes"].get<std::uint32_t>() >= v4 + v6);
  CHECK(lab.get("/v1/status")["problems"].empty());

  // A host in one prefix more, behind the server.
  lab.server.run("ip addr add 198.18.7.1/32 dev lo");
  const UniqueFd listening = tcp_listen(lab.server, {"198.18.7.1", 5201});
  lab.obtain_next_hops();
  const auto change = [&](const std::string& command) {
    const int epoch = lab.get("/v1/status")["epoch"].get<int>();
    lab.gateway.run("ip route " + command);
    const auto begin = Clock::now();  // Linux itself needs up to a second for a change of so large a table
    CHECK(eventually([&] { return lab.get("/v1/status")["epoch"].get<int>() != epoch; }));
    return seconds_since(begin) * 1000;
  };
  const double added = change("add 198.18.7.0/24 via 10.2.0.2");
  {
    const UniqueFd client = tcp_connect(lab.client, {"10.1.0.2", 0}, {"198.18.7.1", 5201});
    CHECK(client);
  }
  const std::uint64_t refused = lab.drops("no_route");
  const double withdrawn = change("replace blackhole 198.18.7.0/24");
  CHECK(eventually([&] {
    (void)lab.client.attempt("timeout 0.2 bash -c 'exec 3<>/dev/tcp/198.18.7.1/5201'");
    return lab.drops("no_route") > refused;
  }));
  MESSAGE(v4 << " IPv4 and " << v6 << " IPv6 routes: start " << started << " s; trees "
             << loaded["memory_bytes"].get<double>() / 1048576 << " MiB of "
             << loaded["memory_bytes_max"].get<double>() / 1048576 << ", daemon " << resident_kib(lab.pid()) / 1024
             << " MiB; a route added in " << added << " ms, replaced in " << withdrawn << " ms");
}
