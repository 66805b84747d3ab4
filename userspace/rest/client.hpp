// client.hpp - a synchronous HTTP client over the daemon's unix socket, for the CLI and for tests.
//
// Thread   one. Keeps its connection between requests and opens a new one when the server has closed it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  static constexpr std::chrono::seconds default_timeout{60};
  // An answer that is not streamed is smaller.
  static constexpr std::uint64_t body_bytes_max = 256 * 1024 * 1024;

  // `timeout` is for one request as a whole, of a stream for each piece. Nothing is opened before the first request.
  explicit Client(std::string socket_path, std::chrono::milliseconds timeout = default_timeout);
  ~Client();
  Client(Client&&) noexcept;

  // An Error means that no answer came: code is ENOENT or ECONNREFUSED when nobody listens. A status of 400 and above
  // is an answer.
  [[nodiscard]] Result<Reply> request(std::string_view method, std::string_view target, std::string_view body = {});

  // GET whose body is given to `take` piece by piece, as long as that wants more; then nothing of it is in the Reply. The
  // body of a status of 400 and above is in the Reply, and nothing is given. Fails, too, when the body ends too early.
  using Take = std::function<bool(std::string_view piece)>;
  [[nodiscard]] Result<Reply> stream(std::string_view target, const Take& take);

  // Process id of the daemon, from the socket's credentials; 0 when its PID namespace is not seen from here.
  [[nodiscard]] Result<int> peer_pid();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Makes a path segment or query value safe in a target (RFC 3986: everything but unreserved characters is escaped).
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace twinpath::rest
