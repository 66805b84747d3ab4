// hot_path - what each path of the kernel datapath costs: instructions, size, nanoseconds per packet.
//
//   hot_path [--repetitions N] [--json]
//   hot_path --verify FILE...     only what the verifier says of these BPF objects (build/release/bpf/each_clang/gateway.*)
//
// How      test runs of the product's own programs over tables that bench/gateway_fixture.hpp fills. The cost of an empty
//          program is measured in the same run and taken off. One flow at a time, so its entry is in the cache: what
//          memory adds with many flows is measured with real traffic instead.
// Stages   with the prog array emptied, so that a tail call fails and a program is its stage alone. For each packet the
//          programs of its stages run one after the other over the same frame, each with what the former has left in the
//          scratch; each run is timed by the kernel by itself, and the empty program likewise. A run follows a system call,
//          so caches are colder than in a stream of packets: good for comparing stages and versions, and the sum is more
//          than the path. In it are two tail calls that fail where two can follow.
// Needs    root; makes a network namespace of its own.

#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "bench/gateway_fixture.hpp"
#include "tests/harness/packet.hpp"
#include "tests/harness/verifier_report.hpp"

namespace twinpath::bench {
namespace {

using test::Bytes;
using test::Eth;
using test::Ipv4;
using test::Ipv6;
using test::Mac;
using test::Payload;
using test::Tcp;
using test::Udp;

constexpr std::uint32_t kMaxPairs = 262144;
const Eth kEth{.dst = Mac{kMac}, .src = Mac{kMac}};

struct Row {
  std::string path;
  double nanoseconds = 0;  // above the empty program; median
  double least = 0;
  double most = 0;
};

struct StageRow {
  std::string path;
  std::string stage;
  double nanoseconds = 0;  // above the empty program; median
  double least = 0;
};

struct ProgramCost {
  std::string name;
  std::uint32_t verified = 0;    // instructions the verifier walked, on all paths
  std::uint32_t translated = 0;  // instructions the program has in the kernel
  std::uint32_t jited_bytes = 0;
};

Bytes udp4(std::uint16_t port) {
  return (kEth / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2", .ttl = kHopLimit} / Udp{.sport = port, .dport = 2000} /
          Payload(18))
      .bytes();
}

Bytes udp6(std::uint16_t port) {
  return (kEth / Ipv6{.src = "2001:db8:1::2", .dst = "2001:db8:2::2", .hop_limit = kHopLimit} /
          Udp{.sport = port, .dport = 2000} / Payload(18))
      .bytes();
}

Bytes tcp4(std::uint8_t flags, std::uint32_t seq, std::uint32_t ack) {
  return (kEth / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2", .ttl = kHopLimit} /
          Tcp{.sport = 40000, .dport = 80, .seq = seq, .ack = ack, .flags = flags} / Payload(6))
      .bytes();
}

Bytes tcp4_answer(std::uint8_t flags, std::uint32_t seq, std::uint32_t ack) {
  return (kEth / Ipv4{.src = "10.2.0.2", .dst = "10.1.0.2", .ttl = kHopLimit} /
          Tcp{.sport = 80, .dport = 40000, .seq = seq, .ack = ack, .flags = flags} / Payload(6))
      .bytes();
}

// The programs that a packet of the path walks through after `hit` (model/stage.h); `known` sends what it decides by itself.
std::string_view stages_of(std::string_view path) {
  if (path.starts_with("hit")) return "";
  if (path.starts_with("new flow")) return "known new install send";
  if (path.find("ICMP") != path.npos || path.find("station") != path.npos) return "odd known";
  return path.starts_with("drop") ? "known new send" : "known";
}

ProgramCost cost_of(const bpf_program* program) {
  bpf_prog_info info{};
  __u32 bytes = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &bytes) != 0) return {bpf_program__name(program)};
  return {bpf_program__name(program), info.verified_insns,
          info.xlated_prog_len / static_cast<std::uint32_t>(sizeof(bpf_insn)), info.jited_prog_len};
}

// An XDP program that does nothing: what a test run itself costs, for each of `repeat` packets.
Result<double> empty_run(int repetitions, int repeat) {
  const bpf_insn instructions[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  UniqueFd program{bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "GPL", instructions, 2, nullptr)};
  if (!program) return fail(errno, "load an empty program");
  const Bytes frame = udp4(1000);
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.repeat = repeat;
    if (bpf_prog_test_run_opts(program.get(), &options) != 0) return fail(errno, "test run");
    times.push_back(options.duration);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

class Bench {
 public:
  Bench(GatewayFixture& gateway, int repetitions, double empty)
      : gateway_(gateway), repetitions_(repetitions), empty_(empty) {}

  // The same frame again and again: a path that changes nothing.
  [[nodiscard]] Status steady(const std::string& path, const Bytes& frame, std::uint32_t expected) {
    return measure(path, expected, kRepeat, [&](int) { return frame; });
  }
  // A frame of its own for each run.
  [[nodiscard]] Status each_new(const std::string& path, std::uint32_t expected,
                                const std::function<Bytes(int)>& frame_of) {
    return measure(path, expected, 1, frame_of);
  }
  // One packet, not measured: to bring a flow into a state.
  [[nodiscard]] Status once(const Bytes& frame) {
    auto run = gateway_.run(gateway_.skeleton().progs.twinpath_hit, frame, 1);
    return run ? Status{} : pass_on(std::move(run.error()));
  }
  // Each stage of a path by itself. `programs`: in the order of the path; the last one gives the XDP action `expected`.
  [[nodiscard]] Status each_stage(const std::string& path, std::uint32_t expected,
                                  const std::vector<const bpf_program*>& programs,
                                  const std::function<Bytes(int)>& frame_of);
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] const std::vector<StageRow>& stages() const { return stages_; }

 private:
  [[nodiscard]] Status measure(const std::string& path, std::uint32_t expected, int repeat,
                               const std::function<Bytes(int)>& frame_of) {
    constexpr int kRunsPerSample = 400;
    std::vector<double> samples;
    int number = 0;
    for (int sample = 0; sample < repetitions_; ++sample) {
      double sum = 0;
      for (int run = 0; run < kRunsPerSample; ++run) {
        auto result = gateway_.run(gateway_.skeleton().progs.twinpath_hit, frame_of(number++), repeat);
        if (!result) return pass_on(std::move(result.error()).in(path));
        if (result->action != expected)
          return refuse("{}: XDP action {} instead of {}", path, result->action, expected);
        sum += result->nanoseconds;
      }
      samples.push_back(sum / kRunsPerSample - empty_);
    }
    std::sort(samples.begin(), samples.end());
    rows_.push_back({path, samples[samples.size() / 2], samples.front(), samples.back()});
    return {};
  }

  GatewayFixture& gateway_;
  int repetitions_;
  double empty_;
  std::vector<Row> rows_;
  std::vector<StageRow> stages_;
};

Status Bench::each_stage(const std::string& path, std::uint32_t expected,
                         const std::vector<const bpf_program*>& programs, const std::function<Bytes(int)>& frame_of) {
  constexpr int kPackets = 2000;
  auto empty = empty_run(kPackets, 1);
  if (!empty) return pass_on(std::move(empty.error()));
  if (auto done = gateway_.connect_stages(false); !done) return done;
  std::vector<std::vector<double>> samples(programs.size());
  for (int number = 0; number < kPackets; ++number) {
    const Bytes frame = frame_of(number);
    std::uint32_t action = 0;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      auto result = gateway_.run(programs[i], frame, 1);
      if (!result) return pass_on(std::move(result.error()).in(path));
      samples[i].push_back(result->nanoseconds - *empty);
      action = result->action;
    }
    if (action != expected) return refuse("{}: XDP action {} of the last stage instead of {}", path, action, expected);
  }
  for (std::size_t i = 0; i < programs.size(); ++i) {
    std::sort(samples[i].begin(), samples[i].end());
    stages_.push_back({path, bpf_program__name(programs[i]), samples[i][kPackets / 2], samples[i].front()});
  }
  return gateway_.connect_stages(true);
}

Status measure_hits(Bench& bench, GatewayFixture& gateway) {
  if (auto done = bench.steady("hit, IPv4 UDP", udp4(1000), XDP_REDIRECT); !done) return done;
  if (auto done = bench.once(udp4(1001)); !done) return done;
  auto translated = gateway.translate(1001);
  if (!translated) return pass_on(std::move(translated.error()));
  if (*translated != 1) return refuse("{} halves of the flow to be translated", *translated);
  if (auto done = bench.steady("hit, IPv4 UDP, translated", udp4(1001), XDP_REDIRECT); !done) return done;
  return bench.steady("hit, IPv6 UDP", udp6(1000), XDP_REDIRECT);
}

Status measure_tcp(Bench& bench, GatewayFixture& gateway) {
  constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kFin = 0x01;
  if (auto done = bench.once(tcp4(kSyn, 1, 0)); !done) return done;
  gateway.enter_by(2);
  if (auto done = bench.once(tcp4_answer(kSyn | kAck, 100, 2)); !done) return done;
  gateway.enter_by(1);
  if (auto done = bench.once(tcp4(kAck, 2, 101)); !done) return done;
  if (auto done = bench.steady("hit, IPv4 TCP", tcp4(kAck, 2, 101), XDP_REDIRECT); !done) return done;
  return bench.steady("slow path, TCP FIN of a live flow", tcp4(kAck | kFin, 2, 101), XDP_REDIRECT);
}

// An echo request and its repetitions: the plain hit does not read ICMP.
Status measure_odd(Bench& bench) {
  const Bytes echo = (kEth / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2", .ttl = kHopLimit} / test::Icmp{}).bytes();
  if (auto done = bench.once(echo); !done) return done;
  return bench.steady("slow path, ICMP echo of a live flow", echo, XDP_REDIRECT);
}

Status measure_decisions(Bench& bench) {
  const auto unreachable = [](int) {
    return (kEth / Ipv4{.src = "10.1.0.2", .dst = "10.9.0.2", .ttl = kHopLimit} / Udp{.sport = 1, .dport = 1}).bytes();
  };
  const auto denied = [](int) { return tcp4_answer(0x10, 1, 1); };
  const auto foreign = [](int) { return (Eth{.dst = Mac{{2, 2, 2, 2, 2, 2}}} / Ipv4{} / Udp{}).bytes(); };
  const auto fresh4 = [](int i) {
    auto ip = Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2", .ttl = kHopLimit};
    return (kEth / ip / Udp{.sport = static_cast<std::uint16_t>(1024 + i % 60000), .dport = 7} / Payload(18)).bytes();
  };
  const auto fresh6 = [](int i) {
    return (kEth / Ipv6{.src = "2001:db8:1::2", .dst = "2001:db8:2::2", .hop_limit = kHopLimit} /
            Udp{.sport = static_cast<std::uint16_t>(1024 + i % 60000), .dport = 7} / Payload(18))
        .bytes();
  };
  if (auto done = bench.each_new("new flow, pair installed, IPv4", XDP_REDIRECT, fresh4); !done) return done;
  if (auto done = bench.each_new("new flow, pair installed, IPv6", XDP_REDIRECT, fresh6); !done) return done;
  if (auto done = bench.each_new("drop, source check", XDP_DROP, denied); !done) return done;
  if (auto done = bench.each_new("drop, no engine for an unreachable", XDP_DROP, unreachable); !done) return done;
  return bench.each_new("drop, another station's frame", XDP_DROP, foreign);
}

Status measure_stages(Bench& bench, GatewayFixture& gateway) {
  const auto& programs = gateway.skeleton().progs;
  constexpr int kFirstPort = 1024;
  const auto fresh4 = [](int i) {
    return (kEth / Ipv4{.src = "10.1.0.3", .dst = "10.2.0.3", .ttl = kHopLimit} /
            Udp{.sport = static_cast<std::uint16_t>(kFirstPort + i), .dport = 7} / Payload(18))
        .bytes();
  };
  const auto fresh6 = [](int i) {
    return (kEth / Ipv6{.src = "2001:db8:1::3", .dst = "2001:db8:2::3", .hop_limit = kHopLimit} /
            Udp{.sport = static_cast<std::uint16_t>(kFirstPort + i), .dport = 7} / Payload(18))
        .bytes();
  };
  const auto live = [](int) { return udp4(1000); };
  const auto fin = [](int) { return tcp4(0x11, 2, 101); };
  const auto echo = [](int) {
    return (kEth / Ipv4{.src = "10.1.0.2", .dst = "10.2.0.2", .ttl = kHopLimit} / test::Icmp{}).bytes();
  };
  const std::vector<const bpf_program*> all{programs.twinpath_hit, programs.twinpath_known, programs.twinpath_new,
                                            programs.twinpath_install, programs.twinpath_send};
  if (auto done = bench.each_stage("hit, IPv4 UDP", XDP_REDIRECT, {programs.twinpath_hit}, live); !done) return done;
  if (auto done = bench.each_stage("TCP FIN of a live flow", XDP_REDIRECT,
                                   {programs.twinpath_hit, programs.twinpath_known}, fin);
      !done)
    return done;
  if (auto done = bench.each_stage("ICMP echo of a live flow", XDP_REDIRECT,
                                   {programs.twinpath_hit, programs.twinpath_odd, programs.twinpath_known}, echo);
      !done)
    return done;
  if (auto done = bench.each_stage("new flow, IPv4", XDP_REDIRECT, all, fresh4); !done) return done;
  return bench.each_stage("new flow, IPv6", XDP_REDIRECT, all, fresh6);
}

void print_stages(const std::vector<StageRow>& stages) {
  fmt::print("\nns of each stage by itself, above an empty program; one packet a run\n");
  fmt::print("{:<36} {:<18} {:>8} {:>8}\n", "PATH", "STAGE", "MEDIAN", "LEAST");
  for (const StageRow& row : stages)
    fmt::print("{:<36} {:<18} {:>8.0f} {:>8.0f}\n", row.path, row.stage, row.nanoseconds, row.least);
}

void print_table(const std::vector<ProgramCost>& programs, const std::vector<Row>& rows, double empty) {
  fmt::print("{:<16} {:>10} {:>12} {:>12}\n", "PROGRAM", "VERIFIED", "INSTRUCTIONS", "JITED BYTES");
  for (const ProgramCost& program : programs)
    fmt::print("{:<16} {:>10} {:>12} {:>12}\n", program.name, program.verified, program.translated,
               program.jited_bytes);
  fmt::print("\nns per packet above an empty program ({:.0f} ns); median of repetitions\n", empty);
  fmt::print("{:<36} {:<32} {:>8} {:>8} {:>8}\n", "PATH", "STAGES BEHIND HIT", "MEDIAN", "LEAST", "MOST");
  for (const Row& row : rows)
    fmt::print("{:<36} {:<32} {:>8.1f} {:>8.1f} {:>8.1f}\n", row.path, stages_of(row.path), row.nanoseconds, row.least,
               row.most);
}

// What the verifier says, and how near it comes to its limits.
int print_verified(const std::vector<std::string>& files) {
  fmt::print("{:<32} {:<18} {:>9} {:>6} {:>7}\n", "OBJECT", "PROGRAM", "VERIFIED", "STACK", "FRAMES");
  for (const std::string& file : files) {
    for (const test::VerifierReport& report : test::verify_object(file))
      fmt::print("{:<32} {:<18} {:>9} {:>6} {:>7}\n", file.substr(file.rfind('/') + 1), report.program,
                 report.instructions, report.stack_bytes, report.frames);
  }
  fmt::print("{:<32} {:<18} {:>9} {:>6} {:>7}\n", "", "limit", 1000000, 512, 8);
  return 0;
}

void print_json(const std::vector<ProgramCost>& programs, const Bench& bench, double empty) {
  nlohmann::json out = {{"empty_ns", empty},
                        {"programs", nlohmann::json::array()},
                        {"paths", nlohmann::json::array()},
                        {"stages", nlohmann::json::array()}};
  for (const ProgramCost& program : programs)
    out["programs"].push_back({{"name", program.name},
                               {"verified_instructions", program.verified},
                               {"instructions", program.translated},
                               {"jited_bytes", program.jited_bytes}});
  for (const Row& row : bench.rows())
    out["paths"].push_back(
        {{"path", row.path}, {"median_ns", row.nanoseconds}, {"least_ns", row.least}, {"most_ns", row.most}});
  for (const StageRow& row : bench.stages())
    out["stages"].push_back(
        {{"path", row.path}, {"stage", row.stage}, {"median_ns", row.nanoseconds}, {"least_ns", row.least}});
  fmt::print("{}\n", out.dump(2));
}

Status run(int repetitions, bool json) {
  if (::unshare(CLONE_NEWNET) != 0) return fail(errno, "make a network namespace (needs root)");
  auto gateway = GatewayFixture::create(kMaxPairs);
  if (!gateway) return pass_on(std::move(gateway.error()));
  auto empty = empty_run(repetitions, kRepeat * 40);
  if (!empty) return pass_on(std::move(empty.error()));
  Bench bench(**gateway, repetitions, *empty);
  if (auto done = measure_hits(bench, **gateway); !done) return done;
  if (auto done = measure_tcp(bench, **gateway); !done) return done;
  if (auto done = measure_odd(bench); !done) return done;
  if (auto done = measure_decisions(bench); !done) return done;
  if (auto done = measure_stages(bench, **gateway); !done) return done;
  const auto& programs = (*gateway)->skeleton().progs;
  const std::vector<ProgramCost> costs{cost_of(programs.twinpath_hit),     cost_of(programs.twinpath_odd),
                                       cost_of(programs.twinpath_known),   cost_of(programs.twinpath_new),
                                       cost_of(programs.twinpath_install), cost_of(programs.twinpath_send)};
  if (json) {
    print_json(costs, bench, *empty);
  } else {
    print_table(costs, bench.rows(), *empty);
    print_stages(bench.stages());
  }
  return {};
}

}  // namespace
}  // namespace twinpath::bench

int main(int argc, char** argv) {
  int repetitions = 9;
  bool json = false;
  std::vector<std::string> verify;
  CLI::App app{"hot_path - cost of each path of the kernel datapath, by test run"};
  app.add_option("--repetitions", repetitions, "samples of each path; the median is shown")->check(CLI::Range(1, 1000));
  app.add_flag("--json", json, "JSON instead of a table");
  app.add_option("--verify", verify, "only the verifier's word on these BPF objects")->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  try {
    if (!verify.empty()) return twinpath::bench::print_verified(verify);
  } catch (const std::exception& error) {
    fmt::print(stderr, "hot_path: {}\n", error.what());
    return 1;
  }
  const auto status = twinpath::bench::run(repetitions, json);
  if (status) return 0;
  fmt::print(stderr, "hot_path: {}\n", status.error().text);
  return 1;
}
