#include "kernel/loss_watch.hpp"

#include <unistd.h>

#include <memory>
#include <utility>

#include "bpf/losses.skel.h"

namespace twinpath {
namespace {

struct Destroy {
  void operator()(losses_bpf* skeleton) const noexcept { losses_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<losses_bpf, Destroy>;

std::uint32_t id_of(int map) {
  bpf_map_info info{};
  __u32 bytes = sizeof(info);
  return bpf_obj_get_info_by_fd(map, &info, &bytes) == 0 ? info.id : 0;
}

Status share_maps(losses_bpf& skeleton, const Tables& tables) {
  for (const auto& [map, fd] : {std::pair{skeleton.maps.reasons, tables.maps().reasons},
                                std::pair{skeleton.maps.data_ingress, tables.maps().ingress}})
    if (const int error = bpf_map__reuse_fd(map, fd); error != 0)
      return fail(-error, "share map {}", bpf_map__name(map));
  return {};
}

// The one of an earlier start goes first: two of them would count everything twice.
Status attach(const bpf_program* program, const char* tracepoint, const std::string& pin) {
  ::unlink(pin.c_str());
  const UniqueFd link{bpf_raw_tracepoint_open(tracepoint, bpf_program__fd(program))};
  if (!link) return fail(errno, "attach to the tracepoint {}", tracepoint);
  if (bpf_obj_pin(link.get(), pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  return {};
}

}  // namespace

Status watch_losses(const std::string& pins, const Tables& tables, std::uint64_t netns) {
  const Skeleton skeleton{losses_bpf__open()};
  if (!skeleton) return fail(errno, "open the programs that count losses");
  skeleton->rodata->tx_devices_id = id_of(tables.maps().tx_devices);
  skeleton->rodata->sockets_id = id_of(tables.maps().sockets);
  skeleton->rodata->netns = static_cast<__u32>(netns);
  if (auto shared = share_maps(*skeleton, tables); !shared) return shared;
  if (const int error = losses_bpf__load(skeleton.get()); error != 0)
    return fail(-error, "load the programs that count losses");
  if (auto attached = attach(skeleton->progs.twinpath_redirect_refused, "xdp_redirect_err", pins + "/loss_redirect");
      !attached)
    return attached;
  return attach(skeleton->progs.twinpath_bulk_refused, "xdp_devmap_xmit", pins + "/loss_bulk");
}

}  // namespace twinpath
