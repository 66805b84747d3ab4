// instance.hpp - which gateway a command is for, and where its daemon listens.
//
// Files     base/paths.hpp. The journal, which the daemon writes, names the socket when it is not at its usual path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.hpp"
#include "base/result.hpp"

namespace twinpath::cli {

// Options that every command takes.
struct Global {
  std::optional<std::string> name;  // -n
  std::string netns;                // empty: the present one
  std::string socket;               // empty: found by name
  bool json = false;
};

struct Instance {
  std::string name;
  std::string socket;
};

// Is there the network namespace of --netns? For every command, also those that need no gateway.
[[nodiscard]] Status check_netns(const Global& global);

// What a gateway has without a daemon.
enum class Left { nothing, files, datapath };
[[nodiscard]] Left what_is_left(const std::string& name);
// Devices on which the kernel goes on forwarding, by their pins.
[[nodiscard]] std::vector<std::string> left_devices(const std::string& name);

// -n; else "default" when it is there or nothing is; else the only one that is. Refused when there are several,
// and when it runs in another network namespace than that of --netns.
[[nodiscard]] Result<Instance> find_instance(const Global& global, const std::string& folder = kRunFolder);

// A gateway's name (base/name.hpp) becomes part of file names.
[[nodiscard]] Status check_name(std::string_view name);

}  // namespace twinpath::cli
