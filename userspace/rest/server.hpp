// server.hpp - the REST server: HTTP/1.1 on a unix stream socket and, if asked for, on a loopback address.
//
// Thread   everything runs on the io_context's one thread; the gateway is called there.
// Limits   connections are bounded per listener, so that HTTP clients cannot lock the operator out of the unix
//          socket; a client beyond the bound is told 503. Silent, slow and endless clients are cut off.
// Trust    the unix socket is protected by its mode, 0660. HTTP asks for the token when there is one, and refuses what
//          a browser sends on behalf of a foreign page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "rest/gateway.hpp"
#include "rest/limits.hpp"

namespace boost::asio {
class io_context;
}

namespace twinpath::rest {

struct ServerOptions {
  std::string unix_path;  // its folder must exist; empty: no unix socket
  std::string http;       // "127.0.0.1:9080" or "[::1]:9080"; port 0: any; empty: no HTTP
  std::string token;      // HTTP asks for it; empty: does not
  ServerLimits limits;
};

class Server {
 public:
  // A socket file that a dead daemon left is replaced; one that somebody listens on is refused. `context` and `gateway`
  // must outlive the server. Serving begins when the context runs.
  [[nodiscard]] static Result<std::unique_ptr<Server>> open(boost::asio::io_context& context, Gateway& gateway,
                                                            ServerOptions options);
  // Closes every connection and removes the socket file. After it the gateway is not called again.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The port that HTTP listens on; 0 without HTTP.
  [[nodiscard]] std::uint16_t http_port() const;
  [[nodiscard]] std::size_t connection_count() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinpath::rest
