#include "differential/kernel_side.hpp"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/model/stage.h"

namespace twinpath::test {
namespace {

[[noreturn]] void throw_error(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

int keep_event(void* events, void* data, std::size_t size) {
  dp_event event;
  if (size != sizeof(event)) return -EINVAL;
  std::memcpy(&event, data, size);
  static_cast<std::vector<dp_event>*>(events)->push_back(event);
  return 0;
}

int quiet(enum libbpf_print_level, const char*, va_list) { return 0; }

}  // namespace

KernelSide::KernelSide(const std::string& object_file, std::uint32_t buckets4, std::uint32_t buckets6) {
  cpus_ = static_cast<std::size_t>(libbpf_num_possible_cpus());
  cpu_ = static_cast<std::size_t>(::sched_getcpu());
  load(object_file, buckets4, buckets6);
  open_memory(buckets4, buckets6);
  enter(DP_STAGE_ODD, "twinpath_odd");
  enter(DP_STAGE_KNOWN, "twinpath_known");
  enter(DP_STAGE_NEW, "twinpath_new");
  enter(DP_STAGE_INSTALL, "twinpath_install");
  enter(DP_STAGE_SEND, "twinpath_send");
  program_ = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "twinpath_hit"));
  scratch_ = map("scratch");
  ring_.reset(ring_buffer__new(map("events"), keep_event, &events_, nullptr));
  if (!ring_) throw_error("open events", errno);
}

void KernelSide::enter(std::uint32_t stage, const char* name) {
  const int program = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), name));
  if (bpf_map_update_elem(map("programs"), &stage, &program, BPF_ANY) != 0) throw_error("update programs", errno);
}

std::vector<dp_event> KernelSide::take_events() {
  if (const int taken = ring_buffer__consume(ring_.get()); taken < 0) throw_error("read events", -taken);
  return std::exchange(events_, {});
}

void KernelSide::load(const std::string& object_file, std::uint32_t buckets4, std::uint32_t buckets6) {
  libbpf_set_print(quiet);
  object_.reset(bpf_object__open_file(object_file.c_str(), nullptr));
  if (!object_) throw_error("open " + object_file, errno);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), "flows4"), buckets4);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), "flows6"), buckets6);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), "flows4_cold"), buckets4 * DP_FLOW_LANES);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), "flows6_cold"), buckets6 * DP_FLOW_LANES);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), "fib"), kFibLines);
  if (const int error = bpf_object__load(object_.get()); error != 0) throw_error("load " + object_file, -error);
}

void KernelSide::open_memory(std::uint32_t buckets4, std::uint32_t buckets6) {
  const auto open = [this](auto& memory, const char* name, std::size_t entries) {
    auto opened = std::remove_reference_t<decltype(memory)>::open(map(name), entries);
    if (!opened) throw std::runtime_error(std::string("map ") + name);
    memory = std::move(*opened);
  };
  open(settings, ".data.settings", 1);
  open(flows4, "flows4", buckets4);
  open(flows6, "flows6", buckets6);
  open(flows4_cold, "flows4_cold", std::size_t{buckets4} * DP_FLOW_LANES);
  open(flows6_cold, "flows6_cold", std::size_t{buckets6} * DP_FLOW_LANES);
  open(zone_pairs, "zone_pairs", DP_BANKS * DP_ZONES_MAX * DP_ZONES_MAX);
  open(rules, "rules", DP_BANKS * DP_RULES_MAX);
  open(route_rules, "route_rules", DP_BANKS * 2 * DP_ROUTE_RULES_MAX);
  open(fib, "fib", kFibLines);
  open(routes, "routes", DP_ROUTES_MAX);
  open(paths, "paths", DP_PATHS_MAX);
  open(next_hops, ".data.next_hops", DP_NEXT_HOPS_MAX);
  open(ports, ".data.ports", DP_PORTS_MAX);
  open(port_macs, "port_macs", DP_PORTS_MAX);
  open(devices, ".data.devices", DP_DEVICES_MAX);
  open(budgets, "budgets", std::size_t{DP_BUDGETS} * DP_PORTS_MAX);
  open(ingress, ".data.ingress", DP_INGRESS_SLOTS);
}

int KernelSide::map(const char* name) const {
  const int fd = bpf_object__find_map_fd_by_name(object_.get(), name);
  if (fd < 0) throw std::runtime_error(std::string("no map ") + name);
  return fd;
}

dp_context KernelSide::scratch() const {
  std::vector<dp_context> all(cpus_);  // whole values: a multiple of eight, as the kernel packs them
  static_assert(sizeof(dp_context) % 8 == 0);
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(scratch_, &zero, all.data()) != 0) throw_error("read scratch", errno);
  return all[cpu_];
}

Outcome KernelSide::run(const Arrival& arrival) {
  std::array<std::uint8_t, 4096> out;
  xdp_md context{};
  context.data_end = static_cast<__u32>(arrival.frame.size());
  context.ingress_ifindex = arrival.ifindex;
  context.rx_queue_index = arrival.queue;
  xdp_md context_out{};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = arrival.frame.data(), .data_out = out.data(),
              .data_size_in = static_cast<__u32>(arrival.frame.size()), .data_size_out = out.size(), .ctx_in = &context,
              .ctx_out = &context_out, .ctx_size_in = sizeof(context), .ctx_size_out = sizeof(context_out),
              .repeat = 1);
  if (bpf_prog_test_run_opts(program_, &options) != 0) throw_error("test run", errno);
  const std::uint32_t ahead = context_out.data - context_out.data_meta;
  Outcome outcome{options.retval, Bytes(out.data() + ahead, out.data() + options.data_size_out), {}};
  if (ahead == sizeof(dp_metadata))
    std::memcpy(&outcome.metadata.emplace(), out.data(), sizeof(dp_metadata));
  else if (ahead != 0)
    throw std::runtime_error("metadata of an unknown size");
  return outcome;
}

}  // namespace twinpath::test
