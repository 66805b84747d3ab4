// confirm.hpp - what is said of a configuration that waits to be confirmed, and by which command it is.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/instance.hpp"

namespace twinpath::cli {

// "edge: in 30 s everything is undone, unless you keep it: twinpath -n edge confirm\n"
[[nodiscard]] std::string confirm_hint(std::string_view name, std::uint64_t seconds, std::string_view otherwise);

// The same of "confirm" in a status; empty when nothing waits.
[[nodiscard]] std::string trial_text(std::string_view name, const nlohmann::json& trial);

// "confirm" in the status of a gateway that has just come up; null when it cannot be had.
[[nodiscard]] nlohmann::json trial_of(const Global& global, const std::string& name);

}  // namespace twinpath::cli
