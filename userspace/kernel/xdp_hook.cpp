#include "kernel/xdp_hook.hpp"

#include <linux/if_link.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <utility>
#include <vector>

#include "base/bpffs.hpp"
#include "base/paths.hpp"
#include "bpf/gateway.skel.h"
#include "common/model/stage.h"

namespace twinpath {
namespace {

constexpr std::string_view kProgramsPrefix = "programs_";

// The program on a device's XDP hook, in whatever mode; 0: none, or it cannot be told.
std::uint32_t program_on(int ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (bpf_xdp_query(ifindex, 0, &query) != 0) return 0;
  for (const std::uint32_t id : {query.prog_id, query.drv_prog_id, query.skb_prog_id, query.hw_prog_id})
    if (id != 0) return id;
  return 0;
}

bool runs_generic(int ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  return bpf_xdp_query(ifindex, 0, &query) == 0 && query.attach_mode == XDP_ATTACHED_SKB;
}

std::string name_of_program(std::uint32_t id) {
  if (id == 0) return "a program that cannot be named";
  bpf_prog_info info{};
  __u32 bytes = sizeof(info);
  UniqueFd program{bpf_prog_get_fd_by_id(id)};
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &bytes) != 0) return fmt::format("program id {}", id);
  return fmt::format("program \"{}\" (id {})", info.name, id);
}

// Is it this link that sits on this device? A device of the same name may be another one: made anew, or in another
// network namespace, with a number that fits by accident. So the program is compared too.
bool holds_hook(const UniqueFd& link, int ifindex) {
  bpf_link_info info{};
  __u32 bytes = sizeof(info);
  return link && bpf_obj_get_info_by_fd(link.get(), &info, &bytes) == 0 && info.type == BPF_LINK_TYPE_XDP &&
         info.xdp.ifindex == static_cast<std::uint32_t>(ifindex) && info.prog_id == program_on(ifindex);
}

// The gateway whose link sits on this device; empty: none's.
std::string gateway_on(int ifindex) {
  for (const std::string& name : pinned_instances(find_bpffs())) {
    const std::string pins = pin_directory(find_bpffs(), name);
    for (const std::string& device : pinned_devices(pins))
      if (holds_hook(UniqueFd{bpf_obj_get(link_pin(pins, device).c_str())}, ifindex)) return name;
  }
  return "";
}

Error held_hook(const std::string& device, int ifindex) {
  if (const std::string name = gateway_on(ifindex); !name.empty())
    return refuse("device {0}: it is a port of gateway \"{1}\": take it out there, or run \"twinpath -n {1} down\"",
                  device, name)
        .value();
  return refuse("device {}: its XDP hook is held by {}: remove that program first", device,
                name_of_program(program_on(ifindex)))
      .value();
}

}  // namespace

void XdpHook::Destroy::operator()(gateway_bpf* skeleton) const noexcept { gateway_bpf__destroy(skeleton); }

XdpHook::XdpHook(XdpHook&& other) noexcept
    : skeleton_(std::move(other.skeleton_)),
      pins_(std::move(other.pins_)),
      programs_pin_(std::exchange(other.programs_pin_, {})),
      attached_(other.attached_) {}

XdpHook& XdpHook::operator=(XdpHook&& other) noexcept {
  std::swap(skeleton_, other.skeleton_);
  std::swap(pins_, other.pins_);
  std::swap(programs_pin_, other.programs_pin_);
  std::swap(attached_, other.attached_);
  return *this;
}

// A load that never got a link leaves nothing; the links, if any, run an earlier one.
XdpHook::~XdpHook() {
  if (!programs_pin_.empty() && !attached_) ::unlink(programs_pin_.c_str());
}

Result<XdpHook> XdpHook::load(const std::string& pins, const Tables& tables) {
  XdpHook hook;
  hook.pins_ = pins;
  hook.skeleton_.reset(gateway_bpf__open());
  if (!hook.skeleton_) return fail(errno, "open the BPF object");
  if (auto shared = hook.share_maps(tables); !shared) return pass_on(std::move(shared.error()));
  if (const int error = gateway_bpf__load(hook.skeleton_.get()); error != 0)
    return fail(-error, "load the BPF programs");
  if (auto filled = hook.fill_programs(); !filled) return pass_on(std::move(filled.error()));
  if (auto pinned = hook.pin_programs(); !pinned) return pass_on(std::move(pinned.error()));
  return hook;
}

// Maps that are no tables stay as the object defines them: this load makes its own.
Status XdpHook::share_maps(const Tables& tables) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const int fd = tables.find(bpf_map__name(map));
    if (fd < 0) continue;
    if (const int error = bpf_map__reuse_fd(map, fd); error != 0)
      return fail(-error, "share map {}", bpf_map__name(map));
  }
  return {};
}

Status XdpHook::fill_programs() {
  const auto& programs = skeleton_->progs;
  const std::pair<std::uint32_t, const bpf_program*> stages[] = {{DP_STAGE_ODD, programs.twinpath_odd},
                                                                 {DP_STAGE_KNOWN, programs.twinpath_known},
                                                                 {DP_STAGE_NEW, programs.twinpath_new},
                                                                 {DP_STAGE_INSTALL, programs.twinpath_install},
                                                                 {DP_STAGE_SEND, programs.twinpath_send}};
  static_assert(std::size(stages) == DP_STAGES);
  for (const auto& [index, program] : stages) {
    const int fd = bpf_program__fd(program);
    if (auto set = map_update(bpf_map__fd(skeleton_->maps.programs), index, fd, "programs"); !set) return set;
  }
  return {};
}

Status XdpHook::pin_programs() {
  const int map = bpf_map__fd(skeleton_->maps.programs);
  bpf_map_info info{};
  __u32 bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &bytes) != 0) return fail(errno, "ask for the id of the prog array");
  const std::string pin = fmt::format("{}/{}{}", pins_, kProgramsPrefix, info.id);
  ::unlink(pin.c_str());  // of an array that is gone: the kernel gives an id again after two thousand million others
  if (bpf_obj_pin(map, pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  programs_pin_ = pin;
  return {};
}

int XdpHook::entry_program() const { return bpf_program__fd(skeleton_->progs.twinpath_hit); }

std::optional<AttachMode> XdpHook::mode_of(const std::string& device, int ifindex) const {
  if (!holds_hook(UniqueFd{bpf_obj_get(link_pin(pins_, device).c_str())}, ifindex)) return std::nullopt;
  return runs_generic(ifindex) ? AttachMode::generic : AttachMode::native;
}

Status XdpHook::attach(const std::string& device, int ifindex, AttachMode mode) {
  const auto before = mode_of(device, ifindex);
  if (before == mode && update_link(device)) return {};
  detach(device);  // what is pinned: a link in another mode, or of a device that is gone
  auto created = create_link(device, ifindex, mode);
  if (!created && before && *before != mode) (void)create_link(device, ifindex, *before);
  return created;
}

Status XdpHook::renew(const std::string& device) {
  const bpf_insn drop[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_XDP);  // of the program that it stands for
  const UniqueFd pause{
      bpf_prog_load(BPF_PROG_TYPE_XDP, "twinpath_pause", "Dual BSD/GPL", drop, std::size(drop), &options)};
  if (!pause) return fail(errno, "load the program that pauses {}", device);
  const UniqueFd link{bpf_obj_get(link_pin(pins_, device).c_str())};
  if (!link || bpf_link_update(link.get(), pause.get(), nullptr) != 0) return fail(errno, "pause XDP on {}", device);
  if (!update_link(device)) return fail(errno, "put XDP on {} again", device);
  return {};
}

bool XdpHook::update_link(const std::string& device) {
  const UniqueFd link{bpf_obj_get(link_pin(pins_, device).c_str())};
  const bool updated = link && bpf_link_update(link.get(), entry_program(), nullptr) == 0;
  attached_ |= updated;
  return updated;
}

Status XdpHook::create_link(const std::string& device, int ifindex, AttachMode mode) {
  const std::string pin = link_pin(pins_, device);
  LIBBPF_OPTS(bpf_link_create_opts, options,
              .flags = mode == AttachMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
  UniqueFd link{bpf_link_create(entry_program(), ifindex, BPF_XDP, &options)};
  if (!link) {
    const int error = errno;
    if (error == EBUSY || error == EEXIST) return pass_on(held_hook(device, ifindex));
    return fail(error, "attach XDP to {} in {} mode", device, name_of(mode));
  }
  if (bpf_obj_pin(link.get(), pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  attached_ = true;
  return {};
}

void XdpHook::detach(const std::string& device) {
  const std::string pin = link_pin(pins_, device);
  if (UniqueFd link{bpf_obj_get(pin.c_str())}; link) bpf_link_detach(link.get());
  ::unlink(pin.c_str());
}

void XdpHook::release_others() {
  std::vector<std::filesystem::path> others;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pins_, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kProgramsPrefix) && entry.path() != programs_pin_) others.push_back(entry.path());
  }
  for (const auto& pin : others) ::unlink(pin.c_str());
}

std::optional<std::uint32_t> XdpHook::tick() const {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.twinpath_tick), &run) != 0) return std::nullopt;
  return run.retval;
}

Status check_hook(const std::string& pins, const std::string& device, int ifindex) {
  if (program_on(ifindex) == 0) return {};
  if (holds_hook(UniqueFd{bpf_obj_get(link_pin(pins, device).c_str())}, ifindex)) return {};
  return pass_on(held_hook(device, ifindex));
}

}  // namespace twinpath
