// event_log.hpp - packets of rules that say log, as lines in the daemon's log.
//
// Thread   the io_context's. Lines look like
//          rule web-out: forwarded tcp 10.1.0.2:40000 > 10.2.0.2:80 in lan, 74 bytes
// Batch    at most kEventBatch lines in a row; timers and requests have their turn before the next ones.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "config/compile.hpp"
#include "kernel/event_ring.hpp"

namespace twinpath {

// `image` names rules and ports.
[[nodiscard]] std::string event_line(const dp_event& event, const TableImage& image);

class EventLog {
 public:
  // `image` must outlive the log; it may change.
  [[nodiscard]] static Result<std::unique_ptr<EventLog>> open(boost::asio::io_context& io, int map,
                                                              const TableImage& image,
                                                              std::function<void(const std::string&)> write);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

 private:
  EventLog(boost::asio::io_context& io, std::unique_ptr<EventRing> ring);
  void wait();

  std::unique_ptr<EventRing> ring_;
  boost::asio::posix::stream_descriptor readable_;
};

}  // namespace twinpath
