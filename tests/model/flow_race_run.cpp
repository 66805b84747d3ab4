#include "model/flow_race_run.hpp"

#include "harness/route_fixture.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <thread>

#include "bpf/flow_race_test.skel.h"
#include "differential/differential.hpp"
#include "kernel/port_counters.hpp"
#include "tests/harness/namespace.hpp"
#include "tests/harness/packet.hpp"

namespace twinpath::test {
namespace {

constexpr std::uint32_t kBuckets = 2048;
constexpr std::uint16_t kHops = 2;
constexpr std::uint32_t kLong = 1u << 30;
enum : std::uint8_t { kZoneInside = 2, kZoneOutside = 3 };

void need(int error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

void put(int fd, const auto& key, const auto& value, const char* what) {
  need(bpf_map_update_elem(fd, &key, &value, BPF_ANY), what);
}

dp_address address(int family, const char* text) {
  dp_address out{};
  if (inet_pton(family, text, out.word) != 1) throw std::invalid_argument(text);
  return out;
}

void pin_to(std::uint32_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  need(::sched_setaffinity(0, sizeof(set), &set), "pin to a CPU");
}

// The first packet of a flow, or the one that the other end would begin with.
Bytes first_packet(const RaceKind& kind, bool mirrored) {
  const Ipv4 ip4 = mirrored ? Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} : Ipv4{};
  const Ipv6 ip6 = mirrored ? Ipv6{.src = "2001:db8:1::1", .dst = "2001:db8::1"} : Ipv6{};
  const std::size_t l4 = kind.protocol == 6 ? 20 : 8, l3 = kind.family == DP_FAMILY_V4 ? 20 : 40;
  const Packet packet = kind.family == DP_FAMILY_V4 ? Eth{} / ip4 : Eth{} / ip6;
  const Raw rest = Payload(RACE_FRAME_BYTES - 14 - l3 - l4);
  return (kind.protocol == 6 ? packet / Tcp{} / rest : packet / Udp{.checksum = 0xffff} / rest).bytes();
}

}  // namespace

RaceResult& RaceResult::operator+=(const RaceResult& other) {
  table.live += other.table.live;
  table.packets += other.table.packets;
  table.transitional += other.table.transitional;
  table.half_pairs += other.table.half_pairs;
  table.duplicates += other.table.duplicates;
  missing += other.missing;
  forwarded += other.forwarded;
  refused += other.refused;
  lost += other.lost;
  met += other.met;
  for (std::size_t reason = 0; reason < reasons.size(); ++reason) reasons[reason] += other.reasons[reason];
  return *this;
}

std::string describe(const RaceResult& result) {
  const FlowInspection& table = result.table;
  std::string text = fmt::format(
      "{} meetings; {} halves, {} transitional, {} in half pairs, {} duplicates, {} flows missing; "
      "{} packets forwarded, {} on entries, {} lost, {} refused",
      result.met, table.live, table.transitional, table.half_pairs, table.duplicates, result.missing, result.forwarded,
      table.packets, result.lost, result.refused);
  for (std::size_t reason = 0; reason < result.reasons.size(); ++reason)
    if (result.reasons[reason] != 0) text += fmt::format(", {} {}", result.reasons[reason], reason_name(reason));
  return text;
}

FlowRace::FlowRace(const std::string& gateway_object) : kernel_(gateway_object, kBuckets, kBuckets) {
  load();
  make_devices();
  keep_dispatched();
  fill_tables();
  fill_routes();
}

void FlowRace::load() {
  std::size_t size = 0;
  const void* elf = flow_race_test_bpf__elf_bytes(&size);
  object_.reset(bpf_object__open_mem(elf, size, nullptr));
  need(object_ ? 0 : -1, "open the race's programs");
  need(bpf_object__load(object_.get()), "load the race's programs");
  const std::uint32_t zero = 0;
  put(bpf_object__find_map_fd_by_name(object_.get(), "gateway"), zero, kernel_.program(), "gateway");
  auto sides = MapMemory<race_side>::open(bpf_object__find_map_fd_by_name(object_.get(), "sides"), RACE_SIDES);
  need(sides ? 0 : -1, "map the sides");
  sides_ = std::move(*sides);
}

void FlowRace::make_devices() {
  const CommandOutput made =
      run_command("ip link add port1 type veth peer name port2 && ip link set port1 up && ip link set port2 up");
  if (made.status != 0) throw std::runtime_error(made.output);
  ifindex_[1] = if_nametoindex("port1");
  ifindex_[2] = if_nametoindex("port2");
}

// Each run of a program that is attached nowhere waits for grace periods, one run after the other: on an idle machine one
// side would be done before the other begins. So each sits on a device that is down and never sees a packet.
void FlowRace::keep_dispatched() {
  const CommandOutput made = run_command("ip link add idle1 type veth peer name idle2");
  if (made.status != 0) throw std::runtime_error(made.output);
  for (std::uint32_t side = 0; side < RACE_SIDES; ++side) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_SKB_MODE);
    const int device = static_cast<int>(if_nametoindex(side == 0 ? "idle1" : "idle2"));
    links_[side].reset(bpf_link_create(program(side), device, BPF_XDP, &options));
    need(links_[side] ? 0 : -errno, "attach a side");
  }
}

int FlowRace::program(std::uint32_t side) const {
  return bpf_program__fd(bpf_object__find_program_by_name(object_.get(), side == 0 ? "race_left" : "race_right"));
}

void FlowRace::fill_tables() {
  dp_settings& settings = kernel_.settings[0];
  settings = {};
  settings.layout_version = DP_LAYOUT_VERSION;
  settings.stamp = 1u << 16 | 1;
  settings.ticks_per_second = 1000;
  settings.heartbeat_limit = UINT32_MAX;
  settings.timeouts = {kLong, kLong, kLong, kLong, kLong, kLong, kLong, kLong};
  for (const std::uint8_t from : {kZoneInside, kZoneOutside})
    for (const std::uint8_t to : {kZoneInside, kZoneOutside})
      kernel_.zone_pairs[std::size_t{from} * DP_ZONES_MAX + to] = {0, 0, DP_ACTION_ALLOW, {}};
  for (std::uint16_t number = 1; number <= kHops; ++number) {
    dp_port& port = kernel_.ports[number];
    const auto device = static_cast<__u16>(number + kHops);
    port.device = device;
    kernel_.devices[device] = {ifindex_[number], 0, 0, DP_DEVICE_PRESENT, 0, 0};
    std::memcpy(port.mac, kGatewayMac.octets.data(), sizeof(port.mac));
    port.zone = number == 1 ? kZoneInside : kZoneOutside;
    port.flags = DP_PORT_PRESENT | DP_PORT_UP;
    port.mtu = 1500;
    kernel_.ingress[dp_ingress_slot(ifindex_[number], 0)] = {ifindex_[number], device, number};
    put(kernel_.map("tx_devices"), std::uint32_t{device}, ifindex_[number], "tx_devices");
    dp_next_hop& hop = kernel_.next_hops[number];
    std::memcpy(hop.destination_mac, kPeerMac.octets.data(), sizeof(hop.destination_mac));
    std::memcpy(hop.source_mac, kGatewayMac.octets.data(), sizeof(hop.source_mac));
    hop.port = number;
    hop.device = device;
    hop.mtu = 1500;
    hop.flags = DP_NEXT_HOP_RESOLVED | DP_NEXT_HOP_UP;
    kernel_.paths[number - 1u] = {number, number, 0, 0};
  }
}

void FlowRace::fill_routes() {
  RouteFixture routes(kernel_.route_rules.values(), kernel_.routes.values(), kernel_.fib.values());
  for (std::uint16_t number = 1; number <= kHops; ++number) {
    const dp_route route{DP_ROUTE_VIA, 1, number, static_cast<__u16>(number - 1), 0, 0};
    routes.add(0, number == 1 ? "192.0.2.0" : "198.51.100.0", 24, route);
    routes.add(0, number == 1 ? "2001:db8::" : "2001:db8:1::", 64, route);
  }
}

TableView FlowRace::table(std::uint8_t family) const {
  const dp_settings& settings = kernel_.settings[0];
  if (family == DP_FAMILY_V4) return {family, kernel_.flows4.values(), {}, kernel_.flows4_cold.values(), settings.v4};
  return {family, {}, kernel_.flows6.values(), kernel_.flows6_cold.values(), settings.v6};
}

// As if every slot had been released: no search may take an entry of an earlier round for a new one.
void FlowRace::clear(const TableView& table) {
  const auto empty = [](auto buckets) {
    for (auto& bucket : buckets)
      for (__u32& control : bucket.control)
        if (dp_flow_state_of(control) != DP_FLOW_EMPTY) control = dp_flow_released(control);
  };
  empty(table.v4);
  empty(table.v6);
}

void FlowRace::place_sides(const RaceKind& kind) {
  for (std::uint32_t number = 0; number < RACE_SIDES; ++number) {
    race_side& side = sides_[number];
    const bool mirrored = kind.mirrored && number == 1;
    side.at = sides_[0].at;
    side.met = 0;
    side.l4_offset = kind.family == DP_FAMILY_V4 ? 34 : 54;
    side.mirrored = mirrored;
    side.ifindex = ifindex_[mirrored ? 2 : 1];
    const Bytes frame = first_packet(kind, mirrored);
    if (frame.size() != sizeof(side.frame)) throw std::logic_error("a frame of another size");
    std::memcpy(side.frame, frame.data(), sizeof(side.frame));
  }
}

void FlowRace::run_kernel(std::uint32_t side, std::uint32_t flows) {
  const std::uint8_t frame[RACE_FRAME_BYTES] = {};
  xdp_md context{};
  context.data_end = sizeof(frame);
  context.ingress_ifindex = sides_[side].ifindex;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &context,
              .ctx_size_in = sizeof(context), .repeat = static_cast<int>(flows));
  need(bpf_prog_test_run_opts(program(side), &options), "run a side");
}

RaceResult FlowRace::round(const RaceKind& kind, std::uint32_t flows, std::uint32_t sets) {
  dp_settings& settings = kernel_.settings[0];
  settings.v4 = settings.v6 = {0x1234567deadbeef, sets, sets * DP_FLOW_WAYS / 4};
  place_sides(kind);
  clear(table(kind.family));
  const std::uint32_t first = sides_[0].at + 1;
  RaceTally engine{};
  std::exception_ptr failed;
  std::thread right{[&] {
    try {
      pin_to(1);
      if (kind.engine)
        engine = race_as_engine(kernel_, kind.mirrored ? 2 : 1, sides_[1], sides_[0], flows);
      else
        run_kernel(1, flows);
    } catch (...) {
      failed = std::current_exception();
    }
  }};
  std::thread left{[&] {
    pin_to(0);
    run_kernel(0, flows);
  }};
  left.join();
  right.join();
  if (failed) std::rethrow_exception(failed);
  RaceResult result;
  result.met = sides_[0].met;
  inspect(kind, first, flows, result);
  add_up(engine, std::uint64_t{flows} * RACE_SIDES, result);
  return result;
}

void FlowRace::inspect(const RaceKind& kind, std::uint32_t first, std::uint32_t flows, RaceResult& result) {
  const TableView view = table(kind.family);
  flow_env env{&kernel_.settings[0], view.v4, view.v6, view.cold};
  result.table = inspect_flows(env, kind.family, view.slot_count());
  dp_packet packet{};
  packet.family = kind.family;
  packet.protocol = kind.protocol;
  const bool v4 = kind.family == DP_FAMILY_V4;
  const dp_address inside = v4 ? address(AF_INET, "192.0.2.1") : address(AF_INET6, "2001:db8::1"),
                   outside = v4 ? address(AF_INET, "198.51.100.1") : address(AF_INET6, "2001:db8:1::1");
  for (std::uint32_t number = first; number < first + flows; ++number) {
    bool whole = true;
    for (const std::uint32_t mirrored : {0u, 1u}) {
      const std::uint32_t ports = race_ports(number, mirrored);
      packet.source = mirrored ? outside : inside;
      packet.destination = mirrored ? inside : outside;
      packet.zone = mirrored ? kZoneOutside : kZoneInside;
      packet.source_port = static_cast<__be16>(ports);
      packet.destination_port = static_cast<__be16>(ports >> 16);
      dp_flow_view found{};
      whole &= dp_flow_find(&env, &packet, &found) != 0;
    }
    result.missing += !whole;
  }
}

std::uint64_t FlowRace::forwarded_by_kernel() const {
  std::uint64_t sum = 0;
  const int map = kernel_.map("port_counters");
  for (std::uint32_t port = 1; port <= kHops; ++port) sum += read_port_counters(map, port).forwarded.packets;
  return sum;
}

void FlowRace::add_up(const RaceTally& engine, std::uint64_t sent, RaceResult& result) {
  const std::uint64_t forwarded = forwarded_by_kernel();
  result.forwarded = forwarded - forwarded_before_ + engine[DP_NONE];
  forwarded_before_ = forwarded;
  for (std::uint32_t reason = 1; reason < DP_REASONS; ++reason) {
    const std::uint64_t count = kernel_.counter<dp_counter>(kernel_.map("reasons"), reason).packets;
    result.reasons[reason] = count - reasons_before_[reason] + engine[reason];
    result.refused += result.reasons[reason];
    reasons_before_[reason] = count;
  }
  result.lost = sent - result.forwarded - result.refused;
}

}  // namespace twinpath::test
