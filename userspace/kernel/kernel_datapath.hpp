// kernel_datapath.hpp - the loaded programs and maps of one gateway, pinned under one directory.
//
// Pins     <bpffs>/twinpath/<name>/<map>, .../link_<device>. They outlive the daemon: forwarding goes on, and the next
//          start opens the same maps and replaces the programs on the same links without a gap.
// Owner    the daemon's control thread. Destruction closes file descriptors only; remove_pins() undoes.
// Errors   Result with the system call's reason; a directory pinned by another layout is refused by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "common/model/counters.h"
#include "common/model/flow.h"
#include "common/model/next_hop.h"
#include "common/model/port.h"
#include "common/model/route.h"
#include "common/model/rule.h"
#include "common/model/settings.h"
#include "kernel/bpf_map.hpp"
#include "kernel/port_counters.hpp"

struct gateway_bpf;

namespace twinpath {

// Number of sets for `max_pairs`: two slots per pair, the table at most half full, two sets per bucket.
[[nodiscard]] std::uint32_t sets_for(std::uint32_t max_pairs);

// Every map that user space touches, by its name in bpf/shared/maps.bpf.h.
struct MapFds {
  int settings, flows4, flows6, zone_pairs, rules, paths;
  int routes4[DP_BANKS], routes6[DP_BANKS];
  int next_hops, ports, ingress, neighbours, vlan_ports, tx_ports, sockets;
  int reasons, rule_hits, events;
  PortCounterMaps port_counters;
};

// The memory of the mmapped ones, writable.
struct TableMemory {
  MapMemory<dp_settings> settings;
  MapMemory<dp_flow_bucket4> flows4;
  MapMemory<dp_flow_bucket6> flows6;
  MapMemory<dp_zone_pair> zone_pairs;
  MapMemory<dp_rule> rules;
  MapMemory<dp_path> paths;
  MapMemory<dp_next_hop> next_hops;
  MapMemory<dp_port> ports;
  MapMemory<dp_ingress> ingress;
};

enum class AttachMode { native, generic };

[[nodiscard]] constexpr std::string_view name_of(AttachMode mode) {
  return mode == AttachMode::native ? "native" : "generic";
}

class KernelDatapath {
 public:
  // Loads the programs; maps are taken from `pins` where they are there, else made and pinned. `adopted()` tells.
  [[nodiscard]] static Result<KernelDatapath> load(const std::string& pins, std::uint32_t max_pairs4,
                                                   std::uint32_t max_pairs6);
  KernelDatapath(KernelDatapath&&) noexcept;
  KernelDatapath& operator=(KernelDatapath&&) noexcept;
  ~KernelDatapath();

  [[nodiscard]] bool adopted() const { return adopted_; }
  [[nodiscard]] const MapFds& maps() const { return fds_; }
  [[nodiscard]] TableMemory& memory() { return memory_; }
  [[nodiscard]] int hit_program() const;
  [[nodiscard]] int slow_program() const;
  // Answers the kernel's tick when run by request (bpf_prog_test_run).
  [[nodiscard]] int tick_program() const;

  // Attaches to a device by a pinned link, or takes over the link that is pinned for it. A hook held by a stranger is
  // refused with the stranger's name.
  [[nodiscard]] Status attach(const std::string& device, int ifindex, AttachMode mode);
  // Detaches and forgets the link of a device.
  void detach(const std::string& device);

 private:
  KernelDatapath() = default;
  [[nodiscard]] Status open_memory(std::uint32_t sets4, std::uint32_t sets6);
  void collect_fds();

  struct Destroy {
    void operator()(gateway_bpf* skeleton) const noexcept;
  };
  std::unique_ptr<gateway_bpf, Destroy> skeleton_;
  std::string pins_;
  MapFds fds_{};
  TableMemory memory_;
  bool adopted_ = false;
};

// Refuses, naming the holder, a device whose XDP hook is held by anything but the link pinned for it here. Touches
// nothing.
[[nodiscard]] Status check_hook(const std::string& pins, const std::string& device, int ifindex);

// Where the pins of an instance are, or would be.
[[nodiscard]] std::string pin_directory(const std::string& where, const std::string& instance);

// Makes sure bpffs is mounted at `where` and makes the directory of an instance in it.
[[nodiscard]] Result<std::string> make_pin_directory(const std::string& where, const std::string& instance);

// Removes every pin of an instance: links first, so that XDP is off the devices before the maps go.
void remove_pins(const std::string& pins);

// Memory of user space that lives as long as the pins: zeros, or what an earlier process left in it under this name.
// What was left with another size is thrown away.
[[nodiscard]] Result<Mapping> open_pinned_memory(const std::string& pins, const std::string& name, std::size_t bytes);

// Devices that have a pinned link in this directory.
[[nodiscard]] std::vector<std::string> pinned_devices(const std::string& pins);

}  // namespace twinpath
