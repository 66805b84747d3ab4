// limits.hpp - how much a client of the REST server may send, and how slow it may be.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace twinpath::rest {

struct ServerLimits {
  std::size_t connections = 64;                 // per listener
  std::size_t header_bytes = 16 * 1024;         // request line and fields
  std::uint64_t body_bytes = 16 * 1024 * 1024;  // above: 413
  std::chrono::milliseconds idle{30'000};       // from connect or the last response to the next request's first byte
  std::chrono::milliseconds header{5'000};      // from the first byte to the end of the header
  std::chrono::milliseconds progress{5'000};    // between two pieces of a body
  std::chrono::milliseconds body{60'000};       // for a whole body
  std::chrono::milliseconds response{30'000};   // for a client to take a response, or one piece of a streamed one
  std::chrono::milliseconds linger{1'000};      // after a refusal, what the client still sends is read for so long
};

}  // namespace twinpath::rest
