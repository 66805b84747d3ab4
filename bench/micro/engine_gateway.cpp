#include "bench/micro/engine_gateway.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>

#include "kernel/tables.hpp"

namespace twinpath::bench {

using test::kLan;
using test::kWan;

EngineStages::EngineStages(dp_env& env, afxdp::FrameIo& io, NeighbourRequests& requests)
    : tally_(env),
      chain_(env, io, requests, counters_, tally_, {.hold_total = io.engine_frames() / 2, .reassembly = {}}),
      all_{&nothing_} {
  all_.insert(all_.end(), chain_.stages().begin(), chain_.stages().end());
}

EngineGateway::EngineGateway(std::uint32_t flows) : packets_(flows), order_(flows), items_(afxdp::kBurstMax) {
  enlarge_table(flows);
  tables_.settings.ticks_per_second = clock_.per_second();
  tables_.settings.heartbeat = clock_.now();
  tables_.settings.heartbeat_limit = UINT32_MAX / 2;
  tables_.allow(DP_PLACE_USER);
  engine_ = std::make_unique<Engine>(io_, tables_.env, clock_, requests_, EngineLimits{});
  stages_ = std::make_unique<EngineStages>(tables_.env, io_, requests_);
  for (const Direction direction : {Direction::forward, Direction::answer, Direction::forward}) exchange(direction);
  decided_ = io_.sent() == 3 * std::uint64_t{flows};
  for (std::uint32_t flow = 0; flow < flows; ++flow) packets_[flow] = packet_of(flow, Direction::forward);
  shuffle(false);
}

void EngineGateway::enlarge_table(std::uint32_t flows) {
  const std::uint32_t sets = sets_for(flows);
  flows4_.resize(sets / 2);
  tables_.env.flows4 = flows4_;
  flows4_cold_.resize(std::size_t{sets} * DP_FLOW_WAYS);
  tables_.env.flows4_cold = flows4_cold_;
  tables_.settings.v4.set_count = sets;
  tables_.settings.v4.max_pairs = flows;
}

// From 192.0.2.1, whose neighbour is known, to one of the 64 hosts behind 198.51.100.1.
EngineGateway::PacketBytes EngineGateway::packet_of(std::uint32_t flow, Direction direction) {
  constexpr std::uint32_t kPorts = 60000;
  const std::string server = fmt::format("203.0.113.{}", flow / kPorts % 64);
  const auto port = static_cast<std::uint16_t>(1024 + flow % kPorts);
  const test::Packet packet = direction == Direction::forward
                                  ? test::Eth{} / test::Ipv4{.src = "192.0.2.1", .dst = server.c_str()} /
                                        test::Udp{.sport = port, .dport = 2000}
                                  : test::Eth{.dst = test::kWanMac} /
                                        test::Ipv4{.src = server.c_str(), .dst = "192.0.2.1"} /
                                        test::Udp{.sport = 2000, .dport = port};
  const test::Bytes bytes = (packet / test::Payload(18)).bytes();
  PacketBytes out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

void EngineGateway::exchange(Direction direction) {
  for (std::uint32_t flow = 0; flow < packets_.size(); ++flow) {
    io_.arrive(packet_of(flow, direction), direction == Direction::forward ? kLan : kWan);
    if ((flow + 1) % afxdp::kBurstMax != 0 && flow + 1 != packets_.size()) continue;
    engine_->turn();
    engine_->turn();  // nothing more to receive: new flows are let go
  }
}

void EngineGateway::shuffle(bool shuffled) {
  std::iota(order_.begin(), order_.end(), 0);
  if (shuffled) std::shuffle(order_.begin(), order_.end(), std::mt19937(1));  // any seed, always the same
  next_ = 0;
}

void EngineGateway::arrive_next() {
  for (std::uint32_t i = 0; i < afxdp::kBurstMax; ++i) {
    io_.arrive(packets_[order_[next_]], kLan);
    next_ = next_ + 1 < order_.size() ? next_ + 1 : 0;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // what is measured next does not wait for these stores
}

std::span<Item> EngineGateway::next_items() {
  arrive_next();
  const std::span<afxdp::Frame> frames = io_.receive(afxdp::kBurstMax);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Item& item = items_[i];
    item.frame = frames[i];
    item.reason = DP_NONE;
    item.fate = Fate::undecided;
    item.related = item.again = false;
  }
  return items_;
}

}  // namespace twinpath::bench
