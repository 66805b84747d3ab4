#include "kernel/live_transmit.hpp"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "bpf/transmit.skel.h"

namespace twinpath {
namespace {

constexpr int kLoopback = 1;  // its number in every network namespace
// A call whose program the kernel does not call directly waits for a grace period: 24 ms instead of 15 µs.
constexpr std::chrono::milliseconds kCallMost{2};
constexpr int kCallsTried = 5;
// Frames between two moments in which the receiver's softirq may run: a quarter of a veth's queue.
constexpr std::uint32_t kBatch = 64;

}  // namespace

void LiveTransmit::Destroy::operator()(transmit_bpf* skeleton) const noexcept { transmit_bpf__destroy(skeleton); }
LiveTransmit::LiveTransmit(LiveTransmit&&) noexcept = default;
LiveTransmit& LiveTransmit::operator=(LiveTransmit&&) noexcept = default;
LiveTransmit::~LiveTransmit() = default;

Result<LiveTransmit> LiveTransmit::create(int tx_devices) {
  LiveTransmit transmit;
  if (auto loaded = transmit.load(tx_devices); !loaded) return pass_on(std::move(loaded.error()));
  if (auto kept = transmit.keep_dispatched(); !kept) return pass_on(std::move(kept.error()));
  if (auto tried = transmit.try_out(); !tried) return pass_on(std::move(tried.error()));
  return transmit;
}

Status LiveTransmit::load(int tx_devices) {
  skeleton_.reset(transmit_bpf__open());
  if (!skeleton_) return fail(errno, "open the transmit program");
  if (const int error = bpf_map__reuse_fd(skeleton_->maps.tx_devices, tx_devices); error != 0)
    return fail(-error, "give the transmit program its devices");
  if (const int error = transmit_bpf__load(skeleton_.get()); error != 0)
    return fail(-error, "load the transmit program");
  auto slots = MapMemory<dp_transmit_slot>::open(bpf_map__fd(skeleton_->maps.slots), DP_TRANSMIT_SLOTS);
  if (!slots) return pass_on(std::move(slots.error()));
  auto arena = MapMemory<dp_transmit_arena>::open(bpf_map__fd(skeleton_->maps.arena), 1);
  if (!arena) return pass_on(std::move(arena.error()));
  slots_ = std::move(*slots);
  arena_ = std::move(*arena);
  return {};
}

// The kernel enters programs that are attached somewhere into its dispatcher, and updates it on every test run of one
// that is not. So the program sits on a device that no packet ever meets: the loopback of a namespace made for it.
Status LiveTransmit::keep_dispatched() {
  Status status;
  const auto attach = [&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      status = fail(errno, "make a network namespace");
      return;
    }
    place_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_SKB_MODE);
    link_.reset(bpf_link_create(bpf_program__fd(skeleton_->progs.twinpath_transmit), kLoopback, BPF_XDP, &options));
    if (!place_ || !link_) status = fail(errno, "attach the transmit program");
  };
  std::thread{attach}.join();
  return status;
}

// Runs without a packet: the program finds an empty slot and aborts.
Status LiveTransmit::try_out() {
  slots_[0] = dp_transmit_slot{};
  auto shortest = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < kCallsTried; ++i) {
    const auto before = std::chrono::steady_clock::now();
    if (const int error = run(1); error != 0) return fail(-error, "run the transmit program");
    shortest = std::min(shortest, std::chrono::steady_clock::now() - before);
  }
  if (shortest > kCallMost) return refuse("a run of the transmit program takes more than {} ms", kCallMost.count());
  return {};
}

bool LiveTransmit::put(std::span<const std::uint8_t> packet, std::uint16_t device) noexcept {
  if (waiting_ == DP_TRANSMIT_SLOTS || packet.size() < ETH_HLEN || packet.size() > DP_TRANSMIT_PACKET_MAX) return false;
  slots_[waiting_++] = {.offset = offset_, .bytes = static_cast<__u16>(packet.size()), .device = device};
  std::memcpy(arena_[0].bytes + offset_, packet.data(), packet.size());
  offset_ +=
      static_cast<std::uint32_t>((packet.size() + DP_TRANSMIT_ALIGN - 1) / DP_TRANSMIT_ALIGN * DP_TRANSMIT_ALIGN);
  return true;
}

bool LiveTransmit::send() noexcept {
  const bool sent = waiting_ == 0 || run(waiting_) == 0;
  waiting_ = 0;
  offset_ = 0;
  return sent;
}

int LiveTransmit::run(std::uint32_t count) noexcept {
  std::array<std::uint8_t, ETH_ZLEN> frame{};  // what each frame is before the program fills it
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(),
              .repeat = static_cast<int>(count), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
              .batch_size = std::min(count, kBatch));
  skeleton_->bss->next_slot = 0;
  return bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.twinpath_transmit), &options);
}

}  // namespace twinpath
