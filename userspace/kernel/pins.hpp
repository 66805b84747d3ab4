// pins.hpp - the directory in bpffs that keeps an instance's maps and links while no process holds them.
//
// Layout   <bpffs>/twinpath/<instance>/<map>, and link_<device> for each attached XDP program. bpffs refuses dots in names, so
//          the "." of a device is "%2e" in its link's name.
// Order    the links are removed first: XDP is off the devices before the maps go.
// Thread   any; callers of one instance hold its lock (control/life/instance_lock.hpp).
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/mapping.hpp"
#include "base/result.hpp"

namespace twinpath {

// Where the pins of an instance are, or would be.
[[nodiscard]] std::string pin_directory(const std::string& where, const std::string& instance);

// Mounts bpffs at `where` if it is not mounted, and makes the directory of an instance in it.
[[nodiscard]] Result<std::string> make_pin_directory(const std::string& where, const std::string& instance);

// Detaches every pinned link of an instance and removes all its pins.
void remove_pins(const std::string& pins);

// What is pinned at this path; absent when nothing is.
[[nodiscard]] Result<UniqueFd> open_pin(const std::string& path);

// Names of the gateways that have pins.
[[nodiscard]] std::vector<std::string> pinned_instances(const std::string& where);
[[nodiscard]] std::string link_pin(const std::string& pins, const std::string& device);
// Devices that have a pinned link in this directory.
[[nodiscard]] std::vector<std::string> pinned_devices(const std::string& pins);

// Memory of user space that lives as long as the pins: zeros, or what an earlier process left in it under this name.
// Memory of another size is thrown away.
[[nodiscard]] Result<Mapping> open_pinned_memory(const std::string& pins, const std::string& name, std::size_t bytes);

}  // namespace twinpath
