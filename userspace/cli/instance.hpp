// instance.hpp - which gateway a command is for, and where its daemon listens.
//
// Files     /run/twinpath/NAME.sock: the socket, unless the configuration names another (api.unix).
//           /run/twinpath/NAME.json: written by the daemon, {"socket": PATH}.
//           /run/twinpath/NAME.log: what a daemon in the background says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace twinpath::cli {

inline constexpr std::string_view run_folder = "/run/twinpath";

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

// -n; else "default" when it is there or nothing is; else the only one that is. Refused when there are several.
[[nodiscard]] Result<Instance> find_instance(const Global& global, const std::string& folder = std::string(run_folder));

// Names become file names, in bpffs too, which refuses dots: letters, digits, _ and - only, 1 to 32.
[[nodiscard]] Status check_name(std::string_view name);

}  // namespace twinpath::cli
