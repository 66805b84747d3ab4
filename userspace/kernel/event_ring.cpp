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

void EventRing::consume() { ring_buffer__consume(ring_); }

int EventRing::on_event(void* ring, void* data, std::size_t bytes) {
  dp_event event;
  if (bytes < sizeof(event)) return 0;
  std::memcpy(&event, data, sizeof(event));
  static_cast<EventRing*>(ring)->handler_(event);
  return 0;
}

}  // namespace twinpath
