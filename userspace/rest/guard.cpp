#include "rest/guard.hpp"

#include <strings.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "base/address.hpp"
#include "base/text.hpp"

namespace twinpath::rest {
namespace {

bool has_token(std::string_view authorization, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() < scheme.size()) return false;
  if (::strncasecmp(authorization.data(), scheme.data(), scheme.size()) != 0) return false;
  return equal_in_constant_time(authorization.substr(scheme.size()), token);
}

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') == host.npos ? host.npos : host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

// Other names are refused: DNS may have bound them to loopback (DNS rebinding).
bool is_local_host(std::string_view host) {
  const std::string_view name = without_port(host);
  return name == "localhost" || parse_address(name).family != DP_FAMILY_NONE;
}

}  // namespace

bool equal_in_constant_time(std::string_view given, std::string_view secret) {
  if (given.empty() || secret.empty()) return false;
  volatile std::size_t difference = given.size() ^ secret.size();
  for (std::size_t i = 0; i < secret.size(); ++i)
    difference = difference | static_cast<unsigned char>(given[i % given.size()] ^ secret[i]);
  return difference == 0;
}

Result<std::string> read_token(const std::string& path) {
  if (path.empty()) return std::string{};
  std::ifstream file(path);
  std::string token;
  if (!file) return fail(errno, "{}", in_quotes(path));
  if (!(file >> token)) return refuse("{}: has no token: it must begin with a word", in_quotes(path));
  return token;
}

std::optional<Response> refuse_access(const Credentials& given, std::string_view token) {
  if (!token.empty() && !has_token(given.authorization, token))
    return error_response(401, "unauthorized",
                          "send the header \"Authorization: Bearer TOKEN\" with this gateway's token");
  if (!is_local_host(given.host))
    return error_response(421, "wrong_host", "the Host header names neither localhost nor an address");
  if (!given.origin.empty() && given.origin != std::string("http://") + std::string(given.host))
    return error_response(403, "foreign_origin", "the request comes from a foreign web page");
  return std::nullopt;
}

}  // namespace twinpath::rest
