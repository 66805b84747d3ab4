#include "cli/format.hpp"

#include <fmt/format.h>

#include "base/address.hpp"
#include "base/protocol.hpp"

namespace twinpath::cli {
namespace {

constexpr std::string_view nothing = "-";

bool is_count(const json& value) { return value.is_number() && value.get<double>() >= 0; }

template <class Text>
std::string cell(const json& value, Text text) {
  return is_count(value) ? text(value.get<std::uint64_t>()) : std::string(nothing);
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string counted(std::uint64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", grouped(number), thing, number == 1 ? "" : "s");
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  return value < 9.95 ? fmt::format("{:.1f} {}", value, units[unit]) : fmt::format("{:.0f} {}", value, units[unit]);
}

std::string duration_text(std::uint64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds / 3600 % 24);
}

const json& member(const json& object, std::string_view key) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(std::string(key));
  return found == object.end() ? null : *found;
}

std::uint64_t number_or_zero(const json& value) { return is_count(value) ? value.get<std::uint64_t>() : 0; }

std::string text_cell(const json& value) {
  if (value.is_string()) return value.get<std::string>().empty() ? std::string(nothing) : value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.is_number() ? value.dump() : std::string(nothing);
}

std::string count_cell(const json& value) { return cell(value, grouped); }
std::string bytes_cell(const json& value) { return cell(value, bytes_text); }
std::string duration_cell(const json& value) { return cell(value, duration_text); }

std::string protocol_cell(const json& value) {
  const bool is_number = is_count(value) && value.get<std::uint64_t>() <= 255;
  return is_number ? protocol_text(value.get<std::uint8_t>()) : text_cell(value);
}

std::string endpoint_cell(const json& address, const json& port) {
  const std::string host = text_cell(address);
  if (!port.is_number() || number_or_zero(port) == 0) return host;
  return endpoint_text(host, number_or_zero(port));
}

}  // namespace twinpath::cli
