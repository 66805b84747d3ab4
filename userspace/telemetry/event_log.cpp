#include "telemetry/event_log.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/address.hpp"
#include "base/protocol.hpp"
#include "common/model/verdict.h"
#include "kernel/bpf_map.hpp"
#include "telemetry/policy_json.hpp"
#include "telemetry/reasons.hpp"

namespace twinpath {
namespace {

std::string fate_text(std::uint8_t reason) {
  if (reason == DP_NONE) return "forwarded";
  if (reason >= DP_REASONS) return "unknown";
  const std::string_view name = kReasons[reason].name;
  switch (dp_reason_verdict(static_cast<dp_reason>(reason))) {
    case DP_STEER: return reason == DP_STEER_REJECT ? "rejected" : fmt::format("to the engine ({})", name);
    case DP_PASS: return "passed to the host";
    default: return fmt::format("dropped ({})", name);
  }
}

std::string end_text(std::uint8_t family, const dp_address& address, std::uint16_t port) {
  const Endpoint end{{family, address}, ntohs(port)};
  return end.port == 0 ? to_string(end.address) : to_string(end);
}

// Of a moment on the clock that counts from the boot.
std::chrono::system_clock::time_point wall_time(std::uint64_t boot_ns) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const std::chrono::nanoseconds since_boot = std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
  const auto age = since_boot - std::chrono::nanoseconds{boot_ns};
  return std::chrono::system_clock::now() -
         std::chrono::duration_cast<std::chrono::system_clock::duration>(std::max(age, age.zero()));
}

}  // namespace

std::string event_line(const dp_event& event, const TableImage& image) {
  const std::string rule = event.rule == 0 ? std::string("default") : name_at(image.rule_names, event.rule);
  return fmt::format("rule {}: {} {} {} > {} in {}, {} bytes", rule, fate_text(event.reason),
                     protocol_text(event.protocol), end_text(event.family, event.source, event.source_port),
                     end_text(event.family, event.destination, event.destination_port),
                     name_at(image.port_names, event.ingress), event.frame_bytes);
}

Result<std::unique_ptr<EventLog>> EventLog::open(boost::asio::io_context& io, const Maps& maps, const TableImage& image,
                                                 Write write) {
  auto ring = EventRing::open(maps.events, [&image, write](const dp_event& event) {
    write(wall_time(event.time_ns), event_line(event, image));
  });
  if (!ring) return pass_on(std::move(ring.error()));
  std::unique_ptr<EventLog> log(new EventLog(io, std::move(*ring), maps.counts, image, std::move(write)));
  log->wait();
  log->wait_second();
  return log;
}

// What an earlier daemon's time has left untold is not told as if it were of now.
EventLog::EventLog(boost::asio::io_context& io, std::unique_ptr<EventRing> ring, int counts, const TableImage& image,
                   Write write)
    : ring_(std::move(ring)),
      counts_(counts),
      image_(image),
      write_(std::move(write)),
      readable_(io, ring_->fd()),
      timer_(io),
      told_(DP_RULE_IDS_MAX) {
  for (const std::uint32_t rule : logging_rules()) told_[rule] = sum_per_cpu<dp_log_counters>(counts_, rule);
}

// The descriptor is borrowed from the ring, which closes it.
EventLog::~EventLog() { readable_.release(); }

std::vector<std::uint32_t> EventLog::logging_rules() const {
  std::vector<std::uint32_t> ids;
  for (const dp_rule& rule : image_.rules)
    if ((rule.flags & DP_RULE_LOG) != 0) ids.push_back(rule.id);
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void EventLog::tell_unlogged() {
  const auto now = std::chrono::system_clock::now();
  for (const std::uint32_t rule : logging_rules()) {
    const dp_log_counters counted = sum_per_cpu<dp_log_counters>(counts_, rule);
    const dp_log_counters told = std::exchange(told_[rule], counted);
    const std::string name = name_at(image_.rule_names, rule);
    // counters begin anew when the number gets another rule
    if (counted.suppressed > told.suppressed)
      write_(now, fmt::format("rule {}: {} more packets, not logged", name, counted.suppressed - told.suppressed));
    if (counted.lost > told.lost)
      write_(now, fmt::format("rule {}: {} events lost, since they came faster than they were read", name,
                              counted.lost - told.lost));
  }
}

void EventLog::wait_second() {
  timer_.expires_after(std::chrono::seconds{1});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tell_unlogged();
    wait_second();
  });
}

// The wait looks at the ring anew, so what a batch has left in it ends the wait at once.
void EventLog::wait() {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error) return;
                         ring_->consume();
                         wait();
                       });
}

}  // namespace twinpath
