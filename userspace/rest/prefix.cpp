#include "rest/prefix.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace twinpath::rest {
namespace {

dp_address mask_of(unsigned bits) {
  dp_address mask{};
  for (auto& word : mask.word) {
    const unsigned here = std::min(bits, 32u);
    word = here == 0 ? 0 : htonl(~0u << (32 - here));
    bits -= here;
  }
  return mask;
}

Result<unsigned> parse_length(std::string_view text, unsigned longest) {
  unsigned length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || length > longest)
    return refuse("\"{}\" is not a prefix length from 0 to {}", text, longest);
  return length;
}

}  // namespace

Result<Prefix> parse_address(std::string_view text) {
  const std::string terminated(text);
  Prefix prefix;
  if (::inet_pton(AF_INET, terminated.c_str(), prefix.base.word) == 1) {
    prefix.family = DP_FAMILY_V4;
    prefix.bits = 32;
  } else if (::inet_pton(AF_INET6, terminated.c_str(), prefix.base.word) == 1) {
    prefix.family = DP_FAMILY_V6;
    prefix.bits = 128;
  } else {
    return refuse("\"{}\" is not an IPv4 or IPv6 address", text);
  }
  prefix.mask = mask_of(prefix.bits);
  return prefix;
}

Result<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  Result<Prefix> prefix = parse_address(text.substr(0, slash));
  if (!prefix || slash == std::string_view::npos) return prefix;
  const Result<unsigned> length = parse_length(text.substr(slash + 1), prefix->bits);
  if (!length) return pass_on(length.error());
  prefix->bits = static_cast<std::uint8_t>(*length);
  prefix->mask = mask_of(*length);
  if (!prefix->contains(prefix->family, prefix->base))
    return refuse("\"{}\" has address bits outside its prefix length", text);
  return prefix;
}

}  // namespace twinpath::rest
