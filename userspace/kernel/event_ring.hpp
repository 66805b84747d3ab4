// event_ring.hpp - the reading end of the kernel datapath's ring buffer of events.
//
// Thread   one. fd() is readable when events wait; consume() takes them all and never blocks.
#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "common/model/event.h"

struct ring_buffer;

namespace twinpath {

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
  static int on_event(void* ring, void* data, std::size_t bytes);

  Handler handler_;
  ring_buffer* ring_ = nullptr;
};

}  // namespace twinpath
