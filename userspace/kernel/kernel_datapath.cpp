#include "kernel/kernel_datapath.hpp"

#include <linux/if_link.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "bpf/gateway.skel.h"

namespace twinpath {
namespace {

constexpr std::uint32_t kSlowProgram = 0;  // index in the `programs` map
constexpr long kBpfFsMagic = 0xcafe4a11;

std::string link_pin(const std::string& pins, const std::string& device) { return pins + "/link_" + device; }

int keep_quiet(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN && std::getenv("TWINPATH_LIBBPF_LOG") != nullptr)
    return std::vfprintf(stderr, format, arguments);
  return 0;
}

// The program on a device's XDP hook, in whatever mode; 0: none, or it cannot be told.
std::uint32_t program_on(int ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (bpf_xdp_query(ifindex, 0, &query) != 0) return 0;
  for (const std::uint32_t id : {query.prog_id, query.drv_prog_id, query.skb_prog_id, query.hw_prog_id})
    if (id != 0) return id;
  return 0;
}

std::string name_of_program(std::uint32_t id) {
  if (id == 0) return "a program that cannot be named";
  bpf_prog_info info{};
  __u32 bytes = sizeof(info);
  UniqueFd program{bpf_prog_get_fd_by_id(id)};
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &bytes) != 0) return fmt::format("program id {}", id);
  return fmt::format("program \"{}\" (id {})", info.name, id);
}

Error held_hook(const std::string& device, int ifindex) {
  return refuse("device {}: its XDP hook is held by {}: remove that program first", device,
                name_of_program(program_on(ifindex)))
      .value();
}

// Is it this link that sits on this device? A device of the same name may be another one: made anew, or in another
// network namespace, with a number that fits by accident. So the program is compared too.
bool holds_hook(const UniqueFd& link, int ifindex) {
  bpf_link_info info{};
  __u32 bytes = sizeof(info);
  return link && bpf_obj_get_info_by_fd(link.get(), &info, &bytes) == 0 && info.type == BPF_LINK_TYPE_XDP &&
         info.xdp.ifindex == static_cast<std::uint32_t>(ifindex) && info.prog_id == program_on(ifindex);
}

// A section's map has the section's name, ".data.settings"; bpffs keeps names with dots for itself.
std::string_view pin_name(const bpf_map* map) {
  const std::string_view name = bpf_map__name(map);
  return name.substr(name.rfind('.') + 1);
}

// libbpf finds pinned maps by itself, but compares their flags, and the kernel adds one of its own (BPF_F_RDONLY_PROG) to
// every device map. A map given by hand brings its flags along.
Status reuse_pinned(bpf_map* map, const std::string& pins) {
  const std::string pin = fmt::format("{}/{}", pins, bpf_map__name(map));
  const UniqueFd pinned{bpf_obj_get(pin.c_str())};
  if (!pinned) return errno == ENOENT ? Status{} : Status{fail(errno, "open {}", pin)};
  if (const int error = bpf_map__reuse_fd(map, pinned.get()); error != 0) return fail(-error, "take over {}", pin);
  return {};
}

Status check_layout(int settings_fd) {
  auto memory = MapMemory<dp_settings>::open(settings_fd, 1, PROT_READ);
  if (!memory) return pass_on(std::move(memory.error()));
  const std::uint32_t found = (*memory)[0].layout_version;
  if (found != 0 && found != DP_LAYOUT_VERSION)
    return refuse("pinned tables have layout {}, this version uses {}: run \"twinpath down\" first", found,
                  static_cast<int>(DP_LAYOUT_VERSION));
  return {};
}

}  // namespace

std::uint32_t sets_for(std::uint32_t max_pairs) {
  const std::uint32_t slots = max_pairs * 4;
  return std::max<std::uint32_t>((slots + DP_FLOW_LANES - 1) / DP_FLOW_LANES, 1) * 2;
}

void KernelDatapath::Destroy::operator()(gateway_bpf* skeleton) const noexcept { gateway_bpf__destroy(skeleton); }
KernelDatapath::KernelDatapath(KernelDatapath&&) noexcept = default;
KernelDatapath& KernelDatapath::operator=(KernelDatapath&&) noexcept = default;
KernelDatapath::~KernelDatapath() = default;

Result<KernelDatapath> KernelDatapath::load(const std::string& pins, std::uint32_t max_pairs4,
                                            std::uint32_t max_pairs6) {
  libbpf_set_print(keep_quiet);
  KernelDatapath datapath;
  datapath.pins_ = pins;
  datapath.adopted_ = std::filesystem::exists(pins + "/settings");
  datapath.skeleton_.reset(gateway_bpf__open());
  if (!datapath.skeleton_) return fail(errno, "open the BPF object");
  gateway_bpf& skeleton = *datapath.skeleton_;
  const std::uint32_t sets4 = sets_for(max_pairs4);
  const std::uint32_t sets6 = sets_for(max_pairs6);
  bpf_map__set_max_entries(skeleton.maps.flows4, sets4 / 2);
  bpf_map__set_max_entries(skeleton.maps.flows6, sets6 / 2);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    if (map == skeleton.maps.scratch) continue;
    if (bpf_map__set_pin_path(map, fmt::format("{}/{}", pins, pin_name(map)).c_str()) != 0)
      return fail(errno, "pin map {}", bpf_map__name(map));
  }
  if (auto taken = reuse_pinned(skeleton.maps.tx_ports, pins); !taken) return pass_on(std::move(taken.error()));
  if (const int error = gateway_bpf__load(&skeleton); error != 0) {
    if (datapath.adopted_)
      return fail(-error, "load the BPF programs over the pins in {} (other table sizes need \"twinpath down\" first)",
                  pins);
    return fail(-error, "load the BPF programs");
  }
  datapath.collect_fds();
  if (auto layout = check_layout(datapath.fds_.settings); !layout) return pass_on(std::move(layout.error()));
  if (auto opened = datapath.open_memory(sets4, sets6); !opened) return pass_on(std::move(opened.error()));
  const int slow = datapath.slow_program();
  if (auto set = map_update(bpf_map__fd(skeleton.maps.programs), kSlowProgram, slow, "programs"); !set)
    return pass_on(std::move(set.error()));
  return datapath;
}

int KernelDatapath::hit_program() const { return bpf_program__fd(skeleton_->progs.twinpath_hit); }
int KernelDatapath::slow_program() const { return bpf_program__fd(skeleton_->progs.twinpath_slow); }
int KernelDatapath::tick_program() const { return bpf_program__fd(skeleton_->progs.twinpath_tick); }

void KernelDatapath::collect_fds() {
  const auto& maps = skeleton_->maps;
  fds_ = MapFds{.settings = bpf_map__fd(maps.data_settings),
                .flows4 = bpf_map__fd(maps.flows4),
                .flows6 = bpf_map__fd(maps.flows6),
                .zone_pairs = bpf_map__fd(maps.zone_pairs),
                .rules = bpf_map__fd(maps.rules),
                .paths = bpf_map__fd(maps.paths),
                .routes4 = {bpf_map__fd(maps.routes4_a), bpf_map__fd(maps.routes4_b)},
                .routes6 = {bpf_map__fd(maps.routes6_a), bpf_map__fd(maps.routes6_b)},
                .next_hops = bpf_map__fd(maps.data_next_hops),
                .ports = bpf_map__fd(maps.data_ports),
                .ingress = bpf_map__fd(maps.data_ingress),
                .neighbours = bpf_map__fd(maps.neighbours),
                .vlan_ports = bpf_map__fd(maps.vlan_ports),
                .tx_ports = bpf_map__fd(maps.tx_ports),
                .sockets = bpf_map__fd(maps.sockets),
                .reasons = bpf_map__fd(maps.reasons),
                .rule_hits = bpf_map__fd(maps.rule_hits),
                .events = bpf_map__fd(maps.events),
                .port_counters = {bpf_map__fd(maps.port_counters), bpf_map__fd(maps.crossings)}};
}

Status KernelDatapath::open_memory(std::uint32_t sets4, std::uint32_t sets6) {
  Status status;
  auto open = [&](auto& memory, int fd, std::size_t entries, const char* name) {
    if (!status) return;
    auto opened = std::remove_reference_t<decltype(memory)>::open(fd, entries);
    if (opened)
      memory = std::move(*opened);
    else
      status = pass_on(std::move(opened.error()).in(name));
  };
  open(memory_.settings, fds_.settings, 1, "settings");
  open(memory_.flows4, fds_.flows4, sets4 / 2, "flows4");
  open(memory_.flows6, fds_.flows6, sets6 / 2, "flows6");
  open(memory_.zone_pairs, fds_.zone_pairs, DP_BANKS * DP_ZONES_MAX * DP_ZONES_MAX, "zone_pairs");
  open(memory_.rules, fds_.rules, DP_BANKS * DP_RULES_MAX, "rules");
  open(memory_.paths, fds_.paths, DP_BANKS * DP_PATHS_MAX, "paths");
  open(memory_.next_hops, fds_.next_hops, DP_NEXT_HOPS_MAX, "next_hops");
  open(memory_.ports, fds_.ports, DP_PORTS_MAX, "ports");
  open(memory_.ingress, fds_.ingress, DP_INGRESS_SLOTS, "ingress");
  return status;
}

Status KernelDatapath::attach(const std::string& device, int ifindex, AttachMode mode) {
  const std::string pin = link_pin(pins_, device);
  if (UniqueFd pinned{bpf_obj_get(pin.c_str())}; pinned) {
    if (holds_hook(pinned, ifindex) && bpf_link_update(pinned.get(), hit_program(), nullptr) == 0) return {};
    detach(device);  // the device it belonged to is gone, or another one
  }
  LIBBPF_OPTS(bpf_link_create_opts, options,
              .flags = mode == AttachMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
  UniqueFd link{bpf_link_create(hit_program(), ifindex, BPF_XDP, &options)};
  if (!link) {
    const int error = errno;
    if (error == EBUSY || error == EEXIST) return pass_on(held_hook(device, ifindex));
    return fail(error, "attach XDP to {} in {} mode", device, name_of(mode));
  }
  if (bpf_obj_pin(link.get(), pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  return {};
}

void KernelDatapath::detach(const std::string& device) {
  const std::string pin = link_pin(pins_, device);
  if (UniqueFd link{bpf_obj_get(pin.c_str())}; link) bpf_link_detach(link.get());
  ::unlink(pin.c_str());
}

Status check_hook(const std::string& pins, const std::string& device, int ifindex) {
  if (program_on(ifindex) == 0) return {};
  if (holds_hook(UniqueFd{bpf_obj_get(link_pin(pins, device).c_str())}, ifindex)) return {};
  return pass_on(held_hook(device, ifindex));
}

std::string pin_directory(const std::string& where, const std::string& instance) {
  return where + "/twinpath/" + instance;
}

Result<std::string> make_pin_directory(const std::string& where, const std::string& instance) {
  struct statfs filesystem {};
  if (::statfs(where.c_str(), &filesystem) != 0) return fail(errno, "look at {}", where);
  if (filesystem.f_type != kBpfFsMagic && ::mount("bpf", where.c_str(), "bpf", 0, "mode=0700") != 0)
    return fail(errno, "mount bpffs at {}", where);
  const std::string pins = pin_directory(where, instance);
  std::error_code error;
  std::filesystem::create_directories(pins, error);
  if (error) return fail(error.value(), "make {}", pins);
  return pins;
}

Result<Mapping> open_pinned_memory(const std::string& pins, const std::string& name, std::size_t bytes) {
  const std::string pin = pins + "/" + name;
  UniqueFd map{bpf_obj_get(pin.c_str())};
  bpf_map_info info{};
  __u32 info_bytes = sizeof(info);
  if (map && (bpf_obj_get_info_by_fd(map.get(), &info, &info_bytes) != 0 || info.value_size != bytes)) {
    ::unlink(pin.c_str());
    map.reset();
  }
  if (!map) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    map.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY, name.c_str(), sizeof(__u32), static_cast<__u32>(bytes), 1, &options));
    if (!map) return fail(errno, "create map {}", name);
    if (bpf_obj_pin(map.get(), pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  }
  return Mapping::shared(map.get(), bytes);
}

std::vector<std::string> pinned_devices(const std::string& pins) {
  std::vector<std::string> devices;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pins, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("link_")) devices.push_back(name.substr(5));
  }
  return devices;
}

void remove_pins(const std::string& pins) {
  for (const std::string& device : pinned_devices(pins)) {
    if (UniqueFd link{bpf_obj_get(link_pin(pins, device).c_str())}; link) bpf_link_detach(link.get());
  }
  std::error_code error;
  std::filesystem::remove_all(pins, error);
  std::filesystem::remove(std::filesystem::path(pins).parent_path(), error);  // twinpath/, when it was the last one
}

}  // namespace twinpath
