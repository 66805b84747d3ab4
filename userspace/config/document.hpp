// document.hpp - from the JSON document to a Config, and back.
//
// Errors   a bad document yields every fault at once and no Config.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.hpp"
#include "config/fault.hpp"

namespace twinpath {

// `name`, unless empty, replaces the document's: defaults that contain the name (api.unix) contain this one. It is a
// gateway's name (name.hpp).
[[nodiscard]] tl::expected<Config, std::vector<Fault>> parse_config(std::string_view text, std::string_view name = {});

// What a start refuses because of the document alone: the faults of parse_config(), and rules that do not fit when they
// are compiled.
[[nodiscard]] tl::expected<Config, std::vector<Fault>> check_document(std::string_view text,
                                                                      std::string_view name = {});

// The document in force, every default written out. Parsing it again yields the same Config (but for `source`).
[[nodiscard]] nlohmann::json to_json(const Config& config);

}  // namespace twinpath
