#include "bench/pktgen/plan.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace twinpath::pktgen {
namespace {

constexpr std::uint32_t kCheckSequenceBytes = 4;
constexpr std::uint32_t kEthernetBytes = 14;

std::uint32_t low_of(const AddressRange& range) {
  std::uint32_t low = 0;
  std::memcpy(&low, range.first.data() + (range.family == Family::v4 ? 0 : 12), sizeof low);
  return dp_ntohl(low);
}

pktgen_digit digit_of(const AddressRange& range) { return make_digit(low_of(range), range.count); }
pktgen_digit digit_of(const PortRange& range) { return make_digit(range.first, range.count()); }

void set_sizes(pktgen_plan& plan, const Traffic& traffic) {
  std::vector<std::uint32_t> sizes = frame_sizes(traffic);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  for (std::size_t i = 0; i < PKTGEN_SIZES; ++i)
    plan.sizes[i] = sizes[std::min(i, sizes.size() - 1)] - kCheckSequenceBytes;
}

// The parts of the pseudo header and of the payload that never vary belong to the sum.
std::uint64_t fixed_l4_sum(const Traffic& traffic, const std::vector<std::uint8_t>& headers) {
  const bool v4 = traffic.family == Family::v4;
  const std::size_t l4_at = kEthernetBytes + (v4 ? 20 : 40);
  std::uint64_t sum = wire_sum(headers.data() + l4_at, headers.size() - l4_at);
  if (!v4) sum += wire_sum(headers.data() + 22, 32);
  sum += dp_htons(static_cast<std::uint16_t>(traffic.protocol));
  if (traffic.stamps) sum += dp_htons(traffic.magic);
  return sum;
}

std::uint32_t flag_bits(TcpFlags flags) {
  if (flags == TcpFlags::syn) return PKTGEN_TCP_SYN;
  return flags == TcpFlags::ack ? PKTGEN_TCP_ACK : 0;
}

// Lane `lane`'s part of `total`, so that all parts together are the total.
std::uint64_t part_of(std::uint64_t total, std::uint32_t lane, std::uint32_t lanes) {
  return total / lanes + (lane < total % lanes ? 1 : 0);
}

}  // namespace

std::uint64_t wire_sum(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < count; i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes + i, sizeof word);
    sum += word;
  }
  return sum;
}

pktgen_digit make_digit(std::uint32_t first, std::uint32_t count) {
  const std::uint32_t shift = 31 + static_cast<std::uint32_t>(std::bit_width(count - 1));
  const std::uint64_t inverse = ((std::uint64_t{1} << shift) + count - 1) / count;
  return {first, count, static_cast<std::uint32_t>(inverse), shift};
}

pktgen_plan make_plan(const Traffic& traffic) {
  const std::vector<std::uint8_t> headers = frame_template(traffic);
  pktgen_plan plan{};
  std::memcpy(plan.header, headers.data(), headers.size());
  plan.ip_sum = traffic.family == Family::v4 ? wire_sum(headers.data() + kEthernetBytes, 20) : 0;
  plan.l4_sum = fixed_l4_sum(traffic, headers);
  plan.source_port = digit_of(traffic.source_ports);
  plan.source = digit_of(traffic.source);
  plan.destination_port = digit_of(traffic.destination_ports);
  plan.destination = digit_of(traffic.destination);
  plan.family = static_cast<std::uint32_t>(traffic.family);
  plan.protocol = static_cast<std::uint32_t>(traffic.protocol);
  plan.header_bytes = static_cast<std::uint32_t>(headers.size());
  plan.write_bytes = least_frame_bytes(traffic) - kCheckSequenceBytes;
  set_sizes(plan, traffic);
  plan.imix = traffic.imix;
  plan.random = traffic.order == Order::random;
  plan.stamps = traffic.stamps;
  plan.clock_mask = traffic.clock_every - 1;
  plan.tcp_flags = flag_bits(traffic.tcp_flags);
  plan.magic = traffic.magic;
  return plan;
}

pktgen_lane make_lane(const GeneratorOptions& options, std::uint32_t lane) {
  const Traffic& traffic = options.traffic;
  const std::uint32_t lanes = options.threads;
  const double per_second = traffic.every_packet_new ? 0 : traffic.new_flows_per_second / lanes;
  pktgen_lane state{};
  state.limit = options.packet_count == 0 ? std::numeric_limits<std::uint64_t>::max()
                                          : part_of(options.packet_count, lane, lanes);
  state.random = 0x9e3779b97f4a7c15ULL * (lane + 1);  // any, but each lane its own
  state.share = static_cast<std::uint64_t>(std::llround(std::ldexp(per_second * 1e-9, PKTGEN_SHARE_SHIFT)));
  state.lane = lane;
  state.lanes = lanes;
  state.flows = static_cast<std::uint32_t>(part_of(traffic.flows, lane, lanes));
  state.every_packet_new = traffic.every_packet_new;
  return state;
}

}  // namespace twinpath::pktgen
