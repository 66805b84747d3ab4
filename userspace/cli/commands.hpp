// commands.hpp - what each command of twinpath needs, and does. All return the exit status (output.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/instance.hpp"

namespace twinpath::cli {

// check.cpp
struct CheckOptions {
  std::string file;
};
int check(const Global& global, const CheckOptions& options);

// reload.cpp
struct ReloadOptions {
  std::string file;
  bool dry_run = false;
};
int reload(const Global& global, const ReloadOptions& options);

// confirm.cpp
int confirm(const Global& global);

// up.cpp
struct UpOptions {
  std::string file;
  bool foreground = false;
  std::optional<std::uint32_t> confirm_within_s;  // absent: as the document says
};
int up(const Global& global, const UpOptions& options);

// down.cpp
int down(const Global& global);

// show.cpp, drops.cpp
struct DropsOptions {
  bool watch = false;
  bool steered = false;
};
int status(const Global& global);
int ports(const Global& global);
int zones(const Global& global);
int rules(const Global& global);
int drops(const Global& global, const DropsOptions& options);

// policies.cpp. Filters are given to the daemon as they are typed; empty: none.
struct PoliciesOptions {
  std::string zone;
  std::string source;
  std::string destination;
  std::string protocol;
  std::string port;
  std::string state;
  std::string origin;
  std::optional<std::size_t> limit;  // absent: all
};
int policies(const Global& global, const PoliciesOptions& options);

}  // namespace twinpath::cli
