// kernel_side.hpp - the BPF object under test: loaded, its tables as memory, and one frame at a time through it.
//
// How      BPF_PROG_TEST_RUN of twinpath_hit with a context: the frame, the device it came in by, the receive queue.
//          The kernel wants a device of the caller's network namespace and a queue that it has. Nothing is attached,
//          pinned or sent: a redirect is only answered.
// Thread   bound to one CPU by the caller, so that per-CPU values have one place.
// Errors   std::runtime_error: the test cannot go on.
#pragma once

#include <bpf/libbpf.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "common/model/context.h"
#include "common/model/counters.h"
#include "common/model/device.h"
#include "common/model/event.h"
#include "common/model/fib.h"
#include "common/model/metadata.h"
#include "common/model/next_hop.h"
#include "common/model/port.h"
#include "common/model/route.h"
#include "common/model/settings.h"
#include "kernel/bpf_map.hpp"
#include "tests/harness/layers.hpp"

namespace twinpath::test {

// A frame and the place where it arrives.
struct Arrival {
  Bytes frame;
  std::uint32_t ifindex = 0;
  std::uint32_t queue = 0;
};

// What became of it. `frame` is without the metadata.
struct Outcome {
  std::uint32_t action = 0;  // enum xdp_action
  Bytes frame;
  std::optional<dp_metadata> metadata;
};

inline constexpr std::uint32_t kBuckets4 = 48;
inline constexpr std::uint32_t kBuckets6 = 32;
inline constexpr std::uint32_t kFibLines = 4096;
inline constexpr std::size_t kFrameMin = 14;  // what the kernel accepts for a test run
inline constexpr std::size_t kFrameMax = 3400;

class KernelSide {
 public:
  explicit KernelSide(const std::string& object_file, std::uint32_t buckets4 = kBuckets4,
                      std::uint32_t buckets6 = kBuckets6);
  KernelSide(const KernelSide&) = delete;
  KernelSide& operator=(const KernelSide&) = delete;

  Outcome run(const Arrival& arrival);

  // Map by its name in bpf/shared/maps.bpf.h.
  [[nodiscard]] int map(const char* name) const;
  // The program that frames enter by.
  [[nodiscard]] int program() const { return program_; }
  // Events of the ring buffer since the last call.
  [[nodiscard]] std::vector<dp_event> take_events();
  // Context of the last packet that took the slow path on this CPU.
  [[nodiscard]] dp_context scratch() const;
  template <class T>
  [[nodiscard]] T counter(int fd, std::uint32_t index) const {
    return sum_per_cpu<T>(fd, index);
  }

  MapMemory<dp_settings> settings;
  MapMemory<dp_flow_bucket4> flows4;
  MapMemory<dp_flow_bucket6> flows6;
  MapMemory<dp_flow_cold> flows4_cold;
  MapMemory<dp_flow_cold> flows6_cold;
  MapMemory<dp_zone_pair> zone_pairs;
  MapMemory<dp_rule> rules;
  MapMemory<dp_route_rule> route_rules;
  MapMemory<dp_fib_line> fib;
  MapMemory<dp_route> routes;
  MapMemory<dp_path> paths;
  MapMemory<dp_next_hop> next_hops;
  MapMemory<dp_port> ports;
  MapMemory<dp_port_macs> port_macs;
  MapMemory<dp_device> devices;
  MapMemory<dp_ingress> ingress;
  MapMemory<dp_budget_window> budgets;

 private:
  struct Close {
    void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
  };
  void load(const std::string& object_file, std::uint32_t buckets4, std::uint32_t buckets6);
  void enter(std::uint32_t stage, const char* program);
  void open_memory(std::uint32_t buckets4, std::uint32_t buckets6);

  struct FreeRing {
    void operator()(ring_buffer* ring) const noexcept { ring_buffer__free(ring); }
  };

  std::unique_ptr<bpf_object, Close> object_;
  std::vector<dp_event> events_;
  std::unique_ptr<ring_buffer, FreeRing> ring_;
  int program_ = -1;
  int scratch_ = -1;
  std::size_t cpu_ = 0;
  std::size_t cpus_ = 0;
};

}  // namespace twinpath::test
