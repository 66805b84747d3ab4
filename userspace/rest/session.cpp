#include "rest/session.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <optional>

#include "rest/guard.hpp"
#include "rest/routes.hpp"

namespace twinpath::rest {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// After a refusal no more than this is read and thrown away before the connection is closed.
constexpr std::size_t linger_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t read_bytes = 16 * 1024;

// RFC 9110 section 5.6.7, such as "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), length};
}

// How the client learns where the body ends (RFC 9112 section 6). HTTP/1.0 knows no chunks.
enum class Framing { length, chunks, close };

Framing framing_of(const Response& response, unsigned http_version) {
  if (!response.source) return Framing::length;
  return http_version >= 11 ? Framing::chunks : Framing::close;
}

std::string framing_field(const Response& response, Framing framing) {
  if (framing == Framing::length) return fmt::format("Content-Length: {}\r\n", response.body.size());
  return framing == Framing::chunks ? "Transfer-Encoding: chunked\r\n" : "";
}

std::string header_of(const Response& response, Framing framing, bool keep_alive) {
  const beast::string_view reason = http::obsolete_reason(static_cast<http::status>(response.status));
  std::string header = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nServer: twinpath\r\nContent-Type: {}\r\n{}"
      "Cache-Control: no-store\r\nConnection: {}\r\n",
      response.status, std::string_view(reason.data(), reason.size()), http_date(), response.content_type,
      framing_field(response, framing), keep_alive ? "keep-alive" : "close");
  if (!response.allow.empty()) header += fmt::format("Allow: {}\r\n", response.allow);
  if (response.status == 401) header += "WWW-Authenticate: Bearer\r\n";
  return header + "\r\n";
}

class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(asio::generic::stream_protocol::socket socket, std::shared_ptr<SessionHost> host)
      : stream_(std::move(socket)), host_(std::move(host)) {
    host_->sessions.insert(this);
  }
  ~HttpSession() override { host_->sessions.erase(this); }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void start() { wait_for_request(); }

  void close() override {
    error_code ignored;
    stream_.socket().close(ignored);
    response_.source.reset();
  }

 private:
  // A handler that keeps the session alive until `step` has run. `step` is left out once the server is gone.
  template <class Step>
  auto then(Step step) {
    return [self = shared_from_this(), step](error_code error, std::size_t bytes) {
      if (self->host_->gateway != nullptr) (self.get()->*step)(error, bytes);
    };
  }

  void wait_for_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(host_->limits.header_bytes));
    parser_->body_limit(host_->limits.body_bytes);
    if (buffer_.size() > 0) return read_header();  // pipelined
    stream_.expires_after(host_->limits.idle);
    stream_.async_read_some(buffer_.prepare(read_bytes), then(&HttpSession::first_bytes));
  }

  void first_bytes(error_code error, std::size_t bytes) {
    if (error) return close();
    buffer_.commit(bytes);
    read_header();
  }

  void read_header() {
    stream_.expires_after(host_->limits.header);
    http::async_read_header(stream_, buffer_, *parser_, then(&HttpSession::header_read));
  }

  void header_read(error_code error, std::size_t) {
    if (error) return read_failed(error);
    is_head_ = parser_->get().method() == http::verb::head;
    if (std::optional<Response> refusal = refuse_early()) return send_last(std::move(*refusal));
    body_deadline_ = Clock::now() + host_->limits.body;
    if (!parser_->is_done() && beast::iequals(parser_->get()[http::field::expect], "100-continue"))
      return send_continue();
    read_body();
  }

  std::optional<Response> refuse_early() const {
    if (!host_->guarded) return std::nullopt;
    return refuse_access({field(http::field::authorization), field(http::field::host), field(http::field::origin)},
                         host_->token);
  }

  void send_continue() {
    header_ = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_.expires_after(host_->limits.response);
    asio::async_write(stream_, asio::buffer(header_), then(&HttpSession::continue_sent));
  }

  void continue_sent(error_code error, std::size_t) {
    if (error) return close();
    read_body();
  }

  void read_body() {
    if (parser_->is_done()) return handle();
    stream_.expires_at(std::min(Clock::now() + host_->limits.progress, body_deadline_));
    http::async_read_some(stream_, buffer_, *parser_, then(&HttpSession::body_read));
  }

  void body_read(error_code error, std::size_t) {
    if (error) return read_failed(error);
    read_body();
  }

  // A timeout has closed the socket already; a client that hung up wants no response.
  void read_failed(error_code error) {
    const bool is_http = error.category() == make_error_code(http::error::end_of_stream).category();
    if (!is_http || error == http::error::end_of_stream || error == http::error::partial_message) return close();
    const ServerLimits& limits = host_->limits;
    if (error == http::error::body_limit)
      return send_last(
          error_response(413, "too_large", fmt::format("the body is larger than {} bytes", limits.body_bytes)));
    if (error == http::error::header_limit)
      return send_last(error_response(431, "header_too_large",
                                      fmt::format("the header is larger than {} bytes", limits.header_bytes)));
    send_last(error_response(400, "bad_request", error.message()));
  }

  [[nodiscard]] std::string_view field(http::field name) const {
    const beast::string_view value = parser_->get()[name];
    return {value.data(), value.size()};
  }

  void handle() {
    const auto& message = parser_->get();
    const std::string_view method(message.method_string().data(), message.method_string().size());
    const std::string_view target(message.target().data(), message.target().size());
    Response response = dispatch(*host_->gateway, {method, target, field(http::field::content_type), message.body()});
    if (response.later) return wait_for_response(response, message.keep_alive());
    send(std::move(response), message.keep_alive());
  }

  // The gateway works on it; other connections are served meanwhile.
  void wait_for_response(const Response& promise, bool keep_alive) {
    stream_.expires_never();
    promise.later([self = shared_from_this(), keep_alive](Response response) {
      if (self->host_->gateway != nullptr) self->send(std::move(response), keep_alive);
    });
  }

  // The response to a request that was not read to its end: the bytes that follow may belong to that request.
  void send_last(Response response) { send(std::move(response), false); }

  void send(Response response, bool keep_alive) {
    response_ = std::move(response);
    framing_ = framing_of(response_, parser_->get().version());
    keep_alive_ = keep_alive && framing_ != Framing::close;
    streaming_ = response_.source != nullptr && !is_head_;
    header_ = header_of(response_, framing_, keep_alive_);
    const std::array<asio::const_buffer, 2> parts{
        asio::buffer(header_), asio::buffer(response_.body.data(), is_head_ ? 0 : response_.body.size())};
    stream_.expires_after(host_->limits.response);
    asio::async_write(stream_, parts, then(&HttpSession::sent));
  }

  void sent(error_code error, std::size_t) {
    if (streaming_ && !error) return next_piece();
    if (const auto afterwards = std::exchange(response_.afterwards, nullptr)) afterwards();
    if (host_->gateway == nullptr) return;
    if (error) return close();
    response_ = {};
    is_head_ = false;
    if (keep_alive_) return wait_for_request();
    linger();
  }

  // Until the source gives a piece nothing is under way on the socket, so `give` keeps the session alive.
  void next_piece() {
    stream_.expires_never();
    try {
      response_.source->next(
          [self = shared_from_this()](std::optional<std::string> piece) { self->take_piece(std::move(piece)); });
    } catch (const std::exception&) {
      close();  // without the last chunk
    }
  }

  void take_piece(std::optional<std::string> piece) {
    if (host_->gateway == nullptr) return;
    if (!piece) return end_stream();
    piece_ = std::move(*piece);
    if (piece_.empty()) return ask_again();  // a chunk without bytes would be the last one
    stream_.expires_after(host_->limits.response);
    if (framing_ == Framing::chunks)
      asio::async_write(stream_, http::make_chunk(asio::const_buffer(asio::buffer(piece_))), then(&HttpSession::sent));
    else
      asio::async_write(stream_, asio::buffer(piece_), then(&HttpSession::sent));
  }

  // In a handler of its own, so that other connections get their turn.
  void ask_again() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->host_->gateway != nullptr && self->streaming_) self->sent({}, 0);
    });
  }

  void end_stream() {
    streaming_ = false;
    stream_.expires_after(host_->limits.response);
    if (framing_ == Framing::chunks)
      asio::async_write(stream_, http::make_chunk_last(), then(&HttpSession::sent));
    else
      asio::async_write(stream_, asio::const_buffer(), then(&HttpSession::sent));
  }

  // Closing a socket with bytes unread resets the connection, and the client may lose a response that it has not read.
  void linger() {
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    stream_.expires_after(host_->limits.linger);
    buffer_.clear();
    discard();
  }

  void discard() { stream_.async_read_some(buffer_.prepare(read_bytes), then(&HttpSession::discarded)); }

  void discarded(error_code error, std::size_t bytes) {
    discarded_bytes_ += bytes;
    if (error || discarded_bytes_ > linger_bytes_max) return close();
    discard();
  }

  beast::basic_stream<asio::generic::stream_protocol> stream_;
  std::shared_ptr<SessionHost> host_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Clock::time_point body_deadline_;
  Response response_;
  std::string header_;
  std::string piece_;  // of a streamed body: the one that is being written
  Framing framing_ = Framing::length;
  bool streaming_ = false;  // the source has more to give
  bool keep_alive_ = false;
  bool is_head_ = false;
  std::size_t discarded_bytes_ = 0;
};

}  // namespace

void start_session(asio::generic::stream_protocol::socket socket, std::shared_ptr<SessionHost> host) {
  std::make_shared<HttpSession>(std::move(socket), std::move(host))->start();
}

}  // namespace twinpath::rest
