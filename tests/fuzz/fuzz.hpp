// fuzz.hpp - what the fuzz targets share. Each is one function over bytes; libFuzzer makes the bytes.
//
// A target ends the process at the first promise that is broken, with what was broken on stderr. Sanitizers do the same.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace twinpath::fuzz {

inline void promise(bool kept, std::string_view what, std::string_view detail = {}) {
  if (kept) return;
  std::fprintf(stderr, "broken: %.*s %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

// Takes from the front of an input; what is not there any more is 0 or empty.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }
  std::string_view take(std::size_t size) {
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(front.size());
    return front;
  }
  // Up to the line's end, which is dropped.
  std::string_view line() {
    const std::string_view front = take(rest_.find('\n'));
    take(1);
    return front;
  }
  std::string_view rest() { return take(rest_.size()); }

 private:
  std::string_view rest_;
};

}  // namespace twinpath::fuzz
