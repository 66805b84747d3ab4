#include "kernel/grace.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>

namespace twinpath {

Result<GracePeriod> GracePeriod::create() {
  UniqueFd inner{bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", sizeof(std::uint32_t), 8, 1, nullptr)};
  if (!inner) return fail(errno, "create a map");
  LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<__u32>(inner.get()));
  UniqueFd outer{
      bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace", sizeof(std::uint32_t), sizeof(std::uint32_t), 1, &options)};
  if (!outer) return fail(errno, "create a map of maps");
  return GracePeriod{std::move(inner), std::move(outer)};
}

Status GracePeriod::wait() const {
  const std::uint32_t key = 0;
  const int value = inner_.get();
  if (bpf_map_update_elem(outer_.get(), &key, &value, BPF_ANY) != 0) return fail(errno, "wait for a grace period");
  return {};
}

}  // namespace twinpath
