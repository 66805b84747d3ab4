// Starts over the pins of a version with other tables: flows are kept whenever the layout of the flow tables is the
// same.
#include <bpf/bpf.h>
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

#include "base/fd.hpp"
#include "common/model/layout.h"
#include "harness/stream.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

std::string pin_of(const GatewayLab& lab, const std::string& name) {
  return "/sys/fs/bpf/twinpath/" + lab.name() + "/" + name;
}

// As if another version had pinned this group.
void set_version(const GatewayLab& lab, dp_table_group group, std::uint32_t version) {
  const UniqueFd map{bpf_obj_get(pin_of(lab, "layout").c_str())};
  REQUIRE(map);
  const std::uint32_t zero = 0;
  dp_layout layout{};
  REQUIRE(bpf_map_lookup_elem(map.get(), &zero, &layout) == 0);
  layout.version[group] = version;
  REQUIRE(bpf_map_update_elem(map.get(), &zero, &layout, BPF_ANY) == 0);
}

std::uint32_t version_of(const GatewayLab& lab, dp_table_group group) {
  const UniqueFd map{bpf_obj_get(pin_of(lab, "layout").c_str())};
  const std::uint32_t zero = 0;
  dp_layout layout{};
  REQUIRE(bpf_map_lookup_elem(map.get(), &zero, &layout) == 0);
  return layout.version[group];
}

// Pins a map under this name that is not the one the programs write: of 24 bytes a value.
void pin_another_map(const GatewayLab& lab, const std::string& name) {
  const UniqueFd map{bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "other", sizeof(std::uint32_t), 24, 8, nullptr)};
  REQUIRE(map);
  std::filesystem::remove(pin_of(lab, name));
  REQUIRE(bpf_obj_pin(map.get(), pin_of(lab, name).c_str()) == 0);
}

std::size_t prog_arrays(const GatewayLab& lab) {
  std::size_t count = 0;
  for (const auto& pin : std::filesystem::directory_iterator(pin_of(lab, "")))
    if (pin.path().filename().string().starts_with("programs_")) ++count;
  return count;
}

std::uint64_t kernel_forwarded(const GatewayLab& lab) {
  const json ports = lab.get("/v1/ports")["ports"];
  std::uint64_t packets = 0;
  for (const json& port : ports) packets += port["forwarded"]["packets"].get<std::uint64_t>();
  return packets;
}

// Both flows as they were: the same entries, and no packet lost.
struct LiveFlows {
  explicit LiveFlows(GatewayLab& lab) : udp{lab, 7000}, tcp{lab, 7001} {
    REQUIRE(udp.flows());
    REQUIRE(tcp.flows());
    for (const json& pair : lab.policies()) ids.push_back(pair["id"]);
    REQUIRE(ids.size() == 2);
  }
  void check_unbroken(const GatewayLab& lab) {
    CHECK(udp.flows());
    CHECK(tcp.flows());
    for (const std::string& id : ids) CHECK(lab.request("GET", "/v1/policies/" + id).status == 200);
    CHECK(lab.policies().size() == ids.size());
  }

  UdpStream udp;
  TcpStream tcp;
  std::vector<std::string> ids;
};

}  // namespace

TEST_CASE("adoption over counters of another version begins them at zero and keeps the flows") {
  if (!require_root()) return;
  GatewayLab lab{"upcount"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  LiveFlows flows{lab};
  REQUIRE(flows.udp.flows(3000));
  const std::uint64_t before = kernel_forwarded(lab);
  lab.end_daemon(SIGKILL);
  set_version(lab, DP_GROUP_COUNTERS, DP_LAYOUT_COUNTERS + 1);
  pin_another_map(lab, "reasons");
  lab.start(lab.config(kAllowOut));
  CHECK(lab.get("/v1/status")["adopted"] == true);
  CHECK(kernel_forwarded(lab) < before);
  flows.check_unbroken(lab);
  CHECK(flows.udp.missing() == 0);
  CHECK(version_of(lab, DP_GROUP_COUNTERS) == DP_LAYOUT_COUNTERS);
}

TEST_CASE("adoption over settings, policy, routes or ports of another version recreates those and keeps the flows") {
  if (!require_root()) return;
  GatewayLab lab{"upstate"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  LiveFlows flows{lab};
  for (const auto group : {DP_GROUP_SETTINGS, DP_GROUP_POLICY, DP_GROUP_ROUTES, DP_GROUP_PORTS}) {
    CAPTURE(static_cast<int>(group));
    const auto generation = lab.get("/v1/status")["generation"].get<std::uint32_t>();
    lab.end_daemon(SIGKILL);
    set_version(lab, group, 1);
    lab.start(lab.config(kAllowOut));
    CHECK(lab.get("/v1/status")["adopted"] == true);
    CHECK(lab.get("/v1/status")["generation"].get<std::uint32_t>() > generation);
    flows.check_unbroken(lab);
  }
  CHECK(flows.udp.missing() == 0);
}

TEST_CASE("flows of another version are refused, and the datapath that has them continues") {
  if (!require_root()) return;
  GatewayLab lab{"upflows"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  LiveFlows flows{lab};
  lab.end_daemon(SIGKILL);
  set_version(lab, DP_GROUP_FLOWS, DP_LAYOUT_FLOWS + 1);
  const auto refused = lab.try_start(lab.config(kAllowOut));
  REQUIRE(refused);
  CHECK(refused->find("pinned flows have layout") != std::string::npos);
  CHECK(refused->find("twinpath down") != std::string::npos);
  CHECK(flows.udp.flows());
  set_version(lab, DP_GROUP_FLOWS, DP_LAYOUT_FLOWS);
  lab.start(lab.config(kAllowOut));
  flows.check_unbroken(lab);
  CHECK(flows.udp.missing() == 0);
}

TEST_CASE("each start has a prog array of its own, and one alone stays pinned") {
  if (!require_root()) return;
  GatewayLab lab{"uparray"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  CHECK(prog_arrays(lab) == 1);
  UdpStream first{lab, 7000};
  REQUIRE(first.flows());  // neighbours are resolved
  lab.end_daemon(SIGKILL);
  json bad = lab.config(kAllowOut);
  bad["api"]["unix"] = "/nonexistent/api.sock";  // refused when the links have the new programs already
  REQUIRE(lab.try_start(bad));
  UdpStream udp{lab, 7001};
  CHECK(udp.flows());  // begins in a program behind the tail call: its prog array is there
  lab.start(lab.config(kAllowOut));
  CHECK(prog_arrays(lab) == 1);
  CHECK(udp.flows());
}
