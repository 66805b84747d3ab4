// engine_gateway.hpp - a gateway in memory with many decided flows of `place: user`, whose packets come in bursts of 64.
//
// Flows    UDP over IPv4, 60 bytes and 4 of checksum on the wire. Decided by the engine itself, which sees a packet, an
//          answer and another packet of each; so they are assured. The table is as large as for so many pairs.
// Order    of packets: flow after flow, or shuffled. Where a flow lies in the table is a hash's doing in both.
// Frames   always the same 64, laid just before: they are in the CPU's cache.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/micro/burst_io.hpp"
#include "engine/engine.hpp"
#include "harness/engine_fixture.hpp"

namespace twinpath::bench {

// The stages one by one, in the chain's order. The first does nothing: it shows what measuring costs.
class EngineStages {
 public:
  EngineStages(dp_env& env, afxdp::FrameIo& io, NeighbourRequests& requests);

  [[nodiscard]] std::span<Stage* const> all() const { return all_; }

 private:
  class NoStage final : public Stage {
   public:
    [[nodiscard]] std::string_view name() const noexcept override { return "nothing"; }
    void run(std::span<Item>, std::uint32_t) noexcept override {}
  };

  EngineCounters counters_;
  FlowTally tally_;
  NoStage nothing_;
  StageChain chain_;
  std::vector<Stage*> all_;
};

class EngineGateway {
 public:
  explicit EngineGateway(std::uint32_t flows);

  // Every packet of the first exchange has been forwarded: the flows are decided.
  [[nodiscard]] bool decided() const { return decided_; }
  void shuffle(bool shuffled);

  // The next 64 packets arrive; one turn of engine() takes them.
  void arrive_next();
  // The same as items that no stage has seen; good until the next call.
  [[nodiscard]] std::span<Item> next_items();

  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] EngineStages& stages() { return *stages_; }
  [[nodiscard]] std::uint64_t sent() const { return io_.sent(); }
  [[nodiscard]] std::uint32_t now() const { return clock_.now(); }

 private:
  static constexpr std::size_t kPacketBytes = 60;
  using PacketBytes = std::array<std::uint8_t, kPacketBytes>;
  enum class Direction { forward, answer };

  static PacketBytes packet_of(std::uint32_t flow, Direction direction);
  void enlarge_table(std::uint32_t flows);
  // One packet of each flow, through the engine.
  void exchange(Direction direction);

  test::GatewayTables tables_;
  std::vector<dp_flow_bucket4> flows4_;
  std::vector<dp_flow_cold> flows4_cold_;
  TickClock clock_;
  test::NotedRequests requests_;
  BurstIo io_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EngineStages> stages_;
  std::vector<PacketBytes> packets_;  // by flow
  std::vector<std::uint32_t> order_;  // of flows
  std::size_t next_ = 0;
  std::vector<Item> items_;
  bool decided_ = false;
};

}  // namespace twinpath::bench
