// pktgen_kernel_test.cpp - what Linux's pktgen is told. Its files are stood in for by a folder: no module is needed.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "bench/pktgen/drive.hpp"
#include "bench/pktgen/kernel_pktgen.hpp"
#include "bench/pktgen/options.hpp"

using namespace twinpath;
using namespace twinpath::pktgen;

namespace {

Result<CommandLine> parse(std::vector<std::string_view> words) {
  words.insert(words.begin(), {"--device", "g0"});
  return parse_command_line(words);
}

}  // namespace

TEST_CASE("flows for Linux's pktgen are ports and addresses without a common factor") {
  CHECK(split_flows(1000, 64512, 65534).ports == 1000);
  for (const std::uint32_t flows : {65000U, 100'000U, 1'000'000U, 4'000'000U}) {
    const FlowSplit split = split_flows(flows, 64512, 65534);
    CHECK(std::gcd(split.ports, split.addresses) == 1);
    CHECK(split.ports * split.addresses <= flows);
    CHECK(split.ports * split.addresses > flows - flows / 100);
  }
}

TEST_CASE("Linux's pktgen is told the same traffic in its own words") {
  const auto line = parse({"--flows", "100", "--rate", "5000", "--threads", "2", "--cpus", "3,5", "--source",
                           "192.0.2.0/24", "--destination", "198.51.100.1", "--destination-mac", "02:00:00:00:00:01",
                           "--order", "random", "--size", "128"});
  REQUIRE(line);
  const auto words = configuration(for_kernel(line->run).generator);
  for (const PktgenWord& expected :
       std::initializer_list<PktgenWord>{{"pgctrl", "reset"},
                                         {"kpktgend_3", "add_device g0@0"},
                                         {"kpktgend_5", "add_device g0@1"},
                                         {"g0@0", "pkt_size 124"},
                                         {"g0@1", "queue_map_min 1"},
                                         {"g0@0", "src_min 192.0.2.1"},
                                         {"g0@0", "src_max 192.0.2.1"},
                                         {"g0@0", "dst_min 198.51.100.1"},
                                         {"g0@0", "dst_mac 02:00:00:00:00:01"},
                                         {"g0@0", "udp_src_min 1024"},
                                         {"g0@0", "udp_src_max 1073"},  // each thread has its half of the flows
                                         {"g0@0", "udp_dst_max 9"},
                                         {"g0@0", "flag UDPCSUM"},
                                         {"g0@0", "flag UDPSRC_RND"},
                                         {"g0@1", "ratep 2500"}})
    CHECK_MESSAGE(std::count(words.begin(), words.end(), expected) == 1, expected.file << ": " << expected.text);
}

TEST_CASE("what Linux's pktgen cannot do is said") {
  CHECK(kernel_can(parse({})->run));
  CHECK_FALSE(kernel_can(parse({"--protocol", "tcp"})->run));
  CHECK_FALSE(kernel_can(parse({"--new-flows", "1000"})->run));
  CHECK_FALSE(kernel_can(parse({"--new-flows", "all"})->run));
  CHECK_FALSE(kernel_can(parse({"--family", "6", "--flows", "100000"})->run));
}

TEST_CASE("Linux's pktgen is started after its configuration, and reset in the end") {
  char folder[] = "/tmp/pktgen-test-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string place = folder;
  for (const char* file : {"pgctrl", "kpktgend_0"}) std::ofstream{place + "/" + file};
  std::ofstream{place + "/g0@0"} << "Current:\n     pkts-sofar: 12345  errors: 0\n";
  auto line = parse({});
  REQUIRE(line);
  {
    KernelPktgen pktgen{for_kernel(line->run).generator, place};
    REQUIRE(pktgen.start());
    CHECK(pktgen.result().sent == 12345);
    CHECK(pktgen.stop());
  }
  std::stringstream told;
  told << std::ifstream{place + "/pgctrl"}.rdbuf();
  // start and stop come from two threads, and a file takes them in either order
  CHECK(told.str().starts_with("reset\n"));
  CHECK(told.str().find("start\n") != std::string::npos);
  CHECK(told.str().find("stop\n") != std::string::npos);
  CHECK(told.str().ends_with("reset\n"));
  std::filesystem::remove_all(place);
}

TEST_CASE("the kernel's pktgen is refused where it is not loaded") {
  const auto line = parse({"--driver", "kernel"});
  REQUIRE(line);
  const auto outcome = drive(*line, "/nonexistent/pktgen", nullptr);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().text.find("modprobe pktgen") != std::string::npos);
}
