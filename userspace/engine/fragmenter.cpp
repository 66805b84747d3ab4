#include "engine/fragmenter.hpp"

#include <algorithm>
#include <cstring>

#include "common/edit/checksum.h"
#include "common/wire/ipv4.h"

namespace twinpath {
namespace {

constexpr std::uint8_t kCopied = 0x80;  // RFC 791: the option goes into every fragment

dp_ipv4 read_header(std::span<const std::uint8_t> header) noexcept {
  dp_ipv4 ip;
  std::memcpy(&ip, header.data(), sizeof(ip));
  return ip;
}

// Writes the options that every fragment carries; bytes written, padded to whole words with zeros (end of options).
std::uint32_t copy_options(std::span<const std::uint8_t> options, std::uint8_t* out) noexcept {
  std::uint32_t written = 0;
  for (std::size_t at = 0; at < options.size() && options[at] != DP_IPV4_OPTION_END;) {
    const bool single = options[at] == DP_IPV4_OPTION_NOP;
    if (!single && (at + 1 >= options.size() || options[at + 1] < 2)) break;
    const std::size_t bytes = std::min<std::size_t>(single ? 1 : options[at + 1], options.size() - at);
    if ((options[at] & kCopied) != 0) {
      std::memcpy(out + written, options.data() + at, bytes);
      written += static_cast<std::uint32_t>(bytes);
    }
    at += bytes;
  }
  while (written % 4 != 0) out[written++] = DP_IPV4_OPTION_END;
  return written;
}

}  // namespace

Ipv4Fragmenter::Ipv4Fragmenter(std::span<const std::uint8_t> frame, std::uint32_t l3_offset, std::uint32_t mtu) noexcept
    : mtu_(mtu) {
  if (frame.size() < l3_offset + sizeof(dp_ipv4)) return;
  const std::span<const std::uint8_t> packet = frame.subspan(l3_offset);
  const dp_ipv4 ip = read_header(packet);
  const std::size_t total = std::min<std::size_t>(dp_ntohs(ip.total_length), packet.size());
  first_header_ = (ip.version_ihl & 0xfU) * 4;
  if (first_header_ < sizeof(dp_ipv4) || first_header_ > total) return;
  link_ = frame.first(l3_offset);
  header_ = packet.first(first_header_);
  payload_ = packet.subspan(first_header_, total - first_header_);
  std::memcpy(copied_, header_.data(), sizeof(dp_ipv4));
  later_header_ = static_cast<std::uint32_t>(sizeof(dp_ipv4)) +
                  copy_options(header_.subspan(sizeof(dp_ipv4)), copied_ + sizeof(dp_ipv4));
  possible_ = first_header_ + 8 <= mtu_;
}

// `at` holds the first or the copied header; `bytes` of payload follow it.
void Ipv4Fragmenter::write_header(std::uint8_t* at, std::uint32_t bytes) const noexcept {
  const std::uint32_t header = header_bytes();
  dp_ipv4 ip = read_header(header_);
  const std::uint32_t field = dp_ntohs(ip.fragment);
  const bool last = offset_ + bytes == payload_.size();
  const std::uint32_t more = last ? field & DP_IPV4_MORE_FRAGMENTS : static_cast<std::uint32_t>(DP_IPV4_MORE_FRAGMENTS);
  ip.version_ihl = static_cast<__u8>(4U << 4 | header / 4);
  ip.total_length = dp_htons(static_cast<__u16>(header + bytes));
  ip.fragment = dp_htons(static_cast<__u16>(more | ((field & DP_IPV4_OFFSET_MASK) + offset_ / 8)));
  ip.checksum = 0;
  std::memcpy(at, &ip, sizeof(ip));
  __u64 sum = 0;
  (void)dp_checksum_range(at, at + header, header, &sum);
  ip.checksum = static_cast<__u16>(~dp_checksum_fold(sum));
  std::memcpy(at, &ip, sizeof(ip));
}

std::uint32_t Ipv4Fragmenter::next(std::span<std::uint8_t> out) noexcept {
  const std::uint32_t header = header_bytes();
  const auto left = static_cast<std::uint32_t>(payload_.size()) - offset_;
  const std::uint32_t room = mtu_ - header;
  const std::uint32_t bytes = left <= room ? left : room / 8 * 8;
  const std::size_t used = link_.size() + header + bytes;
  if (used > out.size()) return 0;
  std::uint8_t* at = out.data();
  std::memcpy(at, link_.data(), link_.size());
  at += link_.size();
  std::memcpy(at, offset_ == 0 ? header_.data() : copied_, header);
  std::memcpy(at + header, payload_.data() + offset_, bytes);
  write_header(at, bytes);
  offset_ += bytes;
  return static_cast<std::uint32_t>(used);
}

}  // namespace twinpath
