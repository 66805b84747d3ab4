// paths.hpp - where the files and pins of a gateway are, by its name.
//
// Names    have no dot and no slash: bpffs refuses dots (base/name.hpp).
#pragma once

#include <string>

namespace twinpath {

inline constexpr const char* kRunFolder = "/run/twinpath";
inline constexpr const char* kBpfFs = "/sys/fs/bpf";
inline constexpr const char* kNetnsFolder = "/run/netns";  // of `ip netns`
// In the directory of pins: the link of the device whose name follows. A gateway that has one forwards.
inline constexpr const char* kLinkPinPrefix = "link_";

// The REST server's socket, unless the document names another (api.unix).
[[nodiscard]] inline std::string socket_path(const std::string& name) {
  return std::string(kRunFolder) + "/" + name + ".sock";
}
// The journal: what a later process must know to adopt or undo the gateway (control/life/journal.hpp).
[[nodiscard]] inline std::string journal_path(const std::string& name) {
  return std::string(kRunFolder) + "/" + name + ".json";
}
[[nodiscard]] inline std::string lock_path(const std::string& name) {
  return std::string(kRunFolder) + "/" + name + ".lock";
}
// Standard output and error of a daemon in the background.
[[nodiscard]] inline std::string log_path(const std::string& name) {
  return std::string(kRunFolder) + "/" + name + ".log";
}
// The directory of its pins (kernel/pins.hpp), below the mount point of a bpffs.
[[nodiscard]] inline std::string pin_path(const std::string& name, const std::string& bpffs = kBpfFs) {
  return bpffs + "/twinpath/" + name;
}

}  // namespace twinpath
