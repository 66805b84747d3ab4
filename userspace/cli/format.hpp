// format.hpp - values of the daemon's JSON as people read them. What is missing or of another type becomes "-".
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace twinpath::cli {

using nlohmann::json;

// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t number);
// "1 port", "1,234 ports".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view thing);
// "512 B", "1.5 kB", "20 GB": decimal units, as link rates use.
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
// "7 s", "3 min 5 s", "2 h 10 min", "4 d 3 h".
[[nodiscard]] std::string duration_text(std::uint64_t seconds);

// The member `key`; null when `object` is none or has no such member.
[[nodiscard]] const json& member(const json& object, std::string_view key);
[[nodiscard]] std::uint64_t number_or_zero(const json& value);

[[nodiscard]] std::string text_cell(const json& value);  // strings, numbers as they are, booleans as yes and no
[[nodiscard]] std::string count_cell(const json& value);
[[nodiscard]] std::string bytes_cell(const json& value);
[[nodiscard]] std::string duration_cell(const json& value);
[[nodiscard]] std::string protocol_cell(const json& value);  // by number or name

// "10.1.0.2:4000", "[2001:db8::1]:80"; without a port, or with port 0, the address alone.
[[nodiscard]] std::string endpoint_cell(const json& address, const json& port);

}  // namespace twinpath::cli
