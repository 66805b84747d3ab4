// document.hpp - reads a configuration file and prints its faults.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/document.hpp"

namespace twinpath::cli {

[[nodiscard]] Result<std::string> read_file(const std::string& path);

// The document, or nothing after its faults have been said on standard error, one per line: "FILE: path: text".
[[nodiscard]] std::optional<Config> load_document(const std::string& path);

void say_faults(const std::string& path, const std::vector<Fault>& faults);

}  // namespace twinpath::cli
