// random.hpp - the one source of chance of a run: the same seed gives the same frames on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace twinpath::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // 0 .. below - 1. The standard's distributions differ between libraries, so none is used.
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>((engine_() >> 32) * limit >> 32); }
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(high - low + 1); }
  bool percent(std::uint32_t chance) { return below(100) < chance; }
  std::uint32_t word() { return static_cast<std::uint32_t>(engine_() >> 32); }

  template <class Container>
  const auto& pick(const Container& from) {
    return std::data(from)[below(static_cast<std::uint32_t>(std::size(from)))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace twinpath::test
