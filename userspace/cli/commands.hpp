// commands.hpp - what each command of twinpath needs, and does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/instance.hpp"
#include "cli/output.hpp"

namespace twinpath::cli {

// check.cpp
struct CheckOptions {
  std::string file;
};
[[nodiscard]] Outcome check(const Global& global, const CheckOptions& options);

// reload.cpp
struct ReloadOptions {
  std::string file;
  bool dry_run = false;
};
[[nodiscard]] Outcome reload(const Global& global, const ReloadOptions& options);

// confirm.cpp
[[nodiscard]] Outcome confirm(const Global& global);

// up.cpp
struct UpOptions {
  std::string file;
  bool foreground = false;
  std::optional<std::uint32_t> confirm_within_s;  // absent: as the document says
};
[[nodiscard]] Outcome up(const Global& global, const UpOptions& options);

// down.cpp
[[nodiscard]] Outcome down(const Global& global);

// show.cpp, drops.cpp
struct DropsOptions {
  bool watch = false;
  bool steered = false;
};
[[nodiscard]] Outcome status(const Global& global);
[[nodiscard]] Outcome ports(const Global& global);
[[nodiscard]] Outcome zones(const Global& global);
[[nodiscard]] Outcome rules(const Global& global);
[[nodiscard]] Outcome drops(const Global& global, const DropsOptions& options);

// policies.cpp
struct PoliciesOptions {
  std::vector<std::pair<std::string, std::string>> filters;  // query keys of /v1/policies with their values
  std::optional<std::size_t> limit;                          // absent: all
};
[[nodiscard]] Outcome policies(const Global& global, const PoliciesOptions& options);

}  // namespace twinpath::cli
