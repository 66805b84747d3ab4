// number.hpp - whole numbers as people write them, in documents, query keys and options: digits alone.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace twinpath {

// Nothing unless `text` is digits without sign, space, leading zero or anything behind, and low <= number <= high.
template <class Number>
[[nodiscard]] std::optional<Number> parse_whole(std::string_view text, Number low, Number high) {
  Number number{};
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last || text.front() == '-') return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return number >= low && number <= high ? std::optional(number) : std::nullopt;
}

// "a whole number 1..65535"
template <class Number>
[[nodiscard]] std::string whole_number_text(Number low, Number high) {
  return fmt::format("a whole number {}..{}", low, high);
}

}  // namespace twinpath
