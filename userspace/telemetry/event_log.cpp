#include "telemetry/event_log.hpp"

#include <arpa/inet.h>

#include "base/address.hpp"
#include "base/protocol.hpp"
#include "common/model/verdict.h"
#include "telemetry/policy_json.hpp"
#include "telemetry/reasons.hpp"

namespace twinpath {
namespace {

std::string fate_text(std::uint8_t reason) {
  if (reason == DP_NONE) return "forwarded";
  if (reason >= DP_REASONS) return "unknown";
  const std::string_view name = kReasons[reason].name;
  switch (dp_reason_verdict(static_cast<dp_reason>(reason))) {
    case DP_STEER: return fmt::format("to the engine ({})", name);
    case DP_PASS: return "passed to the host";
    default: return fmt::format("dropped ({})", name);
  }
}

std::string end_text(std::uint8_t family, const dp_address& address, std::uint16_t port) {
  const Endpoint end{{family, address}, ntohs(port)};
  return end.port == 0 ? to_string(end.address) : to_string(end);
}

}  // namespace

std::string event_line(const dp_event& event, const TableImage& image) {
  const std::string rule = event.rule == 0 ? std::string("default") : name_at(image.rule_names, event.rule);
  return fmt::format("rule {}: {} {} {} > {} in {}, {} bytes", rule, fate_text(event.reason),
                     protocol_text(event.protocol), end_text(event.family, event.source, event.source_port),
                     end_text(event.family, event.destination, event.destination_port),
                     name_at(image.port_names, event.ingress), event.frame_bytes);
}

Result<std::unique_ptr<EventLog>> EventLog::open(boost::asio::io_context& io, int map, const TableImage& image,
                                                 std::function<void(const std::string&)> write) {
  auto ring = EventRing::open(map, [&image, write](const dp_event& event) { write(event_line(event, image)); });
  if (!ring) return pass_on(std::move(ring.error()));
  std::unique_ptr<EventLog> log(new EventLog(io, std::move(*ring)));
  log->wait();
  return log;
}

EventLog::EventLog(boost::asio::io_context& io, std::unique_ptr<EventRing> ring)
    : ring_(std::move(ring)), readable_(io, ring_->fd()) {}

// The descriptor is borrowed from the ring, which closes it.
EventLog::~EventLog() { readable_.release(); }

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
