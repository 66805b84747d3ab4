#include "bench/compare/bare/forwarder.hpp"

#include <linux/if_link.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "afxdp/driver.hpp"
#include "bench/compare/bare.skel.h"
#include "bench/compare/numbered_flow.hpp"
#include "control/life/live_sender.hpp"
#include "kernel/bpf_map.hpp"
#include "netlink/device.hpp"

namespace twinpath::bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPause{100};  // how soon `stop` is seen
constexpr std::uint8_t kUdp = 17;
constexpr std::uint16_t kFirst = BARE_FIRST;
constexpr std::uint16_t kSecond = BARE_SECOND;

struct DestroySkeleton {
  void operator()(bare_bpf* skeleton) const noexcept { bare_bpf__destroy(skeleton); }
};

bare_key key_of(std::uint32_t number) {
  const NumberedFlow flow = numbered_flow(number);
  bare_key key{};
  key.source = flow.source;
  key.destination = flow.destination;
  key.source_port = flow.source_port;
  key.destination_port = flow.destination_port;
  key.protocol = kUdp;
  return key;
}

bare_key6 key6_of(std::uint32_t number) {
  const NumberedFlow6 flow = numbered_flow6(number);
  bare_key6 key{};
  std::copy(flow.source.begin(), flow.source.end(), key.source);
  std::copy(flow.destination.begin(), flow.destination.end(), key.destination);
  key.source_port = flow.source_port;
  key.destination_port = flow.destination_port;
  key.protocol = kUdp;
  return key;
}

bool is_insert(Mode mode) { return mode == Mode::insert || mode == Mode::insert_lru; }
bool is_bridge(Mode mode) { return mode == Mode::bridge || mode == Mode::bridge_live; }

}  // namespace

struct Forwarder::Parts {
  ForwarderOptions options;
  std::array<std::uint32_t, 2> ifindexes{};
  std::array<MacAddress, 2> macs{};
  std::uint32_t queues = 0;
  std::unique_ptr<bare_bpf, DestroySkeleton> skeleton;
  std::unique_ptr<afxdp::Driver> driver;
  std::array<UniqueFd, 2> links;  // destroyed before the sockets: nothing is steered to a closed one

  [[nodiscard]] Status find_devices();
  [[nodiscard]] Status load();
  [[nodiscard]] Status size_maps();
  void set_next_hops();
  [[nodiscard]] Status fill_flows();
  [[nodiscard]] Status open_sockets();
  [[nodiscard]] Status add_sockets(std::uint16_t port);
  [[nodiscard]] Status use_live_frames();
  [[nodiscard]] Status attach();
  void bridge(const std::atomic<bool>& stop);
};

Status Forwarder::Parts::find_devices() {
  for (std::size_t i = 0; i < ifindexes.size(); ++i) {
    auto link = netlink::find_device(options.devices.at(i));
    if (!link) return pass_on(std::move(link.error()));
    auto count = netlink::count_rx_queues(*link);
    if (!count) return pass_on(std::move(count.error()));
    ifindexes.at(i) = link->ifindex;
    std::copy(link->mac.begin(), link->mac.end(), macs.at(i).begin());
    queues = i == 0 ? *count : std::min(queues, *count);
  }
  return {};
}

Status Forwarder::Parts::load() {
  skeleton.reset(bare_bpf__open());
  if (!skeleton) return fail(errno, "open the programs");
  skeleton->rodata->first_ifindex = ifindexes[0];
  set_next_hops();
  if (auto sized = size_maps(); !sized) return sized;
  if (const int error = bare_bpf__load(skeleton.get()); error != 0) return fail(-error, "load the programs");
  const int out = bpf_map__fd(skeleton->maps.tx_devices);
  for (std::uint32_t i = 0; i < ifindexes.size(); ++i)
    if (auto set = map_update(out, i + kFirst, ifindexes.at(i), "tx_devices"); !set) return set;
  return {};
}

Status Forwarder::Parts::size_maps() {
  bpf_map* map = nullptr;
  std::uint32_t entries = options.flows;
  if (options.mode == Mode::lookup) map = options.ipv6 ? skeleton->maps.flows6 : skeleton->maps.flows;
  if (is_insert(options.mode)) {
    map = skeleton->maps.policies;
    entries = 2 * options.flows;
  }
  if (map == nullptr) return {};
  if (bpf_map__set_max_entries(map, entries) != 0) return fail(errno, "size {}", bpf_map__name(map));
  if (options.mode == Mode::insert_lru && bpf_map__set_type(map, BPF_MAP_TYPE_LRU_HASH) != 0)
    return fail(errno, "make {} an LRU hash map", bpf_map__name(map));
  return {};
}

void Forwarder::Parts::set_next_hops() {
  for (std::size_t i = 0; i < macs.size(); ++i) {
    bare_next_hop next_hop{};
    std::copy(options.neighbours.at(i).begin(), options.neighbours.at(i).end(), next_hop.destination_mac);
    std::copy(macs.at(i).begin(), macs.at(i).end(), next_hop.source_mac);
    next_hop.port = static_cast<std::uint32_t>(i) + kFirst;
    std::memcpy(&skeleton->rodata->next_hops[next_hop.port], &next_hop, sizeof next_hop);
  }
}

Status Forwarder::Parts::fill_flows() {
  const int map = bpf_map__fd(options.ipv6 ? skeleton->maps.flows6 : skeleton->maps.flows);
  const auto insert = [&](std::uint32_t flow) {
    const std::uint64_t value = flow;
    return options.ipv6 ? map_update(map, key6_of(flow), value, "flows6")
                        : map_update(map, key_of(flow), value, "flows");
  };
  for (std::uint32_t flow = 0; flow < options.flows; ++flow)
    if (auto set = insert(flow); !set) return set;
  return {};
}

Status Forwarder::Parts::open_sockets() {
  afxdp::DriverConfig config;
  config.sockets_planned = 2 * queues;
  config.busy_poll = options.busy_poll;
  auto made = afxdp::Driver::create(config);
  if (!made) return pass_on(std::move(made.error()));
  driver = std::move(*made);
  for (const std::uint16_t port : {kFirst, kSecond})
    if (auto added = add_sockets(port); !added) return added;
  return options.mode == Mode::bridge_live ? use_live_frames() : Status{};
}

Status Forwarder::Parts::add_sockets(std::uint16_t port) {
  for (std::uint32_t queue = 0; queue < queues; ++queue) {
    auto report = driver->add_socket({.device = port,
                                      .ifindex = ifindexes.at(port - kFirst),
                                      .queue = static_cast<std::uint16_t>(queue),
                                      .wish = afxdp::SocketWish::copy});
    if (!report) return pass_on(std::move(report.error()));
    const std::uint32_t key = std::uint32_t{port} * DP_QUEUES_MAX + queue;
    if (auto set = map_update(bpf_map__fd(skeleton->maps.sockets), key, report->fd, "sockets"); !set) return set;
  }
  return {};
}

Status Forwarder::Parts::use_live_frames() {
  auto transmit = LiveTransmit::create(bpf_map__fd(skeleton->maps.tx_devices));
  if (!transmit) return pass_on(std::move(transmit.error()));
  driver->set_burst_sender(std::make_unique<LiveSender>(std::move(*transmit)));
  for (const std::uint16_t port : {kFirst, kSecond}) driver->set_redirects(port, true);
  return {};
}

Status Forwarder::Parts::attach() {
  const bpf_program* program = skeleton->progs.bare_redirect;
  if (options.mode == Mode::lookup) program = options.ipv6 ? skeleton->progs.bare_lookup6 : skeleton->progs.bare_lookup;
  if (is_insert(options.mode)) program = skeleton->progs.bare_insert;
  if (options.mode == Mode::pass) program = skeleton->progs.bare_pass;
  if (is_bridge(options.mode)) program = skeleton->progs.bare_steer;
  LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
  for (std::size_t i = 0; i < links.size(); ++i) {
    const int device = static_cast<int>(ifindexes.at(i));
    links.at(i).reset(bpf_link_create(bpf_program__fd(program), device, BPF_XDP, &native));
    if (!links.at(i)) return fail(errno, "attach to {}", options.devices.at(i));
  }
  return {};
}

void Forwarder::Parts::bridge(const std::atomic<bool>& stop) {
  while (!stop) {
    for (const afxdp::Frame& frame : driver->receive()) {
      const std::uint16_t other = frame.device == kFirst ? kSecond : kFirst;
      if (!driver->transmit(frame, other, frame.queue)) driver->release(frame.index);
    }
    driver->flush();
    static_cast<void>(driver->wait(kPause));
  }
}

Forwarder::Forwarder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Forwarder::Forwarder(Forwarder&&) noexcept = default;
Forwarder::~Forwarder() = default;

Result<Forwarder> Forwarder::open(const ForwarderOptions& options) {
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  if (auto found = parts->find_devices(); !found) return pass_on(std::move(found.error()));
  if (auto loaded = parts->load(); !loaded) return pass_on(std::move(loaded.error()));
  if (options.mode == Mode::lookup)
    if (auto filled = parts->fill_flows(); !filled) return pass_on(std::move(filled.error()));
  if (is_bridge(options.mode))
    if (auto opened = parts->open_sockets(); !opened) return pass_on(std::move(opened.error()));
  if (auto attached = parts->attach(); !attached) return pass_on(std::move(attached.error()));
  return Forwarder{std::move(parts)};
}

std::string Forwarder::mode() const {
  const std::string queues = fmt::format("{} queue{}", parts_->queues, parts_->queues == 1 ? "" : "s");
  const std::uint32_t flows = parts_->options.flows;
  switch (parts_->options.mode) {
    case Mode::redirect: return fmt::format("native XDP, devmap, {}", queues);
    case Mode::lookup: return fmt::format("native XDP, devmap, hash of {} flows, {}", flows, queues);
    case Mode::insert: return fmt::format("native XDP, devmap, hash for {} pairs, {}", flows, queues);
    case Mode::insert_lru: return fmt::format("native XDP, devmap, LRU hash for {} pairs, {}", flows, queues);
    case Mode::bridge: return fmt::format("native XDP, AF_XDP copy, transmit by rings, {}", queues);
    case Mode::bridge_live: return fmt::format("native XDP, AF_XDP copy, transmit by live frames, {}", queues);
    case Mode::pass: return fmt::format("native XDP, passed to Linux, {}", queues);
  }
  return {};
}

bare_exceptions Forwarder::exceptions() const {
  bare_exceptions counted{};
  std::memcpy(&counted, &parts_->skeleton->bss->exceptions, sizeof counted);
  return counted;
}

void Forwarder::run(const std::atomic<bool>& stop) {
  if (is_bridge(parts_->options.mode)) return parts_->bridge(stop);
  while (!stop) std::this_thread::sleep_for(kPause);
}

}  // namespace twinpath::bench
