#include "config/prefix.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>

namespace twinpath {
namespace {

constexpr std::string_view kAddressWanted = "must be an IPv4 or IPv6 address";

std::string address_text(std::uint8_t family, const dp_address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family == DP_FAMILY_V4 ? AF_INET : AF_INET6, address.word, text.data(), text.size());
  return text.data();
}

dp_address masked(dp_address address, const dp_address& mask) {
  for (int i = 0; i < 4; ++i) address.word[i] &= mask.word[i];
  return address;
}

// Whole numbers without sign, leading zero or anything behind.
bool parse_length(std::string_view text, unsigned limit, std::uint8_t& bits) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > limit) return false;
  if (text.size() > 1 && text.front() == '0') return false;
  bits = static_cast<std::uint8_t>(value);
  return true;
}

bool ipv4_mapped(const Prefix& prefix) {
  return prefix.family == DP_FAMILY_V6 && prefix.bits >= 96 && prefix.base.word[0] == 0 && prefix.base.word[1] == 0 &&
         prefix.base.word[2] == htonl(0xffff);
}

}  // namespace

dp_address mask_of(std::uint8_t bits) {
  dp_address mask{};
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned here = bits > i * 32 ? bits - i * 32 : 0;
    mask.word[i] = here >= 32 ? ~0u : here == 0 ? 0u : htonl(~0u << (32 - here));
  }
  return mask;
}

dp_address Prefix::mask() const { return mask_of(bits); }

std::string Prefix::text() const {
  const std::string address = address_text(family, base);
  return whole_address() ? address : fmt::format("{}/{}", address, bits);
}

tl::expected<Prefix, std::string> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN + 1> copy{};
  Prefix prefix;
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos)
    return tl::unexpected(std::string(kAddressWanted));
  std::memcpy(copy.data(), text.data(), text.size());
  if (::inet_pton(AF_INET, copy.data(), prefix.base.word) == 1) {
    prefix.family = DP_FAMILY_V4;
    prefix.bits = 32;
  } else if (::inet_pton(AF_INET6, copy.data(), prefix.base.word) == 1) {
    prefix.family = DP_FAMILY_V6;
    prefix.bits = 128;
  } else {
    return tl::unexpected(std::string(kAddressWanted));
  }
  return prefix;
}

tl::expected<Prefix, std::string> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto prefix = parse_address(text.substr(0, slash));
  if (!prefix) return tl::unexpected(fmt::format("{} or a prefix of one", kAddressWanted));
  const unsigned limit = prefix->bits;
  if (slash != std::string_view::npos && !parse_length(text.substr(slash + 1), limit, prefix->bits))
    return tl::unexpected(fmt::format("prefix length must be 0..{}", limit));
  if (ipv4_mapped(*prefix))
    return tl::unexpected(std::string("IPv4-mapped addresses are on no wire; write the IPv4 address"));
  const dp_address network = masked(prefix->base, prefix->mask());
  if (!dp_address_equal(&network, &prefix->base)) {
    prefix->base = network;
    return tl::unexpected(fmt::format("has host bits set; the network is {}", prefix->text()));
  }
  return prefix;
}

}  // namespace twinpath
