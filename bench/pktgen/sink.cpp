#include "bench/pktgen/sink.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <thread>

#include "base/fd.hpp"
#include "bench/pktgen/bpf/model.h"
#include "bench/pktgen/netns.hpp"
#include "bench/pktgen/plan.hpp"
#include "kernel/bpf_map.hpp"
#include "netlink/device.hpp"

#include "bench/pktgen/pktgen_sink.skel.h"

namespace twinpath::pktgen {
namespace {

constexpr std::uint32_t kOnly = 0;
constexpr std::uint32_t kCheckSequenceBytes = 4;
constexpr std::uint32_t kWatchedMax = 4'194'304;

struct DestroySkeleton {
  void operator()(pktgen_sink_bpf* skeleton) const noexcept { pktgen_sink_bpf__destroy(skeleton); }
};

pktgen_duty make_duty(const SinkOptions& options) {
  const Traffic& traffic = options.traffic;
  const auto turned = static_cast<std::uint16_t>(~traffic.magic);
  pktgen_duty duty{};
  duty.family = static_cast<std::uint32_t>(traffic.family);
  duty.protocol = static_cast<std::uint32_t>(traffic.protocol);
  duty.header_bytes = static_cast<std::uint32_t>(frame_template(traffic).size());
  duty.stamps = traffic.stamps;
  duty.watched_flows = options.check_order && traffic.stamps ? options.watched_flows : 0;
  duty.checksum_mask = options.checksum_every == 0 ? 0 : options.checksum_every - 1;
  duty.check_checksums = options.checksum_every != 0;
  duty.measure_latency = options.measure_latency;
  duty.reply = options.reply;
  duty.magic = options.expects_replies ? turned : traffic.magic;
  duty.reply_magic = options.expects_replies ? traffic.magic : turned;
  return duty;
}

Status check_options(const SinkOptions& options) {
  if (options.watched_flows == 0 || options.watched_flows > kWatchedMax)
    return refuse("watched flows: 1 to {}", kWatchedMax);
  if ((options.checksum_every & (options.checksum_every - 1)) != 0)
    return refuse("checksums are verified every 1, 2, 4, 8, ... packets, or 0 for never");
  return {};
}

Histogram read_latency(int map) {
  std::vector<pktgen_latency> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  Histogram histogram;
  if (bpf_map_lookup_elem(map, &kOnly, values.data()) != 0) return histogram;
  for (const pktgen_latency& cpu : values) histogram.add_buckets(cpu.buckets, cpu.max_ns);
  return histogram;
}

}  // namespace

struct Sink::Parts {
  SinkOptions options;
  std::unique_ptr<pktgen_sink_bpf, DestroySkeleton> skeleton;
  UniqueFd link;
  bool native = true;

  [[nodiscard]] Status load();
  [[nodiscard]] Status attach();
};

Status Sink::Parts::load() {
  skeleton.reset(pktgen_sink_bpf__open());
  if (!skeleton) return fail(errno, "open the sink's program");
  skeleton->rodata->duty = make_duty(options);
  bpf_map__set_max_entries(skeleton->maps.flows, options.watched_flows);
  if (const int error = pktgen_sink_bpf__load(skeleton.get())) return fail(-error, "load the sink's program");
  return {};
}

// In the device's namespace.
Status Sink::Parts::attach() {
  auto device = netlink::find_device(options.device);
  if (!device) return pass_on(std::move(device.error()));
  const int program = bpf_program__fd(skeleton->progs.pktgen_sink);
  for (const std::uint32_t mode : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    LIBBPF_OPTS(bpf_link_create_opts, link_options, .flags = mode);
    link.reset(bpf_link_create(program, static_cast<int>(device->ifindex), BPF_XDP, &link_options));
    native = mode == XDP_FLAGS_DRV_MODE;
    if (link || errno == EBUSY || !options.allow_generic) break;
  }
  if (!link) return fail(errno, "attach the sink to {}", options.device);
  return {};
}

Sink::Sink(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Sink::Sink(Sink&&) noexcept = default;
Sink& Sink::operator=(Sink&&) noexcept = default;
Sink::~Sink() = default;

Result<Sink> Sink::open(const SinkOptions& options) {
  if (auto good = check_options(options); !good) return pass_on(std::move(good.error()));
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  if (auto done = parts->load(); !done) return pass_on(std::move(done.error()));
  if (auto done = in_netns(options.netns, [&] { return parts->attach(); }); !done)
    return pass_on(std::move(done.error()));
  return Sink{std::move(parts)};
}

bool Sink::native() const { return parts_->native; }

SinkResult Sink::result() const {
  const auto seen = sum_per_cpu<pktgen_seen>(bpf_map__fd(parts_->skeleton->maps.seen), kOnly);
  SinkResult result;
  result.received = seen.received;
  result.bytes = seen.bytes + seen.received * kCheckSequenceBytes;
  result.foreign = seen.foreign;
  result.order_checked = seen.order_checked;
  result.reordered = seen.reordered;
  result.duplicated = seen.duplicated;
  result.checksums_checked = seen.checksums_checked;
  result.bad_ip_checksums = seen.bad_ip_checksums;
  result.bad_l4_checksums = seen.bad_l4_checksums;
  result.replied = seen.replied;
  result.latency = read_latency(bpf_map__fd(parts_->skeleton->maps.latencies));
  return result;
}

SinkResult SinkResult::operator-(const SinkResult& earlier) const {
  SinkResult rest = *this;
  rest.received -= earlier.received;
  rest.bytes -= earlier.bytes;
  rest.foreign -= earlier.foreign;
  rest.order_checked -= earlier.order_checked;
  rest.reordered -= earlier.reordered;
  rest.duplicated -= earlier.duplicated;
  rest.checksums_checked -= earlier.checksums_checked;
  rest.bad_ip_checksums -= earlier.bad_ip_checksums;
  rest.bad_l4_checksums -= earlier.bad_l4_checksums;
  rest.replied -= earlier.replied;
  rest.latency = latency - earlier.latency;
  return rest;
}

std::uint64_t Sink::flows_seen() const {
  const int map = bpf_map__fd(parts_->skeleton->maps.flows);
  std::uint64_t seen = 0;
  for (std::uint32_t number = 0; number < parts_->options.watched_flows; ++number) {
    pktgen_flow flow{};
    if (bpf_map_lookup_elem(map, &number, &flow) == 0 && flow.packets != 0) ++seen;
  }
  return seen;
}

bool Sink::wait_quiet(std::chrono::milliseconds quiet, std::chrono::milliseconds limit) const {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + limit;
  const int map = bpf_map__fd(parts_->skeleton->maps.seen);
  std::uint64_t before = sum_per_cpu<pktgen_seen>(map, kOnly).received;
  for (auto since = steady_clock::now(); steady_clock::now() - since < quiet;) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    const std::uint64_t now = sum_per_cpu<pktgen_seen>(map, kOnly).received;
    if (now != before) since = steady_clock::now();
    before = now;
  }
  return true;
}

}  // namespace twinpath::pktgen
