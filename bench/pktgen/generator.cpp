#include "bench/pktgen/generator.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <sched.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "base/fd.hpp"
#include "bench/pktgen/device_drops.hpp"
#include "bench/pktgen/lane.hpp"
#include "bench/pktgen/netns.hpp"
#include "bench/pktgen/plan.hpp"
#include "netlink/device.hpp"

#include "bench/pktgen/pktgen_generator.skel.h"

namespace twinpath::pktgen {
namespace {

constexpr std::uint32_t kOnly = 0;  // key of maps with one entry
constexpr std::uint32_t kCheckSequenceBytes = 4;
constexpr std::uint32_t kBatchMax = 256;

struct DestroySkeleton {
  void operator()(pktgen_generator_bpf* skeleton) const noexcept { pktgen_generator_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<pktgen_generator_bpf, DestroySkeleton>;

// A loopback that nobody else has, in a namespace without a name, with the program on it: as long as a program is
// attached anywhere, a test run need not rewrite the kernel's XDP dispatcher and wait for all CPUs. The user's own
// loopback stays free, for a second generator or anything else.
struct PrivateLoopback {
  UniqueFd netns;
  UniqueFd link;
};

Status enter_new_netns(PrivateLoopback& loopback, int program) {
  constexpr int kLoopbackIndex = 1;  // in every new namespace
  if (::unshare(CLONE_NEWNET) != 0) return fail(errno, "make a network namespace");
  loopback.netns.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!loopback.netns) return fail(errno, "open the new network namespace");
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_SKB_MODE);
  loopback.link.reset(bpf_link_create(program, kLoopbackIndex, BPF_XDP, &options));
  if (!loopback.link) return fail(errno, "attach the generator to a loopback");
  return {};
}

Result<PrivateLoopback> make_loopback(int program) {
  PrivateLoopback loopback;
  Status done;
  std::thread{[&] { done = enter_new_netns(loopback, program); }}.join();
  if (!done) return pass_on(std::move(done.error()));
  return loopback;
}

// The CPUs this process may use, lowest first.
std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

Result<std::vector<int>> choose_cpus(const GeneratorOptions& options) {
  std::vector<int> cpus = options.cpus.empty() ? allowed_cpus() : options.cpus;
  if (cpus.size() < options.threads)
    return refuse("{} threads need as many CPUs, there are {}", options.threads, cpus.size());
  cpus.resize(options.threads);
  if (std::set<int>(cpus.begin(), cpus.end()).size() != cpus.size())
    return refuse("each thread needs a CPU of its own");
  return cpus;
}

Status check_options(const GeneratorOptions& options) {
  if (auto good = check(options.traffic); !good) return good;
  if (options.threads == 0 || options.threads > options.traffic.flows)
    return refuse("threads: 1 to the number of flows");
  if (options.batch == 0 || options.batch > kBatchMax) return refuse("batch: 1 to {}", kBatchMax);
  if (!(options.rate_pps >= 0)) return refuse("the rate cannot be negative");
  return {};
}

}  // namespace

struct Generator::Parts {
  GeneratorOptions options;
  std::vector<int> cpus;
  Skeleton skeleton;
  PrivateLoopback loopback;
  UniqueFd hold;  // the program on a NIC
  std::uint64_t drops_before = 0;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::chrono::steady_clock::time_point started;

  ~Parts() { lanes.clear(); }  // threads end before what they use goes

  [[nodiscard]] Status load(std::uint32_t ifindex);
  [[nodiscard]] Status hold_device(std::uint32_t ifindex);
  [[nodiscard]] Status fill_lanes();
  [[nodiscard]] std::vector<pktgen_lane> read_lanes() const;
  [[nodiscard]] std::uint64_t drops() const;
};

Status Generator::Parts::load(std::uint32_t ifindex) {
  skeleton.reset(pktgen_generator_bpf__open());
  if (!skeleton) return fail(errno, "open the generator's program");
  skeleton->rodata->plan = make_plan(options.traffic);
  if (const int error = pktgen_generator_bpf__load(skeleton.get())) return fail(-error, "load the generator's program");
  // In the device's namespace: an index means nothing elsewhere.
  return in_netns(options.netns, [&]() -> Status {
    if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.out), &kOnly, &ifindex, BPF_ANY) != 0)
      return fail(errno, "redirect to {}", options.device);
    return {};
  });
}

Status Generator::Parts::hold_device(std::uint32_t ifindex) {
  return in_netns(options.netns, [&]() -> Status {
    LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
    const int program = bpf_program__fd(skeleton->progs.pktgen_hold);
    hold.reset(bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &native));
    if (!hold && errno != EBUSY) return fail(errno, "attach to {}, which a NIC needs to send", options.device);
    return {};  // busy: somebody else's program is there, which serves as well
  });
}

Status Generator::Parts::fill_lanes() {
  std::vector<pktgen_lane> states(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (std::uint32_t lane = 0; lane < options.threads; ++lane)
    states.at(static_cast<std::size_t>(cpus[lane])) = make_lane(options, lane);
  if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.lanes), &kOnly, states.data(), BPF_ANY) != 0)
    return fail(errno, "set up the generator's lanes");
  return {};
}

std::vector<pktgen_lane> Generator::Parts::read_lanes() const {
  std::vector<pktgen_lane> states(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.lanes), &kOnly, states.data()) != 0) states.clear();
  return states;
}

std::uint64_t Generator::Parts::drops() const { return device_drops(options.netns, options.device); }

Generator::Generator(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

Result<Generator> Generator::open(const GeneratorOptions& wanted) {
  auto parts = std::make_unique<Parts>();
  parts->options = wanted;
  if (auto good = check_options(wanted); !good) return pass_on(std::move(good.error()));
  auto cpus = choose_cpus(wanted);
  if (!cpus) return pass_on(std::move(cpus.error()));
  parts->cpus = std::move(*cpus);

  std::uint32_t ifindex = 0;
  bool is_nic = false;
  auto found = in_netns(wanted.netns, [&]() -> Status {
    auto link = netlink::find_device(wanted.device);
    if (!link) return pass_on(std::move(link.error()));
    ifindex = link->ifindex;
    is_nic = link->kind.empty() && !link->loopback;
    if (wanted.traffic.source_mac == MacAddress{}) parts->options.traffic.source_mac = link->mac;
    return {};
  });
  if (!found) return pass_on(std::move(found.error()));
  if (auto done = parts->load(ifindex); !done) return pass_on(std::move(done.error()));
  if (is_nic && wanted.hold_device)
    if (auto done = parts->hold_device(ifindex); !done) return pass_on(std::move(done.error()));
  if (auto done = parts->fill_lanes(); !done) return pass_on(std::move(done.error()));
  auto loopback = make_loopback(bpf_program__fd(parts->skeleton->progs.pktgen_generate));
  if (!loopback) return pass_on(std::move(loopback.error()));
  parts->loopback = std::move(*loopback);
  return Generator{std::move(parts)};
}

Status Generator::start() {
  Parts& parts = *parts_;
  const GeneratorOptions& options = parts.options;
  if (!parts.lanes.empty()) return refuse("the generator has been started before");
  parts.drops_before = parts.drops();
  parts.started = std::chrono::steady_clock::now();
  const std::uint32_t frame_bytes = frame_sizes(options.traffic).back() - kCheckSequenceBytes;
  for (std::uint32_t lane = 0; lane < options.threads; ++lane) {
    LanePace pace{.rate_pps = options.rate_pps / options.threads,
                  .packet_count = make_lane(options, lane).limit,
                  .burst = options.burst,
                  .batch = options.batch};
    parts.lanes.push_back(std::make_unique<Lane>(bpf_program__fd(parts.skeleton->progs.pktgen_generate),
                                                 parts.cpus[lane], frame_bytes, pace));
  }
  return {};
}

bool Generator::running() const {
  return std::any_of(parts_->lanes.begin(), parts_->lanes.end(), [](const auto& lane) { return lane->running(); });
}

bool Generator::wait(std::chrono::milliseconds limit) const {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (running()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

Status Generator::stop() {
  for (const auto& lane : parts_->lanes) lane->ask_to_stop();
  Status done;
  for (const auto& lane : parts_->lanes)
    if (auto ended = lane->join(); !ended) done = std::move(ended);
  return done;
}

GeneratorResult Generator::result() const {
  GeneratorResult result;
  for (const pktgen_lane& lane : parts_->read_lanes()) {
    result.sent += lane.packets;
    result.bytes += lane.bytes + lane.packets * kCheckSequenceBytes;
    result.flows += lane.next;
  }
  result.flows = std::min(result.flows, tuple_count(parts_->options.traffic));
  auto ended = parts_->started;
  for (const auto& lane : parts_->lanes) {
    const LaneUse use = lane->use();
    result.calls += use.calls;
    result.cpu_seconds += use.cpu_seconds;
    ended = std::max(ended, use.ended);
  }
  result.seconds = std::chrono::duration<double>(ended - parts_->started).count();
  if (!parts_->lanes.empty()) result.not_taken = parts_->drops() - parts_->drops_before;
  return result;
}

}  // namespace twinpath::pktgen
