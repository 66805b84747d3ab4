// guard.hpp - who may use the HTTP listener.
//
// Source   RFC 6750 section 2.1 (bearer token). A web page that the operator visits must not control the
//          gateway: its requests carry a foreign Origin, or a Host that was rebound to loopback by DNS.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "rest/response.hpp"

namespace twinpath::rest {

struct Credentials {
  std::string_view authorization;
  std::string_view host;
  std::string_view origin;  // empty: not given
};

// The refusal, or nothing when the request is allowed. With an empty `token` no token is needed.
[[nodiscard]] std::optional<Response> refuse_access(const Credentials& given, std::string_view token);

// The first word of the file; empty when `path` is. Fails with what is wrong with the file, as the value of api.token_file.
[[nodiscard]] Result<std::string> read_token(const std::string& path);

// Its time does not depend on where the two differ, so it tells nothing about the secret.
[[nodiscard]] bool equal_in_constant_time(std::string_view given, std::string_view secret);

}  // namespace twinpath::rest
