// object_reader.hpp - reads one JSON object key by key and notes every fault with its path.
//
// The keys that were read are the keys that are allowed: finish() reports all others. A member that is absent or
// wrong leaves the target as it was.
#pragma once

#include <fmt/format.h>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/choice.hpp"
#include "config/fault.hpp"

namespace twinpath {

class ObjectReader {
 public:
  // A value that is no object is a fault, and then reads like {}.
  ObjectReader(const nlohmann::json& value, std::string path, FaultList& faults);

  // Allows the key. NULL when it is absent.
  const nlohmann::json* find(std::string_view key);
  // The same for a key that must be there; `wanted` says what belongs there.
  const nlohmann::json* need(std::string_view key, std::string_view wanted);

  void boolean(std::string_view key, bool& target);
  void integer(std::string_view key, std::uint32_t& target, std::uint32_t low, std::uint32_t high);
  void share(std::string_view key, double& target);      // 0..1
  void name(std::string_view key, std::string& target);  // is_name()
  void absolute_path(std::string_view key, std::string& target, std::size_t longest);
  template <class Table, class T>
  void choice(std::string_view key, T& target, const Table& table);
  // Calls read(element, path) for every element; a value that is no list is a fault.
  template <class Read>
  void list(std::string_view key, Read read);
  // Calls read(reader of the object under `key`), then finishes it.
  template <class Read>
  void section(std::string_view key, Read read);

  // A key of a later version: refused unless its value says nothing: {}, [], or only such inside.
  void refuse_unless_empty(std::string_view key);

  void fault(std::string_view key, std::string text);
  void fault(std::string_view key, const nlohmann::json& found, std::string_view text);
  [[nodiscard]] std::string path_of(std::string_view key) const { return member_path(path_, key); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] FaultList& faults() { return faults_; }

  // Reports the keys that were not read.
  void finish();

 private:
  const nlohmann::json& value_;
  std::string path_;
  FaultList& faults_;
  std::vector<std::string_view> known_;
};

// One value on its own, for elements of lists. False, and a fault, when it is not what it should be.
[[nodiscard]] bool read_integer(const nlohmann::json& value, const std::string& path, std::uint32_t low,
                                std::uint32_t high, std::uint32_t& target, FaultList& faults);
[[nodiscard]] bool read_text(const nlohmann::json& value, const std::string& path, std::string_view wanted,
                             std::string& target, FaultList& faults);
[[nodiscard]] bool read_name(const nlohmann::json& value, const std::string& path, std::string& target,
                             FaultList& faults);

template <class Table, class T>
void ObjectReader::choice(std::string_view key, T& target, const Table& table) {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return;
  const auto found = value->is_string() ? value_of(table, value->get_ref<const std::string&>()) : std::nullopt;
  if (found)
    target = *found;
  else
    fault(key, *value, "must be one of " + words_of(table));
}

template <class Read>
void ObjectReader::list(std::string_view key, Read read) {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return fault(key, *value, "must be a list");
  for (std::size_t i = 0; i < value->size(); ++i) read((*value)[i], element_path(path_of(key), i));
}

template <class Read>
void ObjectReader::section(std::string_view key, Read read) {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return;
  ObjectReader inner(*value, path_of(key), faults_);
  read(inner);
  inner.finish();
}

}  // namespace twinpath
