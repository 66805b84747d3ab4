#include "bench/pktgen/options.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>
#include <vector>

namespace twinpath::pktgen {
namespace {

// Reads an option's value into its place.
using Read = std::function<Status(std::string_view)>;

struct Option {
  std::string_view name;
  std::string_view value;  // as the help names it; empty: the option takes none
  std::string_view help;   // ends with what holds without the option
  Read read;
};

// What must wait until the family is known.
struct Pending {
  bool family_given = false;
  std::string source;
  std::string destination;
};

template <class T>
Status read_number(std::string_view text, T least, T most, T& value) {
  T read{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  if (error != std::errc{} || end != text.data() + text.size() || !(read >= least && read <= most))
    return refuse("'{}' is no number from {} to {}", text, least, most);
  value = read;
  return {};
}

template <class T>
Read number(T& value, T least, T most) {
  return [&value, least, most](std::string_view text) { return read_number(text, least, most, value); };
}

template <class T>
Read choice(T& value, std::vector<std::pair<std::string_view, T>> choices) {
  return [&value, choices = std::move(choices)](std::string_view text) -> Status {
    std::string allowed;
    for (const auto& [word, meaning] : choices) {
      if (word == text) {
        value = meaning;
        return {};
      }
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", word);
    }
    return refuse("'{}' is none of {}", text, allowed);
  };
}

Read on_off(bool& value) { return choice<bool>(value, {{"on", true}, {"off", false}}); }

Read text_into(std::string& value) {
  return [&value](std::string_view text) -> Status {
    value = text;
    return {};
  };
}

Read flag(bool& value) {
  return [&value](std::string_view) -> Status {
    value = true;
    return {};
  };
}

template <class T>
Read parsed(T& value, Result<T> (*parse)(std::string_view)) {
  return [&value, parse](std::string_view text) -> Status {
    auto read = parse(text);
    if (!read) return pass_on(std::move(read.error()));
    value = *read;
    return {};
  };
}

Read cpu_list(std::vector<int>& cpus) {
  return [&cpus](std::string_view text) -> Status {
    cpus.clear();
    while (!text.empty()) {
      const auto comma = text.find(',');
      cpus.emplace_back();
      if (auto good = read_number(text.substr(0, comma), 0, 4095, cpus.back()); !good) return good;
      text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return {};
  };
}

// Either `word`, which sets `special`, or what `otherwise` reads.
Read word_or(std::string_view word, bool& special, Read otherwise) {
  return [word, &special, otherwise = std::move(otherwise)](std::string_view text) -> Status {
    special = text == word;
    return special ? Status{} : otherwise(text);
  };
}

Read family_of(Traffic& traffic, Pending& pending) {
  return [&, read = choice<Family>(traffic.family, {{"4", Family::v4}, {"6", Family::v6}})](std::string_view text) {
    pending.family_given = true;
    return read(text);
  };
}

constexpr std::uint32_t kFlowsMax = 4'194'304;
constexpr std::uint32_t kEveryMax = 1U << 20;
constexpr double kRateMax = 1e9;
constexpr double kDay = 86400;

void add_places(std::vector<Option>& options, CommandLine& line) {
  RunOptions& run = line.run;
  Traffic& traffic = run.generator.traffic;
  options.insert(options.end(),
                 {{"--device", "DEV", "device to send by", text_into(run.generator.device)},
                  {"--netns", "NAME", "its network namespace; ours", text_into(run.generator.netns)},
                  {"--sink-device", "DEV", "where packets arrive; none: only sending", text_into(run.sink_device)},
                  {"--sink-netns", "NAME", "its network namespace; ours", text_into(run.sink_netns)},
                  {"--destination-mac", "MAC", "the sink device's", parsed(traffic.destination_mac, parse_mac)},
                  {"--source-mac", "MAC", "the device's own", parsed(traffic.source_mac, parse_mac)}});
}

void add_packets(std::vector<Option>& options, CommandLine& line, Pending& pending) {
  Traffic& traffic = line.run.generator.traffic;
  options.insert(options.end(),
                 {{"--family", "4|6", "that of the addresses; 4", family_of(traffic, pending)},
                  {"--protocol", "tcp|udp", "udp",
                   choice<Protocol>(traffic.protocol, {{"tcp", Protocol::tcp}, {"udp", Protocol::udp}})},
                  {"--tcp-flags", "auto|syn|ack", "SYN for a flow's first packet, then ACK: auto",
                   choice<TcpFlags>(traffic.tcp_flags,
                                    {{"auto", TcpFlags::automatic}, {"syn", TcpFlags::syn}, {"ack", TcpFlags::ack}})},
                  {"--source", "RANGE", "PREFIX/LENGTH, FIRST-LAST or one; 198.18.0.0/16, 2001:db8:1::/96",
                   text_into(pending.source)},
                  {"--destination", "RANGE", "the same; 198.19.0.1, 2001:db8:2::1", text_into(pending.destination)},
                  {"--source-port", "RANGE", "1024-65535", parsed(traffic.source_ports, parse_ports)},
                  {"--destination-port", "RANGE", "9", parsed(traffic.destination_ports, parse_ports)},
                  {"--size", "BYTES|imix", "of a frame with its check sequence, 64 to 1518; 64",
                   word_or("imix", traffic.imix, number(traffic.frame_bytes, 64U, 1518U))},
                  {"--stamps", "on|off", "payload with flow, sequence and time; on", on_off(traffic.stamps)},
                  {"--clock-every", "N", "packets from one time stamp to the next, a power of two; 16",
                   number(traffic.clock_every, 1U, kEveryMax)}});
}

void add_flows(std::vector<Option>& options, CommandLine& line) {
  Traffic& traffic = line.run.generator.traffic;
  options.insert(options.end(),
                 {{"--flows", "N", "five-tuples at work, to 4194304; 1", number(traffic.flows, 1U, kFlowsMax)},
                  {"--order", "sequence|random", "of the flows; sequence",
                   choice<Order>(traffic.order, {{"sequence", Order::sequence}, {"random", Order::random}})},
                  {"--new-flows", "PPS|all", "flows replaced each second; all: every packet begins one; 0",
                   word_or("all", traffic.every_packet_new, number(traffic.new_flows_per_second, 0.0, 1e8))}});
}

void add_pace(std::vector<Option>& options, CommandLine& line) {
  RunOptions& run = line.run;
  GeneratorOptions& generator = run.generator;
  options.insert(options.end(),
                 {{"--rate", "PPS", "0: as fast as possible; 0", number(generator.rate_pps, 0.0, kRateMax)},
                  {"--burst", "N", "packets at once when a rate is kept; what half a millisecond needs",
                   number(generator.burst, 0U, 65536U)},
                  {"--batch", "N", "packets the kernel makes at a time, to 256; 64", number(generator.batch, 1U, 256U)},
                  {"--count", "N", "stop after so many packets; 0: never",
                   number(generator.packet_count, std::uint64_t{0}, ~std::uint64_t{0})},
                  {"--duration", "S", "seconds; 10", number(run.seconds, 0.0, kDay)},
                  {"--warmup", "S", "seconds before what is measured; 0", number(run.warmup_seconds, 0.0, kDay)},
                  {"--threads", "N", "each on a CPU of its own; 1", number(generator.threads, 1U, 1024U)},
                  {"--cpus", "N,N,...", "which ones; the lowest", cpu_list(generator.cpus)},
                  {"--driver", "auto|kernel|live", "Linux's pktgen where it is there, else live frames: auto",
                   choice<Driver>(line.driver,
                                  {{"auto", Driver::automatic}, {"kernel", Driver::kernel}, {"live", Driver::live}})}});
}

void add_checks(std::vector<Option>& options, CommandLine& line) {
  RunOptions& run = line.run;
  options.insert(options.end(),
                 {{"--replies", "on|off", "the sink sends every packet back; off", on_off(run.replies)},
                  {"--check-order", "on|off", "on", on_off(run.check_order)},
                  {"--watched-flows", "N", "flows whose order is checked, the first ones; 65536",
                   number(run.watched_flows, 1U, kFlowsMax)},
                  {"--checksum-every", "N", "packets from one verified to the next, a power of two; 0: none; 64",
                   number(run.checksum_every, 0U, kEveryMax)},
                  {"--latency", "on|off", "on", on_off(run.measure_latency)},
                  {"--json", "", "print JSON", flag(line.json)},
                  {"--help", "", "print this", flag(line.help)}});
}

// In the order of the help. They write into `line` and `pending`.
std::vector<Option> make_options(CommandLine& line, Pending& pending) {
  std::vector<Option> options;
  add_places(options, line);
  add_packets(options, line, pending);
  add_flows(options, line);
  add_pace(options, line);
  add_checks(options, line);
  return options;
}

Status read_words(std::span<const std::string_view> words, const std::vector<Option>& options) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view name = words[i] == "-h" ? "--help" : words[i];
    const auto option = std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
    if (option == options.end()) return refuse("unknown option '{}'", name);
    if (!option->value.empty() && i + 1 == words.size()) return refuse("{} needs {}", name, option->value);
    const std::string_view text = option->value.empty() ? std::string_view{} : words[++i];
    if (auto read = option->read(text); !read) return pass_on(std::move(read.error()).in(name));
  }
  return {};
}

// The addresses of one side: those of its option, or the default of the family. Without --family the option decides it.
Status choose_range(std::string_view option, const std::string& text, const Pending& pending, Family& family,
                    AddressRange& range, AddressRange (*otherwise)(Family)) {
  if (text.empty()) {
    range = otherwise(family);
    return {};
  }
  auto read = parse_addresses(text);
  if (!read) return pass_on(std::move(read.error()).in(option));
  if (!pending.family_given) family = read->family;
  range = *read;
  return {};
}

Status choose_addresses(const Pending& pending, Traffic& traffic) {
  const auto source = [&] {
    return choose_range("--source", pending.source, pending, traffic.family, traffic.source, default_source);
  };
  const auto destination = [&] {
    return choose_range("--destination", pending.destination, pending, traffic.family, traffic.destination,
                        default_destination);
  };
  // The one that is given comes first, because the other's default depends on its family.
  if (pending.source.empty()) return destination().and_then(source);
  return source().and_then(destination);
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string_view> words) {
  CommandLine line;
  Pending pending;
  if (auto read = read_words(words, make_options(line, pending)); !read) return pass_on(std::move(read.error()));
  if (line.help) return line;
  Traffic& traffic = line.run.generator.traffic;
  if (auto chosen = choose_addresses(pending, traffic); !chosen) return pass_on(std::move(chosen.error()));
  if (line.run.generator.device.empty()) return refuse("--device is needed");
  if (line.run.replies && line.run.sink_device.empty()) return refuse("--replies needs a --sink-device");
  if (auto good = check(traffic); !good) return pass_on(std::move(good.error()));
  return line;
}

std::string help_text() {
  CommandLine line;
  Pending pending;
  std::string text =
      "pktgen - send packets by one device, count and check them at another\n\n"
      "pktgen --device DEV [OPTION...]\n\n";
  for (const Option& option : make_options(line, pending))
    text += fmt::format("  {:<30} {}\n", fmt::format("{} {}", option.name, option.value), option.help);
  return text;
}

}  // namespace twinpath::pktgen
