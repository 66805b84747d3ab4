#include "bench/pktgen/traffic.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "bench/pktgen/bpf/model.h"

namespace twinpath::pktgen {
namespace {

constexpr std::uint32_t kCheckSequenceBytes = 4;
constexpr std::uint32_t kEthernetBytes = 14;
constexpr std::uint32_t kFrameBytesMin = 64;
constexpr std::uint32_t kFrameBytesMax = 1518;
constexpr std::uint32_t kImixMiddle = 594;
constexpr std::uint64_t kCountMax = std::uint64_t{1} << 31;
constexpr std::uint32_t kFlowsMax = 4'194'304;

std::uint32_t ip_bytes(Family family) { return family == Family::v4 ? 20 : 40; }
std::uint32_t transport_bytes(Protocol protocol) { return protocol == Protocol::udp ? 8 : 20; }

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// The lowest 32 bits, host order.
std::uint32_t low_of(const AddressRange& range) {
  std::uint32_t low = 0;
  std::memcpy(&low, range.first.data() + (range.family == Family::v4 ? 0 : 12), sizeof low);
  return ntohl(low);
}

void set_low(AddressRange& range, std::uint32_t value) {
  value = htonl(value);
  std::memcpy(range.first.data() + (range.family == Family::v4 ? 0 : 12), &value, sizeof value);
}

Result<AddressRange> parse_address(std::string_view text) {
  AddressRange range;
  const std::string word{text};
  range.family = word.find(':') == std::string::npos ? Family::v4 : Family::v6;
  if (::inet_pton(range.family == Family::v4 ? AF_INET : AF_INET6, word.c_str(), range.first.data()) != 1)
    return refuse("'{}' is no address", word);
  return range;
}

bool same_high_part(const AddressRange& a, const AddressRange& b) {
  return a.family == b.family &&
         (a.family == Family::v4 || std::equal(a.first.begin(), a.first.begin() + 12, b.first.begin()));
}

Result<AddressRange> parse_span(std::string_view first, std::string_view last) {
  auto range = parse_address(first);
  auto end = parse_address(last);
  if (!range || !end) return range ? end : range;
  if (!same_high_part(*range, *end))
    return refuse("{}-{}: the addresses may differ in the lowest 32 bits only", first, last);
  if (low_of(*end) < low_of(*range)) return refuse("{}-{}: the last address is below the first", first, last);
  const std::uint64_t count = std::uint64_t{low_of(*end)} - low_of(*range) + 1;
  range->count = static_cast<std::uint32_t>(std::min(count, kCountMax));
  return range;
}

Result<AddressRange> parse_prefix(std::string_view base, std::string_view length) {
  auto range = parse_address(base);
  if (!range) return range;
  const unsigned width = range->family == Family::v4 ? 32 : 128;
  unsigned bits = 0;
  if (!parse_number(length, bits) || bits > width) return refuse("{}/{}: the length is 0 to {}", base, length, width);
  const std::uint64_t size = std::uint64_t{1} << std::min(width - bits, 32U);
  const auto first = static_cast<std::uint32_t>(low_of(*range) & ~(size - 1));
  const bool named_ends = size > 2;  // network, and in IPv4 broadcast; RFC 3021 and RFC 6164 for two addresses
  const std::uint64_t without = named_ends ? (range->family == Family::v4 ? 2 : 1) : 0;
  set_low(*range, first + (named_ends ? 1 : 0));
  range->count = static_cast<std::uint32_t>(std::min(size - without, kCountMax));
  return range;
}

AddressRange fixed(const char* text) { return *parse_addresses(text); }

void put16(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void write_ip4(std::vector<std::uint8_t>& frame, const Traffic& traffic) {
  put16(frame, 12, 0x0800);
  frame[14] = 0x45;
  frame[20] = 0x40;  // do not fragment
  frame[22] = 64;
  frame[23] = static_cast<std::uint8_t>(traffic.protocol);
}

void write_ip6(std::vector<std::uint8_t>& frame, const Traffic& traffic) {
  put16(frame, 12, 0x86dd);
  frame[14] = 0x60;
  frame[20] = static_cast<std::uint8_t>(traffic.protocol);
  frame[21] = 64;
  std::copy_n(traffic.source.first.begin(), 12, frame.begin() + 22);
  std::copy_n(traffic.destination.first.begin(), 12, frame.begin() + 38);
}

}  // namespace

std::string_view name_of(Protocol protocol) { return protocol == Protocol::udp ? "udp" : "tcp"; }

Result<AddressRange> parse_addresses(std::string_view text) {
  if (const auto slash = text.find('/'); slash != std::string_view::npos)
    return parse_prefix(text.substr(0, slash), text.substr(slash + 1));
  if (const auto dash = text.find('-'); dash != std::string_view::npos)
    return parse_span(text.substr(0, dash), text.substr(dash + 1));
  return parse_address(text);
}

Result<PortRange> parse_ports(std::string_view text) {
  const auto dash = text.find('-');
  PortRange range;
  const std::string_view last = dash == std::string_view::npos ? text : text.substr(dash + 1);
  if (!parse_number(text.substr(0, dash), range.first) || !parse_number(last, range.last) || range.last < range.first)
    return refuse("'{}' is no port or range of ports", text);
  return range;
}

Result<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac{};
  if (text.size() != 17) return refuse("'{}' is no MAC address", text);
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* digits = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, mac[i], 16);
    if (error != std::errc{} || end != digits + 2 || (i < 5 && digits[2] != ':'))
      return refuse("'{}' is no MAC address", text);
  }
  return mac;
}

AddressRange default_source(Family family) { return fixed(family == Family::v4 ? "198.18.0.0/16" : "2001:db8:1::/96"); }
AddressRange default_destination(Family family) { return fixed(family == Family::v4 ? "198.19.0.1" : "2001:db8:2::1"); }

std::uint32_t least_frame_bytes(const Traffic& traffic) {
  const std::uint32_t headers = kEthernetBytes + ip_bytes(traffic.family) + transport_bytes(traffic.protocol);
  const std::uint32_t whole_words = (headers + 7) / 8 * 8;  // the program writes headers in eights
  const std::uint32_t stamped = headers + static_cast<std::uint32_t>(sizeof(pktgen_stamp));
  return std::max(kFrameBytesMin, kCheckSequenceBytes + std::max(whole_words, traffic.stamps ? stamped : 0));
}

std::vector<std::uint32_t> frame_sizes(const Traffic& traffic) {
  const std::uint32_t least = least_frame_bytes(traffic);
  if (!traffic.imix) return {std::max(traffic.frame_bytes, least)};
  std::vector<std::uint32_t> sizes(7, least);
  sizes.insert(sizes.end(), 4, kImixMiddle);
  sizes.push_back(kFrameBytesMax);
  return sizes;
}

std::uint64_t tuple_count(const Traffic& traffic) {
  std::uint64_t count = 1;
  for (const std::uint32_t factor : {traffic.source_ports.count(), traffic.source.count,
                                     traffic.destination_ports.count(), traffic.destination.count})
    count = std::min(count * factor, kCountMax);
  return count;
}

Status check(const Traffic& traffic) {
  if (traffic.source.family != traffic.family || traffic.destination.family != traffic.family)
    return refuse("source and destination must be of IPv{}", static_cast<int>(traffic.family));
  if (traffic.flows < 1 || traffic.flows > kFlowsMax) return refuse("flows: 1 to {}", kFlowsMax);
  if (tuple_count(traffic) < traffic.flows)
    return refuse("{} flows, but addresses and ports give {} five-tuples", traffic.flows, tuple_count(traffic));
  if (traffic.frame_bytes < kFrameBytesMin || traffic.frame_bytes > kFrameBytesMax)
    return refuse("frame size: {} to {}", kFrameBytesMin, kFrameBytesMax);
  if (traffic.clock_every == 0 || (traffic.clock_every & (traffic.clock_every - 1)) != 0)
    return refuse("the clock is read every 1, 2, 4, 8, ... packets");
  if (!(traffic.new_flows_per_second >= 0 && traffic.new_flows_per_second <= 1e8))
    return refuse("new flows: 0 to 100,000,000 a second");
  return {};
}

std::vector<std::uint8_t> frame_template(const Traffic& traffic) {
  const std::uint32_t l4_at = kEthernetBytes + ip_bytes(traffic.family);
  std::vector<std::uint8_t> frame(l4_at + transport_bytes(traffic.protocol));
  std::copy(traffic.destination_mac.begin(), traffic.destination_mac.end(), frame.begin());
  std::copy(traffic.source_mac.begin(), traffic.source_mac.end(), frame.begin() + 6);
  traffic.family == Family::v4 ? write_ip4(frame, traffic) : write_ip6(frame, traffic);
  if (traffic.protocol == Protocol::tcp) {
    frame[l4_at + 12] = 0x50;                                             // no options
    put16(frame, l4_at + 14, std::numeric_limits<std::uint16_t>::max());  // window
  }
  return frame;
}

}  // namespace twinpath::pktgen
