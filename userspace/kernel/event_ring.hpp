// event_ring.hpp - the reading end of the kernel datapath's ring buffer of events.
//
// Thread   one. fd() is readable as long as events wait; consume() never blocks.
// Batch    consume() returns after kEventBatch events even when more are there: the kernel may write events faster than
//          they are handled, and the thread has other work. The caller comes again as long as fd() is readable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.hpp"
#include "common/model/event.h"

struct ring_buffer;

namespace twinpath {

inline constexpr std::uint32_t kEventBatch = 256;

class EventRing {
 public:
  using Handler = std::function<void(const dp_event&)>;

  // `map` is the fd of `events`.
  [[nodiscard]] static Result<std::unique_ptr<EventRing>> open(int map, Handler handler);
  ~EventRing();
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  [[nodiscard]] int fd() const;
  void consume();

 private:
  explicit EventRing(Handler handler) : handler_(std::move(handler)) {}
  static int on_event(void* context, void* data, std::size_t bytes);

  Handler handler_;
  std::uint32_t taken_ = 0;  // by the consume() that is running
  ring_buffer* ring_ = nullptr;
};

}  // namespace twinpath
