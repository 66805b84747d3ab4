// verifier_report.hpp - what the verifier says of the programs in a BPF object: instructions walked, stack, frames.
//
// Stack    of the deepest chain of calls, each frame rounded up to 32 bytes as Linux 6.1 does. The verifier prints the depth of
//          each function; who calls whom is read from the instructions.
// Needs    root: the object is loaded, and closed again.
#pragma once

#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace twinpath::test {

struct VerifierReport {
  std::string program;
  std::uint32_t instructions = 0;  // walked, on all paths
  std::uint32_t stack_bytes = 0;   // of the deepest chain
  std::uint32_t frames = 0;        // of the longest chain
};

namespace verifier_detail {

constexpr std::uint32_t kFrameUnit = 32;
constexpr std::uint32_t kLogStatistics = 4;  // BPF_LOG_STATS of the kernel

// The numbers of a line "stack depth 8+48+32", one per function in the order of their code.
inline std::vector<std::uint32_t> depths_in(std::string_view log) {
  constexpr std::string_view kLine = "stack depth ";
  std::vector<std::uint32_t> depths;
  const std::size_t at = log.find(kLine);
  if (at == std::string_view::npos) return depths;
  const char* text = log.data() + at + kLine.size();
  const char* end = log.data() + log.size();
  for (std::uint32_t depth = 0;; ++text) {
    const auto [next, error] = std::from_chars(text, end, depth);
    if (error != std::errc{}) break;
    depths.push_back(depth);
    text = next;
    if (text == end || *text != '+') break;
  }
  return depths;
}

inline std::uint32_t instructions_in(std::string_view log) {
  constexpr std::string_view kLine = "processed ";
  std::uint32_t count = 0;
  if (const std::size_t at = log.find(kLine); at != std::string_view::npos)
    std::from_chars(log.data() + at + kLine.size(), log.data() + log.size(), count);
  return count;
}

// Where an instruction enters another function: called, or handed to bpf_loop.
inline bool enters(const bpf_insn& instruction) {
  const bool call = instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == BPF_PSEUDO_CALL;
  const bool address = instruction.code == (BPF_LD | BPF_IMM | BPF_DW) && instruction.src_reg == BPF_PSEUDO_FUNC;
  return call || address;
}

// The functions of one program, by their order in the code: stack of each, and whom it enters.
class Functions {
 public:
  Functions(std::span<const bpf_insn> code, const std::vector<std::uint32_t>& depths) {
    std::set<std::size_t> begins{0};
    for (std::size_t i = 0; i < code.size(); ++i)
      if (enters(code[i])) begins.insert(target(code, i));
    const std::vector<std::size_t> sorted(begins.begin(), begins.end());
    const auto function_at = [&](std::size_t at) {
      return static_cast<std::size_t>(std::ranges::upper_bound(sorted, at) - sorted.begin()) - 1;
    };
    entered_.resize(sorted.size());
    for (std::size_t i = 0; i < code.size(); ++i)
      if (enters(code[i])) entered_[function_at(i)].insert(function_at(target(code, i)));
    depths_ = depths;
    depths_.resize(sorted.size());
  }

  [[nodiscard]] std::uint32_t stack(std::size_t function = 0) const {
    const std::uint32_t depth = std::max<std::uint32_t>(depths_[function], 1);
    std::uint32_t deepest = 0;
    for (const std::size_t next : entered_[function]) deepest = std::max(deepest, stack(next));
    return (depth + kFrameUnit - 1) / kFrameUnit * kFrameUnit + deepest;
  }
  [[nodiscard]] std::uint32_t frames(std::size_t function = 0) const {
    std::uint32_t most = 0;
    for (const std::size_t next : entered_[function]) most = std::max(most, frames(next));
    return 1 + most;
  }

 private:
  static std::size_t target(std::span<const bpf_insn> code, std::size_t at) {
    return static_cast<std::size_t>(static_cast<std::int64_t>(at) + code[at].imm + 1);
  }

  std::vector<std::set<std::size_t>> entered_;
  std::vector<std::uint32_t> depths_;
};

}  // namespace verifier_detail

// One report for each XDP program of the object. Throws when the object cannot be loaded.
inline std::vector<VerifierReport> verify_object(const std::string& file) {
  constexpr std::size_t kLogBytes = 1 << 20;
  std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object{bpf_object__open_file(file.c_str(), nullptr),
                                                                   bpf_object__close};
  if (!object) throw std::runtime_error("open " + file);
  std::map<std::string, std::vector<char>> logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    std::vector<char>& log = logs[bpf_program__name(program)];
    log.resize(kLogBytes);
    bpf_program__set_log_buf(program, log.data(), log.size());
    bpf_program__set_log_level(program, verifier_detail::kLogStatistics);
  }
  if (bpf_object__load(object.get()) != 0) throw std::runtime_error("load " + file);
  std::vector<VerifierReport> reports;
  bpf_object__for_each_program(program, object.get()) {
    if (bpf_program__type(program) != BPF_PROG_TYPE_XDP) continue;
    const std::string_view log{logs[bpf_program__name(program)].data()};
    const verifier_detail::Functions functions({bpf_program__insns(program), bpf_program__insn_cnt(program)},
                                               verifier_detail::depths_in(log));
    reports.push_back(
        {bpf_program__name(program), verifier_detail::instructions_in(log), functions.stack(), functions.frames()});
  }
  return reports;
}

}  // namespace twinpath::test
