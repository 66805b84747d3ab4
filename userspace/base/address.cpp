#include "base/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>

#include "base/number.hpp"

namespace twinpath {

IpAddress parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN + 1> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return {};
  text.copy(terminated.data(), text.size());
  IpAddress address;
  if (::inet_pton(AF_INET, terminated.data(), address.address.word) == 1)
    address.family = DP_FAMILY_V4;
  else if (::inet_pton(AF_INET6, terminated.data(), address.address.word) == 1)
    address.family = DP_FAMILY_V6;
  return address;
}

std::string to_string(const IpAddress& address) {
  if (address.family == DP_FAMILY_NONE) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.family == DP_FAMILY_V4 ? AF_INET : AF_INET6, address.address.word, text.data(), text.size());
  return text.data();
}

bool is_loopback(const IpAddress& address) {
  const auto& word = address.address.word;
  if (address.family == DP_FAMILY_V4) return ntohl(word[0]) >> 24 == 127;
  return address.family == DP_FAMILY_V6 && (word[0] | word[1] | word[2]) == 0 && word[3] == htonl(1);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  Endpoint endpoint{parse_address(host), 0};
  if (endpoint.address.family == DP_FAMILY_NONE || bracketed != (endpoint.address.family == DP_FAMILY_V6))
    return std::nullopt;
  const auto port = parse_whole<std::uint16_t>(text.substr(colon + 1), 0, 65535);
  if (!port) return std::nullopt;
  endpoint.port = *port;
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) { return endpoint_text(to_string(endpoint.address), endpoint.port); }

std::string endpoint_text(std::string_view address, std::uint64_t port) {
  const bool v6 = address.find(':') != std::string_view::npos;
  return v6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

}  // namespace twinpath
