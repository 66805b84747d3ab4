// client.hpp - a synchronous HTTP client over the daemon's unix socket, for the CLI and for tests.
//
// Thread   one. Keeps its connection between requests and opens a new one when the server has closed it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace twinpath::rest {

struct Reply {
  unsigned status = 0;
  std::string content_type;
  std::string body;
};

class Client {
 public:
  // `timeout` is for one request as a whole. Nothing is opened before the first request.
  explicit Client(std::string socket_path, std::chrono::milliseconds timeout = std::chrono::seconds{60});
  ~Client();
  Client(Client&&) noexcept;

  // An Error means that no answer came: code is ENOENT or ECONNREFUSED when nobody listens. A status of 400 and above
  // is an answer.
  [[nodiscard]] Result<Reply> request(std::string_view method, std::string_view target, std::string_view body = {});

  // Process id of the daemon, from the socket's credentials; 0 when its PID namespace is not seen from here.
  [[nodiscard]] Result<int> peer_pid();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Makes a path segment or query value safe in a target (RFC 3986: everything but unreserved characters is escaped).
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace twinpath::rest
