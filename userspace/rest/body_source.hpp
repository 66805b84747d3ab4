// body_source.hpp - a response body that is made piece by piece, while the client takes it.
//
// Pressure  The session asks for a piece, writes it, and asks for the next one when the client's socket has taken it. So a
//           slow client holds one piece in memory, and nothing is made ahead of it.
// Thread    The io_context's. A piece is the work of one handler: timers and other connections run between two pieces.
//           Keep it to about a millisecond.
// Errors    An exception closes the connection without the last chunk, which tells the client that the body is incomplete.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace twinpath::rest {

class BodySource {
 public:
  // Takes a piece, or nothing at the end of the body. An empty piece is allowed: the session asks again.
  using Give = std::function<void(std::optional<std::string> piece)>;

  virtual ~BodySource() = default;
  // Calls `give` once: before it returns, or later on the same thread, when the next piece is not there yet. A source that
  // is destroyed meanwhile does not call it. Not called again before `give` has been.
  virtual void next(Give give) = 0;
};

}  // namespace twinpath::rest
