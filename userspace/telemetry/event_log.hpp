// event_log.hpp - packets of rules that say log, as lines in the daemon's log.
//
// Lines    with the time of the packet, which is not that of the writing:
//          rule web-out: forwarded tcp 10.1.0.2:40000 > 10.2.0.2:80 in lan, 74 bytes
// Bound    The kernel writes so many events a second and rule (settings.log_events). Each second a line says how many
//          packets of a rule were not logged, and how many events were lost because the ring was full.
// Batch    at most kEventBatch lines in a row; timers and requests have their turn before the next ones.
// Thread   the io_context's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/model/counters.h"
#include "config/compile.hpp"
#include "kernel/event_ring.hpp"

namespace twinpath {

// `image` names rules and ports.
[[nodiscard]] std::string event_line(const dp_event& event, const TableImage& image);

class EventLog {
 public:
  // File descriptors of `events` and `log_counts`.
  struct Maps {
    int events;
    int counts;
  };
  using Write = std::function<void(std::chrono::system_clock::time_point, const std::string&)>;

  // `image` must outlive the log; it may change.
  [[nodiscard]] static Result<std::unique_ptr<EventLog>> open(boost::asio::io_context& io, const Maps& maps,
                                                              const TableImage& image, Write write);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // What was not logged since the last call: a line for each rule. Called every second.
  void tell_unlogged();

 private:
  EventLog(boost::asio::io_context& io, std::unique_ptr<EventRing> ring, int counts, const TableImage& image,
           Write write);
  void wait();
  void wait_second();
  [[nodiscard]] std::vector<std::uint32_t> logging_rules() const;

  std::unique_ptr<EventRing> ring_;
  int counts_;
  const TableImage& image_;
  Write write_;
  boost::asio::posix::stream_descriptor readable_;
  boost::asio::steady_timer timer_;
  std::vector<dp_log_counters> told_;  // by rule id
};

}  // namespace twinpath
