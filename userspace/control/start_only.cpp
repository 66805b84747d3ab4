#include "control/start_only.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twinpath {
namespace {

constexpr const char* kOnlyAtStart = "changes only by down and up";

bool same_port(const PortConfig& a, const PortConfig& b) {
  return a.device == b.device && a.zone == b.zone && a.hook == b.hook && a.attach == b.attach &&
         a.sockets == b.sockets && a.workload == b.workload && a.offloads == b.offloads &&
         a.source_check == b.source_check && a.queues == b.queues;
}

const PortConfig* find_port(const std::vector<PortConfig>& ports, const std::string& name) {
  const auto found = std::ranges::find(ports, name, &PortConfig::name);
  return found == ports.end() ? nullptr : &*found;
}

void compare_ports(const Config& running, const Config& next, FaultList& faults) {
  for (std::size_t i = 0; i < next.ports.size(); ++i) {
    const PortConfig* before = find_port(running.ports, next.ports[i].name);
    if (before == nullptr)
      faults.add(element_path("ports", i), fmt::format("port {} is new: a port {}", next.ports[i].name, kOnlyAtStart));
    else if (!same_port(*before, next.ports[i]))
      faults.add(element_path("ports", i), fmt::format("port {} differs: a port {}", next.ports[i].name, kOnlyAtStart));
  }
  for (const PortConfig& port : running.ports)
    if (find_port(next.ports, port.name) == nullptr)
      faults.add("ports", fmt::format("port {} is missing: a port {}", port.name, kOnlyAtStart));
}

std::string http_text(const Config& config) { return config.api.http ? config.api.http->text() : ""; }

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
  must_agree("engine.hold_per_neighbour", running.engine.hold_per_neighbour, next.engine.hold_per_neighbour);
  must_agree("api.unix", running.api.unix_path, next.api.unix_path);
  must_agree("api.http", http_text(running), http_text(next));
  must_agree("api.token_file", running.api.token_file, next.api.token_file);
  compare_ports(running, next, faults);
  return faults.take();
}

}  // namespace twinpath
