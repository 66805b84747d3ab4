// confirm.hpp - messages about a configuration that waits to be confirmed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/instance.hpp"

namespace twinpath::cli {

// "edge: in 30 s everything is undone, unless you keep it: twinpath -n edge confirm\n"
[[nodiscard]] std::string confirm_hint(std::string_view name, std::uint64_t seconds, std::string_view otherwise);

// The same, from the member "confirm" of a status; empty when nothing waits.
[[nodiscard]] std::string waiting_text(std::string_view name, const nlohmann::json& confirm);

// The member "confirm" of the status of a gateway that has just been started; null when the status cannot be read.
[[nodiscard]] nlohmann::json find_waiting(const Global& global, const std::string& name);

}  // namespace twinpath::cli
