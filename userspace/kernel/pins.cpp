#include "kernel/pins.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/bpffs.hpp"
#include "base/link_pin.hpp"
#include "base/paths.hpp"

namespace twinpath {
namespace {

bool has_size(int map, std::size_t bytes) {
  bpf_map_info info{};
  __u32 info_bytes = sizeof(info);
  return bpf_obj_get_info_by_fd(map, &info, &info_bytes) == 0 && info.value_size == bytes;
}

Result<UniqueFd> make_memory(const std::string& pin, const std::string& name, std::size_t bytes) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  UniqueFd map{bpf_map_create(BPF_MAP_TYPE_ARRAY, name.c_str(), sizeof(__u32), static_cast<__u32>(bytes), 1, &options)};
  if (!map) return fail(errno, "create map {}", name);
  if (bpf_obj_pin(map.get(), pin.c_str()) != 0) return fail(errno, "pin {}", pin);
  return map;
}

}  // namespace

std::string pin_directory(const std::string& where, const std::string& instance) { return pin_path(instance, where); }

Result<std::string> make_pin_directory(const std::string& where, const std::string& instance) {
  if (!is_bpffs(where) && has_own_mount_namespace())
    return refuse(
        "no bpffs is mounted that would keep pins: {} would end with this process, which has a mount namespace of its "
        "own, as \"ip netns exec\" makes it: mount -t bpf bpf {} on the host, or start twinpath there with --netns",
        where, where);
  if (!is_bpffs(where) && ::mount("bpf", where.c_str(), "bpf", 0, "mode=0700") != 0)
    return fail(errno, "mount bpffs at {}", where);
  const std::string pins = pin_directory(where, instance);
  std::error_code error;
  std::filesystem::create_directories(pins, error);
  if (error) return fail(error.value(), "make {}", pins);
  return pins;
}

void remove_pins(const std::string& pins) {
  for (const std::string& device : pinned_devices(pins)) {
    if (UniqueFd link{bpf_obj_get(link_pin(pins, device).c_str())}; link) bpf_link_detach(link.get());
  }
  std::error_code error;
  std::filesystem::remove_all(pins, error);
  std::filesystem::remove(std::filesystem::path(pins).parent_path(), error);  // twinpath/, when it was the last one
}

Result<UniqueFd> open_pin(const std::string& path) {
  UniqueFd pinned{bpf_obj_get(path.c_str())};
  if (!pinned && errno != ENOENT) return fail(errno, "open {}", path);
  return pinned;
}

std::string link_pin(const std::string& pins, const std::string& device) { return pins + "/" + link_pin_name(device); }

std::vector<std::string> pinned_instances(const std::string& where) {
  std::vector<std::string> instances;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pin_path("", where), error))
    instances.push_back(entry.path().filename());
  return instances;
}

std::vector<std::string> pinned_devices(const std::string& pins) {
  std::vector<std::string> devices;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(pins, error)) {
    if (auto device = device_of_link_pin(entry.path().filename().string())) devices.push_back(std::move(*device));
  }
  return devices;
}

Result<Mapping> open_pinned_memory(const std::string& pins, const std::string& name, std::size_t bytes) {
  const std::string pin = pins + "/" + name;
  auto map = open_pin(pin);
  if (!map) return pass_on(std::move(map.error()));
  if (*map && !has_size(map->get(), bytes)) {
    ::unlink(pin.c_str());
    map->reset();
  }
  if (!*map) map = make_memory(pin, name, bytes);
  if (!map) return pass_on(std::move(map.error()));
  return Mapping::shared(map->get(), bytes);
}

}  // namespace twinpath
