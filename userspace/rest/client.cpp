#include "rest/client.hpp"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <optional>
#include <thread>
#include <vector>

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

constexpr std::chrono::milliseconds connect_pause{50};
constexpr std::size_t piece_bytes = 64 * 1024;

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

struct Client::Parts {
  using Body = http::response_parser<http::string_body>;

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

  // A daemon that takes no more connections lets its queue fill up; then there is nothing to wait for but time.
  error_code connect() {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (true) {
      const error_code error = connect_once();
      if (error != asio::error::try_again && error != asio::error::would_block) return error;
      if (std::chrono::steady_clock::now() > end) return beast::error::timeout;
      std::this_thread::sleep_for(connect_pause);
    }
  }

  error_code connect_once() {
    error_code error;
    buffer.clear();
    stream.emplace(context);
    try {
      stream->socket().open({}, error);
      if (!error) stream->socket().native_non_blocking(true, error);
      if (!error) error = connect_socket(asio::local::stream_protocol::endpoint(path));
    } catch (const boost::system::system_error& bad_path) {
      error = bad_path.code();
    }
    if (error) stream.reset();
    return error;
  }

  // asio's connect() would wait for a descriptor that never becomes writable.
  error_code connect_socket(const asio::local::stream_protocol::endpoint& endpoint) {
    const int done =
        ::connect(stream->socket().native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
    return done == 0 ? error_code{} : error_code{errno, boost::system::system_category()};
  }

  // Sends the request, and reads the answer's header.
  template <class Parser>
  error_code begin(const Message& message, Parser& parser) {
    error_code result;
    parser.body_limit(body_bytes_max);
    if (message.method() == http::verb::head) parser.skip(true);
    stream->expires_after(timeout);
    // A refusal may come before the body was taken, so a failed write still leads to a read.
    http::async_write(*stream, message, [&](error_code write_error, std::size_t) {
      http::async_read_header(*stream, buffer, parser, [&, write_error](error_code error, std::size_t) {
        result = error && write_error ? write_error : error;
      });
    });
    wait();
    return result;
  }

  // The same on a new connection when the old one was idle for too long: the server has then not seen the request.
  template <class Parser>
  error_code begin_again(const Message& message, std::optional<Parser>& parser) {
    const bool reused = stream.has_value();
    if (!reused)
      if (const error_code error = connect()) return error;
    error_code error = begin(message, parser.emplace());
    if (reused && error == http::error::end_of_stream && !connect()) error = begin(message, parser.emplace());
    return error;
  }

  error_code read_rest(Body& body) {
    error_code result;
    if (body.is_done()) return result;
    http::async_read(*stream, buffer, body, [&](error_code error, std::size_t) { result = error; });
    wait();
    return result;
  }

  error_code read_pieces(http::response_parser<http::buffer_body>& body, const Take& take) {
    std::vector<char> room(piece_bytes);
    while (!body.is_done()) {
      error_code result;
      auto& piece = body.get().body();
      piece.data = room.data();
      piece.size = room.size();
      stream->expires_after(timeout);
      http::async_read(*stream, buffer, body, [&](error_code error, std::size_t) { result = error; });
      wait();
      const bool wanted = take({room.data(), room.size() - piece.size});  // what came before an error, too
      if (result && result != http::error::need_buffer) return result;
      if (!wanted) break;
    }
    if (!body.is_done()) stream.reset();  // the rest of it is not wanted
    return {};
  }

  // Why no answer came; the connection is of no more use.
  Error failure(std::string_view method, std::string_view target, error_code error) {
    const bool connected = stream.has_value();
    stream.reset();
    if (error == beast::error::timeout)
      return {ETIMEDOUT, fmt::format("{} gave no answer to {} {} within {} s: its daemon hangs, or is very busy", path,
                                     method, target, timeout.count() / 1000.0)};
    if (!connected) return fail(error.value(), "connect to {}", path).value();
    return {0, fmt::format("{} {} at {}: {}", method, target, path, error.message())};
  }

  Reply reply_of(Body& body) {
    if (!body.keep_alive()) stream.reset();
    http::response<http::string_body> answer = body.release();
    const beast::string_view type = answer[http::field::content_type];
    return Reply{answer.result_int(), std::string(type), std::move(answer.body())};
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
  std::optional<Parts::Body> answer;
  error_code error = parts_->begin_again(message, answer);
  if (!error) error = parts_->read_rest(*answer);
  if (error) return pass_on(parts_->failure(method, target, error));
  return parts_->reply_of(*answer);
}

Result<Reply> Client::stream(std::string_view target, const Take& take) {
  std::optional<http::response_parser<http::empty_body>> header;
  error_code error = parts_->begin_again(message_of("GET", target, {}), header);
  if (error) return pass_on(parts_->failure("GET", target, error));
  if (header->get().result_int() >= 400) {
    Parts::Body answer(std::move(*header));
    error = parts_->read_rest(answer);
    if (!error) return parts_->reply_of(answer);
  } else {
    http::response_parser<http::buffer_body> answer(std::move(*header));
    answer.body_limit(boost::none);
    error = parts_->read_pieces(answer, take);
    if (!error) return Reply{answer.get().result_int(), std::string(answer.get()[http::field::content_type]), {}};
  }
  return pass_on(parts_->failure("GET", target, error));
}

Result<int> Client::peer_pid() {
  if (!parts_->stream)
    if (const error_code error = parts_->connect()) return pass_on(parts_->failure("CONNECT", "", error));
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
