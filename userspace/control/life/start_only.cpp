#include "control/life/start_only.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/choices.hpp"

namespace twinpath {
namespace {

constexpr const char* kOnlyAtStart = "changes only by down and up";

constexpr const char* kOnlyAnew = "changes only by down and up, or by taking the port out and putting it in again";

// `sockets` "auto" means copy, so a change between the two is none.
bool zero_copy(const PortConfig& port) { return port.sockets == Sockets::zerocopy; }

std::string queues_text(const PortConfig& port) { return port.queues == 0 ? "all" : fmt::format("{}", port.queues); }

// Compares the settings that a kept port was opened with. Another device means another port (port_plan.hpp).
void compare_port(const PortConfig& before, const PortConfig& next, const std::string& path, FaultList& faults) {
  const auto must_agree = [&](const char* key, const auto& was, const auto& is) {
    if (was != is) faults.add(member_path(path, key), fmt::format("\"{}\", now \"{}\": {}", is, was, kOnlyAnew));
  };
  must_agree("attach", word_of(kAttaches, before.attach), word_of(kAttaches, next.attach));
  if (zero_copy(before) != zero_copy(next))
    must_agree("sockets", word_of(kSockets, before.sockets), word_of(kSockets, next.sockets));
  must_agree("offloads", word_of(kOffloads, before.offloads), word_of(kOffloads, next.offloads));
  must_agree("queues", queues_text(before), queues_text(next));
}

void compare_ports(const Config& running, const Config& next, FaultList& faults) {
  for (std::size_t i = 0; i < next.ports.size(); ++i) {
    const auto before = std::ranges::find(running.ports, next.ports[i].device, &PortConfig::device);
    if (before != running.ports.end()) compare_port(*before, next.ports[i], element_path("ports", i), faults);
  }
}

std::string http_text(const Config& config) { return config.api.http ? to_string(*config.api.http) : ""; }

}  // namespace

std::vector<Fault> start_only_changes(const Config& running, const Config& next) {
  FaultList faults;
  const auto must_agree = [&](const char* path, const auto& before, const auto& after) {
    if (before != after) faults.add(path, fmt::format("\"{}\", now \"{}\": {}", after, before, kOnlyAtStart));
  };
  must_agree("name", running.name, next.name);
  must_agree("flows.max_pairs_v4", running.flows.max_pairs_v4, next.flows.max_pairs_v4);
  must_agree("flows.max_pairs_v6", running.flows.max_pairs_v6, next.flows.max_pairs_v6);
  must_agree("engine.workers", running.engine.workers, next.engine.workers);
  must_agree("engine.frames", running.engine.frames, next.engine.frames);
  must_agree("engine.frame_bytes", running.engine.frame_bytes, next.engine.frame_bytes);
  must_agree("engine.busy_poll", running.engine.busy_poll, next.engine.busy_poll);
  must_agree("engine.bursts", running.engine.bursts, next.engine.bursts);
  must_agree("engine.hold_per_neighbour", running.engine.hold_per_neighbour, next.engine.hold_per_neighbour);
  must_agree("api.unix", running.api.unix_path, next.api.unix_path);
  must_agree("api.http", http_text(running), http_text(next));
  must_agree("api.token_file", running.api.token_file, next.api.token_file);
  compare_ports(running, next, faults);
  return faults.take();
}

}  // namespace twinpath
