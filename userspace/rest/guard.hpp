// guard.hpp - who may use the HTTP listener.
//
// Source   RFC 6750 section 2.1 (bearer token). A web page that the operator happens to visit must not steer the
//          gateway: its requests carry a foreign Origin, or a Host that was rebound to loopback by DNS.
#pragma once

#include <optional>
#include <string_view>

#include "rest/response.hpp"

namespace twinpath::rest {

struct Credentials {
  std::string_view authorization;
  std::string_view host;
  std::string_view origin;  // empty: not given
};

// The refusal, or nothing. An empty token means that none is asked for.
[[nodiscard]] std::optional<Response> refuse_stranger(const Credentials& given, std::string_view token);

// Takes the same time wherever the two differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view given, std::string_view secret);

}  // namespace twinpath::rest
