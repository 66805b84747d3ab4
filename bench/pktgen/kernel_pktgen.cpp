#include "bench/pktgen/kernel_pktgen.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/fd.hpp"
#include "bench/pktgen/netns.hpp"

namespace twinpath::pktgen {
namespace {

constexpr std::uint32_t kCheckSequenceBytes = 4;

std::string mac_text(const MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

// The address `offset` behind the first of a range.
std::string address_text(const AddressRange& range, std::uint32_t offset) {
  const bool v4 = range.family == Family::v4;
  AddressBytes bytes = range.first;
  std::uint8_t* low = bytes.data() + (v4 ? 0 : 12);
  std::uint32_t value = 0;
  std::memcpy(&value, low, sizeof value);
  value = htonl(ntohl(value) + offset);
  std::memcpy(low, &value, sizeof value);
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

int cpu_of(const GeneratorOptions& options, std::uint32_t thread) {
  return options.cpus.size() > thread ? options.cpus[thread] : static_cast<int>(thread);
}

std::string queue_name(const GeneratorOptions& options, std::uint32_t thread) {
  return fmt::format("{}@{}", options.device, thread);
}

// pktgen's sizes are of the buffer, too.
std::string size_text(const Traffic& traffic) {
  const std::vector<std::uint32_t> sizes = frame_sizes(traffic);
  if (!traffic.imix) return fmt::format("pkt_size {}", sizes.front() - kCheckSequenceBytes);
  std::string text = "imix_weights";
  for (auto size = sizes.begin(); size != sizes.end(); size = std::upper_bound(size, sizes.end(), *size))
    text += fmt::format(" {},{}", *size - kCheckSequenceBytes, std::count(sizes.begin(), sizes.end(), *size));
  return text;
}

std::vector<std::string> address_words(const Traffic& traffic, const FlowSplit& split) {
  const std::uint32_t last = traffic.destination.count - 1;
  if (traffic.family == Family::v4)
    return {"src_min " + address_text(traffic.source, 0),
            "src_max " + address_text(traffic.source, split.addresses - 1),
            "dst_min " + address_text(traffic.destination, 0), "dst_max " + address_text(traffic.destination, last)};
  return {"src6 " + address_text(traffic.source, 0), "dst6 " + address_text(traffic.destination, 0)};
}

std::vector<std::string> device_words(const GeneratorOptions& options, std::uint32_t thread) {
  const Traffic& traffic = options.traffic;
  const std::uint32_t flows = std::max(traffic.flows / options.threads, 1U);
  const FlowSplit split = split_flows(flows, traffic.source_ports.count(), traffic.source.count);
  std::vector<std::string> words{fmt::format("count {}", options.packet_count / options.threads),
                                 "clone_skb 0",
                                 size_text(traffic),
                                 fmt::format("queue_map_min {}", thread),
                                 fmt::format("queue_map_max {}", thread),
                                 "src_mac " + mac_text(traffic.source_mac),
                                 "dst_mac " + mac_text(traffic.destination_mac),
                                 fmt::format("udp_src_min {}", traffic.source_ports.first),
                                 fmt::format("udp_src_max {}", traffic.source_ports.first + split.ports - 1),
                                 fmt::format("udp_dst_min {}", traffic.destination_ports.first),
                                 fmt::format("udp_dst_max {}", traffic.destination_ports.last),
                                 "flag UDPCSUM"};
  const std::vector<std::string> addresses = address_words(traffic, split);
  words.insert(words.end(), addresses.begin(), addresses.end());
  if (traffic.order == Order::random) words.insert(words.end(), {"flag UDPSRC_RND", "flag IPSRC_RND"});
  if (options.rate_pps > 0)
    words.push_back(fmt::format(
        "ratep {}", std::max(static_cast<std::uint64_t>(options.rate_pps) / options.threads, std::uint64_t{1})));
  return words;
}

// The number behind `key` in a device's file; 0 when it is not there.
std::uint64_t read_count(const std::string& path, const std::string& key) {
  std::ifstream file{path};
  for (std::string word; file >> word;) {
    std::uint64_t value = 0;
    if (word == key && file >> value) return value;
  }
  return 0;
}

}  // namespace

FlowSplit split_flows(std::uint32_t flows, std::uint32_t ports_max, std::uint32_t addresses_max) {
  if (flows <= ports_max) return {flows, 1};
  FlowSplit best{ports_max, 1};
  constexpr std::uint32_t kTries = 64;
  const std::uint32_t least = (flows + ports_max - 1) / ports_max;
  for (std::uint32_t addresses = least; addresses < least + kTries && addresses <= addresses_max; ++addresses) {
    const std::uint32_t ports = flows / addresses;
    if (std::gcd(ports, addresses) == 1 &&
        std::uint64_t{ports} * addresses > std::uint64_t{best.ports} * best.addresses)
      best = {ports, addresses};
  }
  return best;
}

Status kernel_can(const RunOptions& options) {
  const Traffic& traffic = options.generator.traffic;
  if (traffic.protocol != Protocol::udp) return refuse("Linux's pktgen sends UDP only");
  if (traffic.every_packet_new || traffic.new_flows_per_second > 0)
    return refuse("Linux's pktgen has no rate of new flows");
  if (traffic.family == Family::v6 && (traffic.flows > traffic.source_ports.count() || traffic.destination.count > 1))
    return refuse("Linux's pktgen varies only ports in IPv6");
  return {};
}

RunOptions for_kernel(RunOptions options) {
  options.generator.traffic.stamps = false;
  return options;
}

std::vector<PktgenWord> configuration(const GeneratorOptions& options) {
  std::vector<PktgenWord> words{{"pgctrl", "reset"}};
  for (std::uint32_t thread = 0; thread < options.threads; ++thread) {
    const std::string queue = queue_name(options, thread);
    words.push_back({fmt::format("kpktgend_{}", cpu_of(options, thread)), "add_device " + queue});
    for (const std::string& word : device_words(options, thread)) words.push_back({queue, word});
  }
  return words;
}

Status KernelPktgen::write(const PktgenWord& word) const {
  return in_netns(options_.netns, [&]() -> Status {
    const std::string path = folder_ + "/" + word.file;
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
    const std::string line = word.text + "\n";
    if (!file || ::write(file.get(), line.data(), line.size()) < 0)
      return fail(errno, "write '{}' to {}", word.text, path);
    return {};
  });
}

Status KernelPktgen::start() {
  for (const PktgenWord& word : configuration(options_))
    if (auto written = write(word); !written) return written;
  started_ = std::chrono::steady_clock::now();
  running_ = true;
  thread_ = std::thread{[this] {
    failure_ = write({"pgctrl", "start"});
    running_ = false;
  }};
  return {};
}

Status KernelPktgen::stop() {
  if (!thread_.joinable()) return {};
  Status stopped = write({"pgctrl", "stop"});
  thread_.join();
  return failure_ ? stopped : failure_;
}

KernelPktgen::~KernelPktgen() {
  static_cast<void>(stop());
  static_cast<void>(write({"pgctrl", "reset"}));
}

GeneratorResult KernelPktgen::result() const {
  GeneratorResult result;
  static_cast<void>(in_netns(options_.netns, [&]() -> Status {
    for (std::uint32_t thread = 0; thread < options_.threads; ++thread)
      result.sent += read_count(folder_ + "/" + queue_name(options_, thread), "pkts-sofar:");
    return {};
  }));
  result.bytes = result.sent * frame_sizes(options_.traffic).front();
  result.flows = options_.traffic.flows;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  return result;
}

}  // namespace twinpath::pktgen
