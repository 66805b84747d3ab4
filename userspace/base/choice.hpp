// choice.hpp - a fixed list of words and the values they stand for. Reading, writing and help texts use the same list.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace twinpath {

template <class T>
struct Choice {
  std::string_view word;
  T value;
};
template <class T>
Choice(const char*, T) -> Choice<T>;  // clang 14 has no deduction for aggregates

// The word of a value; empty when the table has none.
template <class Table, class T>
[[nodiscard]] constexpr std::string_view word_of(const Table& table, const T& value) {
  for (const auto& choice : table)
    if (choice.value == value) return choice.word;
  return {};
}

// The value of a word; nothing when the table has no such word.
template <class Table>
[[nodiscard]] constexpr auto value_of(const Table& table, std::string_view word) {
  std::optional<decltype(table.begin()->value)> value;
  for (const auto& choice : table)
    if (choice.word == word) value = choice.value;
  return value;
}

// "kernel, engine", or with `last` " or ": "half-open, assured or closing".
template <class Table>
[[nodiscard]] std::string words_of(const Table& table, std::string_view last = ", ") {
  std::string words;
  std::size_t left = table.size();
  for (const auto& choice : table) {
    if (!words.empty()) words += left == 1 ? last : ", ";
    words += choice.word;
    --left;
  }
  return words;
}

}  // namespace twinpath
