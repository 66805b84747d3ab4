// differential.hpp - one sequence of frames through both builds, compared after every frame.
//
// Compared  the XDP action and the frame's bytes; the metadata of a steered frame; the facts, the match and the halves
//           that the slow path left in its context; the event of a rule that says log; the counters of the packet's
//           reason, rule and ports; and both flow tables, byte for byte: slots, versions, states, flags, stamps,
//           counters, ticks.
// Time      the one thing that the two cannot agree on beforehand: the twin takes the tick that the kernel side noted,
//           so that what follows from it (budgets, ages, expiry) is compared too. Frames and events depend on the seed
//           alone; where age or a budget had a hand in it, what became of them may differ between two runs.
// Ends      at the first difference, described for whoever has to find its cause.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "differential/generator.hpp"

namespace twinpath::test {

struct Seen {
  std::uint64_t frames = 0;
  std::uint64_t hits = 0;       // forwarded by the kernel's fast path
  std::uint64_t user_hits = 0;  // steered by it
  std::uint64_t translated_hits = 0;
  std::uint64_t planted = 0;  // pairs with a rewrite
  std::array<std::uint64_t, DP_REASONS> by_reason{};
};

class Differential {
 public:
  // In the caller's network namespace, on the caller's thread, which gets bound to one CPU.
  Differential(const std::string& object_file, std::uint64_t seed);

  // The first difference within so many frames.
  [[nodiscard]] std::optional<std::string> run(std::uint64_t frames);
  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  struct Step {
    Generated generated;
    Outcome kernel;
    Outcome twin;
    std::vector<dp_event> events;
    dp_hit_verdict hit = DP_HIT_NOT;
    Bytes frame_of_hit;  // as the C++ build of the fast path writes it
  };
  void disturb();
  void plant();
  void remove_one();
  void copy_tables();
  Step step();
  [[nodiscard]] std::uint32_t tick_of(const Step& step, const struct dp_hit& hit) const;
  [[nodiscard]] std::string difference(const Step& step) const;
  [[nodiscard]] std::string outcome_difference(const Step& step) const;
  [[nodiscard]] std::string event_difference(const Step& step) const;
  [[nodiscard]] std::string rule_difference(std::uint32_t rule) const;
  [[nodiscard]] std::string counter_difference() const;
  [[nodiscard]] std::string table_difference() const;
  [[nodiscard]] std::string report(const Step& step, const std::string& what) const;

  std::uint64_t seed_;
  Random random_;
  KernelSide kernel_;
  World world_;
  TwinSide twin_;
  Generator generator_;
  int reasons_, rule_hits_, port_counters_;
  std::string last_event_ = "none";
  Seen seen_;
};

// Name of an enum dp_reason, for reports.
[[nodiscard]] const char* reason_name(std::size_t reason);

// A seed from TWINPATH_SEED, else a new one.
[[nodiscard]] std::uint64_t seed_of_run();

}  // namespace twinpath::test
