// snapshot.hpp - what a gateway reports about itself, as values taken at one moment.
//
// Writer   control fills the structs from live state (control/answers/snapshots.hpp).
// Reader   json.hpp and prometheus.hpp render them. Neither reads live state, so both show the same numbers.
// Units    dp_counter: packets, and bytes of whole frames.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/counters.h"
#include "common/model/rule.h"
#include "common/model/verdict.h"
#include "flows/expiry.hpp"

namespace twinpath {

struct SocketSnapshot {
  std::uint16_t queue = 0;
  bool zero_copy = false;
  std::string attach;          // how the port's program is attached
  std::string fallback;        // why a better mode was refused; empty: it was not
  std::uint64_t received = 0;  // frames
  std::uint64_t sent = 0;
  std::uint64_t sent_in_bursts = 0;  // of `sent`
};

struct PortTraffic {
  dp_port_counters kernel{};
  dp_counter engine_received{};
  dp_counter engine_transmitted{};
};

enum class PeerSnapshot { none, reached, not_reached };  // the other end of a veth

struct PortSnapshot {
  std::string name;
  std::string device;
  std::string zone;
  std::string attach;
  bool link_up = false;
  std::uint32_t mtu = 0;
  bool workload = false;
  bool takes_redirects = false;
  std::vector<std::string> macs;  // further ones
  PeerSnapshot peer = PeerSnapshot::none;
  std::vector<std::string> problems;
  std::vector<SocketSnapshot> sockets;
  std::optional<PortTraffic> traffic;  // absent in a status: reading it costs a system call
};

struct ZoneSnapshot {
  std::string name;
  dp_action default_action = DP_ACTION_DROP;
  std::vector<std::string> ports;
};

struct RuleSnapshot {
  std::string name;
  std::vector<std::string> from;  // zones; empty: any
  std::vector<std::string> to;
  dp_action action = DP_ACTION_DROP;
  dp_place place = DP_PLACE_AUTO;
  dp_rule_counters counted{};  // by both datapaths, live flows included
  dp_log_counters log{};       // packets that were not logged
};

// What both datapaths counted under one reason.
struct ReasonSnapshot {
  dp_reason reason = DP_NONE;
  dp_counter kernel{};
  dp_counter engine{};
};

struct FlowTableSnapshot {
  ExpiryCounts pairs;
  std::uint32_t max_pairs = 0;
  bool full = false;  // crowded: expired pairs make room for new ones
};

// The routing tables that the datapaths read.
struct RoutesSnapshot {
  std::uint64_t prefixes = 0;
  std::uint64_t memory_bytes = 0;      // of the trees
  std::uint64_t memory_bytes_max = 0;  // that there are for them
};

// Frames of the AF_XDP memory in one place of the ledger.
struct PlaceSnapshot {
  std::string_view place;
  std::uint64_t frames = 0;
};

struct LedgerSnapshot {
  std::vector<PlaceSnapshot> places;
  std::uint64_t total = 0;  // frames that there are; the sum of the places, or there is a defect
};

struct EngineSnapshot {
  std::uint64_t received = 0;  // packets
  std::uint64_t transmitted = 0;
  std::uint64_t made = 0;     // ICMP errors, TCP resets, fragments
  std::uint64_t held = 0;     // packets that had to wait, since the start
  std::uint64_t holding = 0;  // packets that wait now
  std::uint64_t dropped = 0;
};

// How a configuration that is not confirmed will be undone.
enum class UndoSnapshot { rollback, down };

struct ConfirmSnapshot {
  bool waiting = false;
  std::uint32_t seconds_left = 0;
  UndoSnapshot undo = UndoSnapshot::rollback;
};

struct StatusSnapshot {
  std::string name;
  std::string version;
  std::uint64_t uptime_s = 0;
  std::uint32_t generation = 0;
  std::uint32_t epoch = 0;
  std::string kernel;  // release
  std::string netns;
  bool adopted = false;
  std::vector<std::string> problems;  // of the gateway as a whole, a line each
  RoutesSnapshot routes;
  std::uint64_t neighbours_refused = 0;  // by Linux, or for want of room, since the start
  std::vector<PortSnapshot> ports;
  LedgerSnapshot ledger;
  FlowTableSnapshot flows4;
  FlowTableSnapshot flows6;
  EngineSnapshot engine;
  ConfirmSnapshot confirm;
};

struct MetricsSnapshot {
  std::vector<ReasonSnapshot> reasons;  // all but DP_NONE
  std::vector<PortSnapshot> ports;      // with traffic
  std::vector<RuleSnapshot> rules;
  FlowTableSnapshot flows4;
  FlowTableSnapshot flows6;
  LedgerSnapshot ledger;
};

}  // namespace twinpath
