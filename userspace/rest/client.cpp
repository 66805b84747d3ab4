#include "rest/client.hpp"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace twinpath::rest {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::local::stream_protocol, asio::any_io_executor>;
using Message = http::request<http::string_body>;

Message message_of(std::string_view method, std::string_view target, std::string_view body) {
  Message message;
  message.version(11);
  message.method_string({method.data(), method.size()});
  message.target({target.data(), target.size()});
  message.set(http::field::host, "localhost");
  message.body() = body;
  if (!body.empty()) message.set(http::field::content_type, "application/json");
  message.prepare_payload();
  return message;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

struct Client::Parts {
  std::string path;
  std::chrono::milliseconds timeout;
  asio::io_context context;
  std::optional<Stream> stream;
  beast::flat_buffer buffer;

  // Runs what was started until it has ended; the stream's timer bounds it.
  void wait() {
    context.restart();
    context.run();
  }

  error_code connect() {
    error_code error;
    buffer.clear();
    stream.emplace(context);
    try {
      stream->socket().connect(asio::local::stream_protocol::endpoint(path), error);
    } catch (const boost::system::system_error& bad_path) {
      error = bad_path.code();
    }
    if (error) stream.reset();
    return error;
  }

  error_code exchange(const Message& message, http::response<http::string_body>& answer) {
    error_code result;
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    if (message.method() == http::verb::head) parser.skip(true);
    stream->expires_after(timeout);
    // A refusal may come before the body was taken, so a failed write still leads to a read.
    http::async_write(*stream, message, [&](error_code write_error, std::size_t) {
      http::async_read(*stream, buffer, parser, [&, write_error](error_code error, std::size_t) {
        result = error && write_error ? write_error : error;
      });
    });
    wait();
    if (result) {
      stream.reset();
      return result;
    }
    if (!parser.keep_alive()) stream.reset();
    answer = parser.release();
    return {};
  }
};

Client::Client(std::string socket_path, std::chrono::milliseconds timeout) : parts_(std::make_unique<Parts>()) {
  parts_->path = std::move(socket_path);
  parts_->timeout = timeout;
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

Result<Reply> Client::request(std::string_view method, std::string_view target, std::string_view body) {
  const Message message = message_of(method, target, body);
  http::response<http::string_body> answer;
  const bool reused = parts_->stream.has_value();
  if (!reused)
    if (const error_code error = parts_->connect()) return fail(error.value(), "connect to {}", parts_->path);
  error_code error = parts_->exchange(message, answer);
  // The server may have closed an idle connection; it has then not seen the request.
  if (reused && error == http::error::end_of_stream && !parts_->connect()) error = parts_->exchange(message, answer);
  if (error == beast::error::timeout)
    return refuse("{} gave no answer within {} s", parts_->path, parts_->timeout.count() / 1000.0);
  if (error) return refuse("{} {} at {}: {}", method, target, parts_->path, error.message());
  const beast::string_view type = answer[http::field::content_type];
  return Reply{answer.result_int(), std::string(type), std::move(answer.body())};
}

Result<int> Client::peer_pid() {
  if (!parts_->stream)
    if (const error_code error = parts_->connect()) return fail(error.value(), "connect to {}", parts_->path);
  ucred peer{};
  socklen_t bytes = sizeof(peer);
  if (::getsockopt(parts_->stream->socket().native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
    return fail(errno, "ask who listens on {}", parts_->path);
  return peer.pid;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace twinpath::rest
