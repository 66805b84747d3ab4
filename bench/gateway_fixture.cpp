#include "bench/gateway_fixture.hpp"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cstring>

#include "common/model/device.h"
#include "common/model/next_hop.h"
#include "common/model/port.h"
#include "common/model/route.h"
#include "common/model/rule.h"
#include "common/model/settings.h"
#include "common/model/stage.h"
#include "harness/route_fixture.hpp"
#include "kernel/tables.hpp"

namespace twinpath::bench {
namespace {

constexpr std::uint8_t kInside = 2;
constexpr std::uint8_t kOutside = 3;
// Numbers of devices are not those of their ports.
constexpr std::uint16_t device_of(std::uint32_t port) { return static_cast<std::uint16_t>(10 + port); }
constexpr std::uint32_t kMinute = 60 * 1000;  // ticks, whatever their length: far above a benchmark's duration

template <class T>
Status put(const bpf_map* map, std::uint32_t index, const T& value) {
  return map_update(bpf_map__fd(map), index, value, bpf_map__name(map));
}

dp_port port_of(std::uint16_t device, std::uint8_t zone) {
  dp_port port{};
  port.device = device;
  port.zone = zone;
  port.flags = DP_PORT_PRESENT | DP_PORT_UP;
  port.mtu = 1500;
  std::memcpy(port.mac, kMac.data(), kMac.size());
  return port;
}

dp_next_hop hop_to(std::uint16_t port) {
  dp_next_hop hop{};
  std::memcpy(hop.destination_mac, kMac.data(), kMac.size());
  std::memcpy(hop.source_mac, kMac.data(), kMac.size());
  hop.port = port;
  hop.device = device_of(port);
  hop.mtu = 1500;
  hop.flags = DP_NEXT_HOP_RESOLVED | DP_NEXT_HOP_UP;
  return hop;
}

dp_settings settings_for(std::uint32_t max_pairs) {
  dp_settings settings{};
  settings.layout_version = DP_LAYOUT_VERSION;
  settings.stamp = 1U << 16 | 1;
  settings.ticks_per_second = 1000;
  settings.heartbeat_limit = UINT32_MAX / 2;
  settings.v4 = {0x1234567deadbeef1, sets_for(max_pairs), max_pairs};
  settings.v6 = {0x1234567deadbeef2, sets_for(max_pairs), max_pairs};
  settings.timeouts = {kMinute, kMinute, kMinute, kMinute, kMinute, kMinute, kMinute, kMinute};
  for (auto& budget : settings.budget) budget = UINT32_MAX;
  return settings;
}

constexpr std::uint32_t kFibLines = 64;

}  // namespace

Result<std::unique_ptr<GatewayFixture>> GatewayFixture::create(std::uint32_t max_pairs) {
  std::unique_ptr<GatewayFixture> fixture(new GatewayFixture());
  if (auto loaded = fixture->load(max_pairs); !loaded) return pass_on(std::move(loaded.error()));
  if (auto filled = fixture->fill(); !filled) return pass_on(std::move(filled.error()));
  return fixture;
}

GatewayFixture::~GatewayFixture() {
  if (attached_) bpf_xdp_detach(static_cast<int>(if_nametoindex("lo")), XDP_FLAGS_SKB_MODE, nullptr);
}

Status GatewayFixture::load(std::uint32_t max_pairs) {
  max_pairs_ = max_pairs;
  skeleton_.reset(gateway_bpf__open());
  if (!skeleton_) return fail(errno, "open the BPF object");
  bpf_map__set_max_entries(skeleton_->maps.flows4, sets_for(max_pairs) / 2);
  bpf_map__set_max_entries(skeleton_->maps.flows6, sets_for(max_pairs) / 2);
  bpf_map__set_max_entries(skeleton_->maps.flows4_cold, sets_for(max_pairs) * DP_FLOW_WAYS);
  bpf_map__set_max_entries(skeleton_->maps.flows6_cold, sets_for(max_pairs) * DP_FLOW_WAYS);
  bpf_map__set_max_entries(skeleton_->maps.fib, kFibLines);
  if (const int error = gateway_bpf__load(skeleton_.get()); error != 0) return fail(-error, "load the BPF object");
  const int program = bpf_program__fd(skeleton_->progs.twinpath_hit);
  if (const int error = bpf_xdp_attach(static_cast<int>(if_nametoindex("lo")), program, XDP_FLAGS_SKB_MODE, nullptr);
      error != 0)
    return fail(-error, "attach to lo");
  attached_ = true;
  return {};
}

Status GatewayFixture::fill() {
  const auto& maps = skeleton_->maps;
  const std::uint32_t lo = if_nametoindex("lo");
  dp_rule allow{};
  allow.source_port_high = allow.destination_port_high = UINT16_MAX;
  allow.icmp_type_high = UINT8_MAX;
  allow.protocol = DP_PROTOCOL_ANY;
  allow.id = 1;
  allow.action = DP_ACTION_ALLOW;
  const dp_zone_pair pair{0, 1, DP_ACTION_DROP, {}};
  Status status;
  skeleton_->data_settings->settings = settings_for(max_pairs_);
  skeleton_->data_ports->ports[1] = port_of(device_of(1), kInside);
  skeleton_->data_ports->ports[2] = port_of(device_of(2), kOutside);
  for (const std::uint32_t port : {1U, 2U})
    skeleton_->data_devices->devices[device_of(port)] = {lo, 0, 0, DP_DEVICE_PRESENT, 0, 0};
  skeleton_->data_next_hops->next_hops[1] = hop_to(1);
  skeleton_->data_next_hops->next_hops[2] = hop_to(2);
  enter_by(1);
  const auto step = [&status](Status result) {
    if (status && !result) status = std::move(result);
  };
  step(connect_stages(true));
  step(put(maps.tx_devices, device_of(2), lo));
  step(put(maps.rules, 0, allow));
  step(put(maps.zone_pairs, kInside * DP_ZONES_MAX + kOutside, pair));
  step(put(maps.paths, 0, dp_path{1, 1, 0, 0}));
  step(put(maps.paths, 1, dp_path{2, 2, 0, 0}));
  step(fill_routes());
  return status;
}

Status GatewayFixture::connect_stages(bool connected) const {
  const auto& programs = skeleton_->progs;
  const std::pair<std::uint32_t, const bpf_program*> stages[] = {{DP_STAGE_ODD, programs.twinpath_odd},
                                                                 {DP_STAGE_KNOWN, programs.twinpath_known},
                                                                 {DP_STAGE_NEW, programs.twinpath_new},
                                                                 {DP_STAGE_INSTALL, programs.twinpath_install},
                                                                 {DP_STAGE_SEND, programs.twinpath_send}};
  const bpf_map* entries = skeleton_->maps.programs;
  for (const auto& [stage, program] : stages) {
    const auto fd = static_cast<std::uint32_t>(bpf_program__fd(program));
    Status done = connected ? put(entries, stage, fd) : map_remove(bpf_map__fd(entries), stage, "programs");
    if (!done) return done;
  }
  return {};
}

Result<int> GatewayFixture::translate(std::uint16_t source_port) const {
  auto memory = MapMemory<dp_flow_bucket4>::open(bpf_map__fd(skeleton_->maps.flows4), sets_for(max_pairs_) / 2);
  if (!memory) return pass_on(std::move(memory.error()));
  int halves = 0;
  for (dp_flow_bucket4& bucket : memory->values()) {
    for (std::size_t lane = 0; lane < DP_FLOW_LANES; ++lane) {
      dp_flow_entry4& entry = bucket.entry[lane];
      if ((bucket.control[lane] & DP_FLOW_LIVE) == 0 || entry.key.source_port != htons(source_port)) continue;
      entry.key.delta = entry.delta_ports = 0xffff;  // a sum of zero, as unchanged words add
      entry.link |= DP_FLOW_REWRITE;
      ++halves;
    }
  }
  return halves;
}

void GatewayFixture::enter_by(std::uint32_t port) {
  const std::uint32_t lo = if_nametoindex("lo");
  skeleton_->data_ingress->ingress[dp_ingress_slot(lo, 0)] = dp_ingress{lo, device_of(port), static_cast<__u16>(port)};
}

// 10.1/16 and 2001:db8:1::/48 are behind port 1, 10.2/16 and 2001:db8:2::/48 behind port 2.
Status GatewayFixture::fill_routes() {
  const auto& maps = skeleton_->maps;
  auto rules = MapMemory<dp_route_rule>::open(bpf_map__fd(maps.route_rules), DP_BANKS * 2 * DP_ROUTE_RULES_MAX);
  auto routes = MapMemory<dp_route>::open(bpf_map__fd(maps.routes), DP_ROUTES_MAX);
  auto fib = MapMemory<dp_fib_line>::open(bpf_map__fd(maps.fib), kFibLines);
  if (!rules || !routes || !fib) return fail(errno, "map the routing tables");
  test::RouteFixture fixture(rules->values(), routes->values(), fib->values());
  for (std::uint16_t port = 1; port <= 2; ++port) {
    const dp_route route{DP_ROUTE_VIA, 1, port, static_cast<__u16>(port - 1), 0, 0};
    fixture.add(0, fmt::format("10.{}.0.0", port), 16, route);
    fixture.add(0, fmt::format("2001:db8:{}::", port), 48, route);
  }
  return {};
}

Result<Run> GatewayFixture::run(const bpf_program* program, std::span<const std::uint8_t> frame, int repeat) const {
  std::array<std::uint8_t, 4096> out{};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.data_out = out.data();
  options.data_size_out = out.size();
  options.repeat = repeat;
  xdp_md context{};
  context.data_end = static_cast<__u32>(frame.size());
  context.ingress_ifindex = if_nametoindex("lo");
  options.ctx_in = &context;
  options.ctx_size_in = sizeof(context);
  if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0) return fail(errno, "test run");
  return Run{static_cast<double>(options.duration), options.retval};
}

}  // namespace twinpath::bench
