// flow_race_run.hpp - two sides install the same flows at the same moment, through the whole gateway; then the table is
// inspected and the packets are added up.
//
//   inside  (zone 2) port 1  192.0.2.0/24, 2001:db8::/64         both zones may begin flows, so that a flow's mirror
//   outside (zone 3) port 2  198.51.100.0/24, 2001:db8:1::/64    image is as good as the flow
//
// The left side is always the kernel datapath. The right side is the kernel datapath on another CPU or the engine, and
// sends the same packet or, mirrored, the one that the flow's other end would begin with.
// Place    inside a network namespace of its own: it makes the two ports' devices. Needs two CPUs.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "model/flow_inspection.hpp"

#include "model/flow_race_engine.hpp"

namespace twinpath::test {

struct RaceKind {
  const char* name;
  std::uint8_t family;
  std::uint8_t protocol;
  bool mirrored;
  bool engine;
};

inline constexpr RaceKind kRaceKinds[] = {
    {"the same SYN on two CPUs, IPv4", DP_FAMILY_V4, 6, false, false},
    {"the same datagram on two CPUs, IPv6", DP_FAMILY_V6, 17, false, false},
    {"a SYN from each end on two CPUs, IPv4", DP_FAMILY_V4, 6, true, false},
    {"a datagram from each end on two CPUs, IPv6", DP_FAMILY_V6, 17, true, false},
    {"the same datagram in kernel and engine, IPv4", DP_FAMILY_V4, 17, false, true},
    {"the same SYN in kernel and engine, IPv6", DP_FAMILY_V6, 6, false, true},
    {"a SYN from each end in kernel and engine, IPv4", DP_FAMILY_V4, 6, true, true},
    {"a datagram from each end in kernel and engine, IPv6", DP_FAMILY_V6, 17, true, true},
};

struct RaceResult {
  FlowInspection table;
  std::uint64_t missing = 0;    // flows of which one direction or both are not found
  std::uint64_t forwarded = 0;  // packets, of both sides
  std::uint64_t refused = 0;    // dropped or, towards no socket, steered: with a reason
  std::uint64_t lost = 0;       // sent, and neither of the two
  std::uint64_t met = 0;        // flows at which the sides stood at one time
  RaceTally reasons{};          // of the refused

  RaceResult& operator+=(const RaceResult& other);
  // What must never be, however small the table is.
  [[nodiscard]] std::uint64_t faults() const { return table.transitional + table.half_pairs + table.duplicates + lost; }
};

[[nodiscard]] std::string describe(const RaceResult& result);

class FlowRace {
 public:
  // `gateway_object`: file of the gateway's BPF object.
  explicit FlowRace(const std::string& gateway_object);
  FlowRace(const FlowRace&) = delete;
  FlowRace& operator=(const FlowRace&) = delete;

  // `flows` new flows; the table is empty before. With `sets`, only so many of the table's sets are used.
  RaceResult round(const RaceKind& kind, std::uint32_t flows, std::uint32_t sets);

 private:
  struct Close {
    void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
  };
  void load();
  void make_devices();
  void keep_dispatched();
  [[nodiscard]] int program(std::uint32_t side) const;
  void fill_tables();
  void fill_routes();
  void place_sides(const RaceKind& kind);
  void run_kernel(std::uint32_t side, std::uint32_t flows);
  void clear(const TableView& table);
  void inspect(const RaceKind& kind, std::uint32_t first, std::uint32_t flows, RaceResult& result);
  void add_up(const RaceTally& engine, std::uint64_t sent, RaceResult& result);
  [[nodiscard]] TableView table(std::uint8_t family) const;
  [[nodiscard]] std::uint64_t forwarded_by_kernel() const;

  KernelSide kernel_;
  std::unique_ptr<bpf_object, Close> object_;
  MapMemory<race_side> sides_;
  std::uint32_t ifindex_[3] = {};
  UniqueFd links_[RACE_SIDES];
  RaceTally reasons_before_{};
  std::uint64_t forwarded_before_ = 0;
};

}  // namespace twinpath::test
