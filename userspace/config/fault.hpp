// fault.hpp - faults of a document, one line each: where, what was found, what is allowed.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinpath {

struct Fault {
  std::string path;  // "rules[3].source[1]"; empty when the text is no JSON at all
  std::string text;  // "\"10.0.0.0/33\": prefix length must be 0..32"

  // "rules[3].source[1]: "10.0.0.0/33": prefix length must be 0..32"; printable ASCII, no newline.
  [[nodiscard]] std::string line() const;
};

// Collects every fault of a document. A hostile document cannot make it grow without end.
class FaultList {
 public:
  static constexpr std::size_t kLimit = 1000;  // faults; one more line says that there were others

  void add(std::string path, std::string text);
  [[nodiscard]] bool empty() const { return faults_.empty(); }
  [[nodiscard]] std::vector<Fault> take() { return std::move(faults_); }

 private:
  std::vector<Fault> faults_;
};

// The path of a member: "ports[0]" + "name" → "ports[0].name"; keys that are no plain words are quoted.
[[nodiscard]] std::string member_path(std::string_view parent, std::string_view key);
[[nodiscard]] std::string element_path(std::string_view parent, std::size_t index);

// A value as a fault line shows it: JSON on one line, ASCII only, cut when long.
[[nodiscard]] std::string shown(const nlohmann::json& value);

// At most three of `allowed` that look most like `word`, best first: "device, name, zone".
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string_view> allowed);

}  // namespace twinpath
