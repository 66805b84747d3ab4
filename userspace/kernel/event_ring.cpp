#include "kernel/event_ring.hpp"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace twinpath {

Result<std::unique_ptr<EventRing>> EventRing::open(int map, Handler handler) {
  std::unique_ptr<EventRing> ring(new EventRing(std::move(handler)));
  ring->ring_ = ring_buffer__new(map, &EventRing::on_event, ring.get(), nullptr);
  if (ring->ring_ == nullptr) return fail(errno, "open the ring of events");
  return ring;
}

EventRing::~EventRing() { ring_buffer__free(ring_); }

int EventRing::fd() const { return ring_buffer__epoll_fd(ring_); }

// libbpf goes on until it has caught up with the writers, unless the callback returns a negative number: the event is
// taken then, and the next one is where it goes on.
void EventRing::consume() {
  taken_ = 0;
  ring_buffer__consume(ring_);
}

int EventRing::on_event(void* context, void* data, std::size_t bytes) {
  EventRing& ring = *static_cast<EventRing*>(context);
  dp_event event;
  if (bytes >= sizeof(event)) {
    std::memcpy(&event, data, sizeof(event));
    ring.handler_(event);
  }
  return ++ring.taken_ < kEventBatch ? 0 : -EAGAIN;
}

}  // namespace twinpath
