// engine_fixture.hpp - a whole engine over tables and frames in memory: packets in, packets and drops out.
#pragma once

#include <algorithm>
#include <memory>

#include "engine/engine.hpp"
#include "harness/gateway_tables.hpp"
#include "harness/memory_io.hpp"

namespace twinpath::test {

class NotedRequests final : public NeighbourRequests {
 public:
  void request(const AwaitedNeighbour& neighbour) noexcept override { noted.push_back(neighbour); }
  std::vector<AwaitedNeighbour> noted;
};

class EngineUnderTest {
 public:
  explicit EngineUnderTest(const EngineLimits& limits = {}) {
    tables.now = clock.now();
    tables.settings.heartbeat = clock.now();
    tables.settings.ticks_per_second = clock.per_second();
    tables.settings.heartbeat_limit = 60 * clock.per_second();
    engine = std::make_unique<Engine>(io, tables.env, clock, requests, limits);
    engine->call(command::set_addresses(kLan, {address("192.0.2.254"), address("2001:db8::fe")}));
    engine->call(command::set_addresses(kWan, {address("198.51.100.254"), address("2001:db8:1::fe")}));
  }

  // One frame through one turn.
  void pass(const Packet& packet, std::uint16_t port = kLan) {
    io.arrive(packet.bytes(), port);
    turn();
  }
  void turn() { engine->turn(); }
  // Advances the time by `ticks` of the kernel.
  void later(std::uint32_t ticks) { clock.calibrate(clock.now() + ticks); }
  [[nodiscard]] std::uint64_t drops(int reason) const {
    return engine->counters().reasons[static_cast<std::size_t>(reason)].read().packets;
  }
  [[nodiscard]] std::uint64_t all_drops() const {
    std::uint64_t sum = 0;
    for (const EngineCounter& counter : engine->counters().reasons) sum += counter.read().packets;
    return sum;
  }
  // Whether the frames that the engine has are those it reports as held, and no frame was given back twice.
  [[nodiscard]] bool adds_up() const { return io.mistakes == 0 && io.with_engine() == engine->held(); }
  void resolve(std::uint16_t hop) {
    tables.hop(hop).flags |= DP_NEXT_HOP_RESOLVED;
    engine->post(command::neighbours_changed());
  }
  void fail(std::uint16_t hop) {
    tables.hop(hop).flags |= DP_NEXT_HOP_FAILED;
    engine->post(command::neighbours_changed());
  }
  [[nodiscard]] bool is_held(const Packet& packet, std::uint16_t port = kLan) {
    dp_flow_view view{};
    return tables.find(packet.bytes(), port, view) && (view.link & DP_FLOW_HELD) != 0;
  }

  GatewayTables tables;
  MemoryIo io;
  TickClock clock;
  NotedRequests requests;
  std::unique_ptr<Engine> engine;
};

inline std::uint16_t get16(const Bytes& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}

inline Packet udp(const char* destination, std::uint16_t sport = 1000) {
  return Eth{} / Ipv4{.dst = destination} / Udp{.sport = sport} / Payload(8);
}

// Whether the checksum of the IPv4 header at offset 14 is right.
inline bool header_is_right(const Bytes& frame) {
  const std::size_t size = (frame.at(14) & 0xfU) * 4;
  return internet_checksum(std::span{frame}.subspan(14, size)) == 0;
}

// The payload of a datagram from its IPv4 fragments, in whatever order they are.
inline Bytes reassemble(const std::vector<MemoryIo::Sent>& sent) {
  Bytes whole;
  for (const auto& [bytes, device] : sent) {
    const std::size_t header = (bytes.at(14) & 0xfU) * 4;
    const std::size_t offset = (get16(bytes, 20) & 0x1fffU) * 8;
    const std::size_t payload = get16(bytes, 16) - header;
    whole.resize(std::max(whole.size(), offset + payload));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(14 + header), payload,
                whole.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return whole;
}

}  // namespace twinpath::test
