// config.hpp - the configuration document, checked and typed. docs/configuration.md explains it to operators.
//
// Made by   parse_config() of document.hpp, which refuses a bad document with every fault at once.
// Units     as the key says: _s seconds, _pps packets per second, frame_bytes bytes.
// Owner     plain values; nothing here knows Linux, BPF or sockets.
// Absent    a key that is missing has the value written here.
// Not yet   nat, services, pools, mss, overlays, hook tc, api.tls: known keys that this version refuses, so that nobody
//           believes they are in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/mac.hpp"
#include "base/prefix.hpp"
#include "common/model/limits.h"
#include "common/model/port.h"
#include "common/model/rule.h"

namespace twinpath {

// Bounds of the document that are no shapes of maps.
inline constexpr std::size_t kZonesMax = DP_ZONES_MAX - 2;  // besides host; number 0 means none
inline constexpr std::size_t kPortsMax = DP_PORTS_MAX - 1;
inline constexpr std::uint32_t kConfirmMax_s = 86400;
inline constexpr std::size_t kRulesMax = DP_RULE_IDS_MAX - 1;
inline constexpr std::uint32_t kPairsMin = 1024;
inline constexpr std::uint32_t kPairsMax = 16777216;
inline constexpr std::uint32_t kTimeoutMax = 604800;  // a week: at 1000 ticks a second below half of 32 bits
inline constexpr std::uint32_t kFrameBytesMax = 4096;
inline constexpr std::uint32_t kWorkersMax = 1;  // the engine runs in the driver's thread
inline constexpr std::string_view kHostZone = "host";

enum class Hook { automatic, xdp };
enum class Attach { native, generic, automatic };
enum class Sockets { zerocopy, copy, automatic };
enum class Offloads { fix, keep };
enum class Pickup { strict, loose, grace };
enum class RouterAdvertisements { ignore, accept };
enum class OnExit { keep, detach };

struct PortConfig {
  std::string name;  // absent: the device's
  std::string device;
  std::string zone;
  Hook hook = Hook::automatic;
  Attach attach = Attach::native;
  Sockets sockets = Sockets::automatic;
  bool workload = false;
  Offloads offloads = Offloads::fix;
  dp_source_check source_check = DP_SOURCE_CHECK_STRICT;
  RouterAdvertisements ra = RouterAdvertisements::ignore;
  std::vector<MacAddress> macs;  // further ones, besides the device's and those of macvlans on it; no group addresses
  // Of unicast frames that go to Linux, besides IP and ARP, which are decided; at most DP_PORT_ETHERTYPES_MAX.
  std::vector<std::uint16_t> pass_ethertypes{0x8863, 0x8864, 0x888e, 0x88f7};
  std::uint32_t queues = 0;  // 0: all that the device has, at most DP_QUEUES_MAX
};

// What of the frames that arrive by the port is taken, apart from zone and rules.
[[nodiscard]] inline bool same_border(const PortConfig& a, const PortConfig& b) {
  return a.source_check == b.source_check && a.ra == b.ra && a.macs == b.macs && a.pass_ethertypes == b.pass_ethertypes;
}

struct ZoneConfig {
  std::string name;
  dp_action default_action = DP_ACTION_DROP;  // the host zone: allow
};

// Both ends belong to it.
struct Range {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
};

// An empty list matches everything.
struct RuleConfig {
  std::string name;               // absent: "rule-" and its place, from 1
  std::vector<std::string> from;  // zones; empty means any zone that has ports
  std::vector<std::string> to;    // zones; empty means any zone, the host too
  std::uint16_t protocol = DP_PROTOCOL_ANY;
  std::vector<Prefix> source;
  std::vector<Prefix> destination;
  std::vector<Range> source_ports;
  std::vector<Range> destination_ports;
  std::vector<Range> icmp_types;
  dp_action action = DP_ACTION_DROP;
  dp_place place = DP_PLACE_AUTO;
  bool log = false;
};

struct TimeoutsConfig {
  std::uint32_t tcp_syn_s = 240;  // RFC 5382, 4787, 5508
  std::uint32_t tcp_established_s = 7440;
  std::uint32_t tcp_closing_s = 240;
  std::uint32_t tcp_reset_s = 10;
  std::uint32_t udp_s = 120;
  std::uint32_t udp_stream_s = 300;
  std::uint32_t icmp_s = 60;
  std::uint32_t other_s = 600;
};

struct FlowsConfig {
  std::uint32_t max_pairs_v4 = 262144;  // the table rounds up
  std::uint32_t max_pairs_v6 = 65536;
  double half_open_share = 0.25;
  Pickup pickup = Pickup::grace;
  std::uint32_t pickup_grace_s = 60;
  TimeoutsConfig timeouts;
};

struct BudgetConfig {  // packets per second
  std::uint32_t fragment = 20000;
  std::uint32_t ttl = 1000;
  std::uint32_t icmp_error = 10000;
  std::uint32_t host = 100000;
  std::uint32_t neighbour = 20000;
  std::uint32_t held = 100000;
};

struct EngineConfig {
  std::uint32_t workers = 1;
  std::uint32_t frames = 65536;
  std::uint32_t frame_bytes = 2048;
  bool busy_poll = false;
  bool bursts = true;
  std::uint32_t hold_per_neighbour = 64;
  BudgetConfig budget_pps;
};

struct ApiConfig {
  std::string unix_path;         // absent: socket_path() of base/paths.hpp
  std::optional<Endpoint> http;  // a loopback address; absent: off
  std::string token_file;        // empty: none
};

struct SafetyConfig {
  std::uint32_t confirm_s = 0;  // undone unless confirmed within so long; 0: stays at once
  OnExit on_exit = OnExit::keep;
};

struct Config {
  std::string name = "default";
  std::vector<PortConfig> ports;
  std::vector<ZoneConfig> zones;  // sorted by name; all that exist, host among them
  std::vector<RuleConfig> rules;  // in the operator's order
  FlowsConfig flows;
  EngineConfig engine;
  std::uint32_t check_one_in = 0;  // 0: never
  ApiConfig api;
  SafetyConfig safety;
  std::string source;  // the text this was read from, comments included
};

}  // namespace twinpath
