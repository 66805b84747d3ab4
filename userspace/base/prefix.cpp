#include "base/prefix.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/number.hpp"

namespace twinpath {
namespace {

bool ipv4_mapped(const Prefix& prefix) {
  const auto& word = prefix.base.address.word;
  return prefix.base.family == DP_FAMILY_V6 && prefix.bits >= 96 && word[0] == 0 && word[1] == 0 &&
         word[2] == htonl(0xffff);
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

bool Prefix::contains(const IpAddress& address) const {
  const dp_address here = mask();
  return address.family == base.family && dp_address_in(&address.address, &base.address, &here) != 0;
}

std::string Prefix::text() const {
  return whole_address() ? to_string(base) : fmt::format("{}/{}", to_string(base), bits);
}

Prefix make_prefix(const IpAddress& address, std::uint8_t bits) {
  Prefix prefix{address, bits};
  const dp_address mask = prefix.mask();
  for (int i = 0; i < 4; ++i) prefix.base.address.word[i] &= mask.word[i];
  return prefix;
}

tl::expected<Prefix, std::string> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  Prefix prefix{parse_address(text.substr(0, slash)), 0};
  if (prefix.base.family == DP_FAMILY_NONE) return tl::unexpected(fmt::format("must be {}", kPrefixText));
  const std::uint8_t limit = prefix.base.family == DP_FAMILY_V4 ? 32 : 128;
  prefix.bits = limit;
  if (slash != std::string_view::npos) {
    const auto length = parse_whole<std::uint8_t>(text.substr(slash + 1), 0, limit);
    if (!length) return tl::unexpected(fmt::format("prefix length must be 0..{}", limit));
    prefix.bits = *length;
  }
  if (ipv4_mapped(prefix))
    return tl::unexpected(std::string("IPv4-mapped addresses are on no wire; write the IPv4 address"));
  const Prefix network = make_prefix(prefix.base, prefix.bits);
  if (network != prefix) return tl::unexpected(fmt::format("has host bits set; the network is {}", network.text()));
  return prefix;
}

}  // namespace twinpath
