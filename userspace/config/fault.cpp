#include "config/fault.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace twinpath {
namespace {

constexpr std::size_t kShownCharacters = 60;

bool plain_word(std::string_view key) {
  return !key.empty() && key.size() <= kShownCharacters && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// Levenshtein's distance with one row. Words are shortened first: both sides may come from a hostile document.
std::size_t distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kShownCharacters);
  b = b.substr(0, kShownCharacters);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string Fault::line() const { return path.empty() ? text : path + ": " + text; }

void FaultList::add(std::string path, std::string text) {
  if (faults_.size() < kLimit)
    faults_.push_back({std::move(path), std::move(text)});
  else if (faults_.size() == kLimit)
    faults_.push_back({"", "there are more faults than can be shown"});
}

std::string member_path(std::string_view parent, std::string_view key) {
  if (!plain_word(key)) return fmt::format("{}[{}]", parent, shown(std::string(key)));
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

std::string element_path(std::string_view parent, std::size_t index) { return fmt::format("{}[{}]", parent, index); }

std::string shown(const nlohmann::json& value) {
  if (value.is_object()) return value.empty() ? "{}" : "{...}";
  if (value.is_array()) return value.empty() ? "[]" : "[...]";
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kShownCharacters) text = text.substr(0, kShownCharacters) + "...";
  return text;
}

std::string nearest(std::string_view word, std::span<const std::string_view> allowed) {
  std::vector<std::pair<std::size_t, std::string_view>> order;
  for (std::string_view candidate : allowed) order.emplace_back(distance(word, candidate), candidate);
  std::ranges::stable_sort(order, {}, &std::pair<std::size_t, std::string_view>::first);
  order.resize(std::min<std::size_t>(order.size(), 3));
  std::vector<std::string_view> best;
  for (const auto& [far, candidate] : order) best.push_back(candidate);
  return fmt::format("{}", fmt::join(best, ", "));
}

}  // namespace twinpath
