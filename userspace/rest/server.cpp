#include "rest/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "base/address.hpp"
#include "rest/response.hpp"
#include "rest/session.hpp"
#include "rest/unix_socket.hpp"

namespace twinpath::rest {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using GenericSocket = asio::generic::stream_protocol::socket;
using UnixProtocol = asio::local::stream_protocol;

// When descriptors run out, accept fails at once, again and again.
constexpr std::chrono::milliseconds accept_pause{100};

// Best effort: the response fits any socket buffer, and nobody waits for it.
void turn_away(GenericSocket socket) {
  const std::string body = error_response(503, "too_many_connections", "too many connections; try again later").body;
  const std::string text = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\nRetry-After: 1\r\n"
      "Connection: close\r\n\r\n{}",
      body.size(), body);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.send(asio::buffer(text), 0, ignored);
  socket.shutdown(asio::socket_base::shutdown_send, ignored);
}

// Accepts on one address for as long as it lives; what it has accepted ends with it.
template <class Protocol>
class Listener {
 public:
  Listener(typename Protocol::acceptor acceptor, std::shared_ptr<SessionHost> host)
      : acceptor_(std::move(acceptor)), timer_(acceptor_.get_executor()), host_(std::move(host)) {
    accept();
  }
  ~Listener() {
    host_->gateway = nullptr;
    for (Session* session : host_->sessions) session->close();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] const typename Protocol::acceptor& acceptor() const { return acceptor_; }
  [[nodiscard]] std::size_t connection_count() const { return host_->sessions.size(); }

 private:
  // Handlers hold the host, not the listener: it tells them whether the listener is still there.
  void accept() {
    acceptor_.async_accept([this, host = host_](error_code error, typename Protocol::socket socket) {
      if (host->gateway == nullptr || error == asio::error::operation_aborted) return;
      if (error) return pause();
      take(std::move(socket));
      accept();
    });
  }

  void take(GenericSocket socket) {
    if (host_->sessions.size() >= host_->limits.connections) return turn_away(std::move(socket));
    start_session(std::move(socket), host_);
  }

  void pause() {
    timer_.expires_after(accept_pause);
    timer_.async_wait([this, host = host_](error_code error) {
      if (host->gateway != nullptr && !error) accept();
    });
  }

  typename Protocol::acceptor acceptor_;
  asio::steady_timer timer_;
  std::shared_ptr<SessionHost> host_;
};

std::shared_ptr<SessionHost> host_for(Gateway& gateway, const ServerOptions& options, bool guarded) {
  return std::make_shared<SessionHost>(SessionHost{&gateway, options.limits, guarded, options.token, {}});
}

// Only loopback: what leaves the machine would need TLS.
Result<tcp::endpoint> parse_loopback(std::string text) {
  constexpr std::string_view localhost = "localhost:";
  if (text.starts_with(localhost)) text.replace(0, localhost.size(), "127.0.0.1:");
  const std::optional<Endpoint> endpoint = parse_endpoint(text);
  if (!endpoint) return refuse("\"{}\" is not ADDRESS:PORT, such as 127.0.0.1:9080 or [::1]:9080", text);
  if (!is_loopback(endpoint->address)) return refuse("\"{}\" is not a loopback address; others would need TLS", text);
  return tcp::endpoint{asio::ip::make_address(to_string(endpoint->address)), endpoint->port};
}

Result<tcp::acceptor> listen_http(asio::io_context& context, const std::string& text) {
  const Result<tcp::endpoint> endpoint = parse_loopback(text);
  if (!endpoint) return pass_on(endpoint.error());
  tcp::acceptor acceptor{context};
  error_code error;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(error.value(), "listen on {}", text);
  return acceptor;
}

Result<UnixProtocol::acceptor> adopt(asio::io_context& context, UnixListener& listener) {
  UnixProtocol::acceptor acceptor{context};
  UniqueFd fd{listener.release_fd()};
  error_code error;
  acceptor.assign(UnixProtocol{}, fd.get(), error);
  if (error) return fail(error.value(), "adopt the unix socket");
  (void)fd.release();
  return acceptor;
}

}  // namespace

struct Server::Parts {
  std::optional<UnixListener> file;
  std::optional<Listener<UnixProtocol>> local;
  std::optional<Listener<tcp>> http;

  Status open_unix(asio::io_context& context, Gateway& gateway, const ServerOptions& options) {
    Result<UnixListener> listener = UnixListener::open(options.unix_path);
    if (!listener) return pass_on(listener.error());
    file.emplace(std::move(*listener));
    Result<UnixProtocol::acceptor> acceptor = adopt(context, *file);
    if (!acceptor) return pass_on(acceptor.error());
    local.emplace(std::move(*acceptor), host_for(gateway, options, false));
    return {};
  }

  Status open_http(asio::io_context& context, Gateway& gateway, const ServerOptions& options) {
    Result<tcp::acceptor> acceptor = listen_http(context, options.http);
    if (!acceptor) return pass_on(acceptor.error());
    http.emplace(std::move(*acceptor), host_for(gateway, options, true));
    return {};
  }
};

Result<std::unique_ptr<Server>> Server::open(asio::io_context& context, Gateway& gateway, ServerOptions options) {
  try {
    auto parts = std::make_unique<Parts>();
    if (!options.unix_path.empty())
      if (Status status = parts->open_unix(context, gateway, options); !status) return pass_on(status.error());
    if (!options.http.empty())
      if (Status status = parts->open_http(context, gateway, options); !status) return pass_on(status.error());
    return std::unique_ptr<Server>(new Server(std::move(parts)));
  } catch (const std::exception& error) {
    return refuse("open the REST server: {}", error.what());
  }
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

std::uint16_t Server::http_port() const {
  if (!parts_->http) return 0;
  error_code ignored;
  return parts_->http->acceptor().local_endpoint(ignored).port();
}

std::size_t Server::connection_count() const {
  return (parts_->local ? parts_->local->connection_count() : 0) +
         (parts_->http ? parts_->http->connection_count() : 0);
}

}  // namespace twinpath::rest
