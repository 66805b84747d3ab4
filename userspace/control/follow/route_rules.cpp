#include "control/follow/route_rules.hpp"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace twinpath {
namespace {

using netlink::Mirror;
using netlink::RouteRule;
using netlink::RuleAction;

bool selects_nothing_special(const RouteRule& rule) {
  return rule.action == RuleAction::table && !rule.invert && !rule.l3mdev && rule.source.bits == 0 &&
         rule.destination.bits == 0 && rule.iif.empty() && rule.oif.empty() && rule.mark == 0 && rule.mark_mask == 0 &&
         rule.tos == 0 && rule.tunnel_id == 0 && rule.protocol == 0 && rule.suppressed_bits < 0 &&
         rule.source_ports.last == 0 && rule.destination_ports.last == 0;
}

// One of the rules that Linux makes with a namespace.
bool is_default(const RouteRule& rule) {
  if (!selects_nothing_special(rule)) return false;
  return (rule.priority == 0 && rule.table == RT_TABLE_LOCAL) ||
         (rule.priority == 32766 && rule.table == RT_TABLE_MAIN) ||
         (rule.priority == 32767 && rule.table == RT_TABLE_DEFAULT);
}

// What a packet from a port never has. `invert` turns each into what it always has.
bool asks_for_what_no_packet_has(const RouteRule& rule) {
  return (rule.mark & rule.mark_mask) != 0 || rule.tunnel_id != 0 || !rule.oif.empty() || rule.first_uid != 0;
}

std::string text_of(const RouteRule& rule) {
  std::string text = fmt::format("{} rule {}:", rule.family == DP_FAMILY_V4 ? "IPv4" : "IPv6", rule.priority);
  if (rule.invert) text += " not";
  text += " from " + (rule.source.bits == 0 ? "all" : rule.source.text());
  if (rule.destination.bits != 0) text += " to " + rule.destination.text();
  if (!rule.iif.empty()) text += " iif " + rule.iif;
  if (rule.tos != 0) text += fmt::format(" tos {:#x}", rule.tos);
  if (rule.mark != 0) text += fmt::format(" fwmark {:#x}", rule.mark);
  if (rule.action == RuleAction::table) text += fmt::format(" lookup {}", rule.table);
  return text;
}

dp_address network(const Prefix& prefix) { return prefix.base.address; }

class Drafter {
 public:
  Drafter(std::uint8_t family, const Mirror& mirror, const RouteContext& context)
      : family_(family), mirror_(mirror), context_(context) {}

  RouteRuleDrafts take() {
    for (const RouteRule& rule : mirror_.rules())
      if (rule.family == family_) add(rule);
    resolve_jumps();
    if (out_.rules.size() > DP_ROUTE_RULES_MAX) {
      out_.problems.push_back(fmt::format("{} rules of policy routing, of which the first {} are followed",
                                          out_.rules.size(), static_cast<int>(DP_ROUTE_RULES_MAX)));
      out_.rules.resize(DP_ROUTE_RULES_MAX);
    }
    return std::move(out_);
  }

 private:
  void add(const RouteRule& rule) {
    first_of_.try_emplace(rule.priority, static_cast<std::uint16_t>(out_.rules.size()));
    out_.default_rules &= is_default(rule);
    if (rule.tos != 0) return refuse(rule, "type of service");
    if (rule.suppresses_group) return refuse(rule, "suppress_ifgroup");
    if (rule.action == RuleAction::other) return refuse(rule, "action");
    if (rule.mark_mask != 0)
      out_.problems.push_back(text_of(rule) + ": packets of the gateway have no mark, so it " +
                              (rule.invert ? "always" : "never") + " applies to them");
    if (rule.action == RuleAction::nop) return;
    const RouteRuleDraft draft = draft_of(rule);
    if (asks_for_what_no_packet_has(rule)) {
      if (rule.invert) push(rule, everybody(draft));
      return;
    }
    if (rule.l3mdev) return add_vrfs(rule, draft);
    if (rule.iif.empty()) return push(rule, draft);
    add_ports(rule, draft);
  }

  void refuse(const RouteRule& rule, const char* what) {
    out_.problems.push_back(fmt::format("{}: {} is not followed, the rule is left out", text_of(rule), what));
  }

  static RouteRuleDraft draft_of(const RouteRule& rule) {
    RouteRuleDraft draft;
    draft.rule.invert = rule.invert ? 1 : 0;
    draft.rule.protocol = rule.protocol;
    draft.rule.source = network(rule.source);
    draft.rule.source_mask = mask_of(rule.source.bits);
    draft.rule.destination = network(rule.destination);
    draft.rule.destination_mask = mask_of(rule.destination.bits);
    draft.rule.source_port_low = rule.source_ports.first;
    draft.rule.source_port_high = rule.source_ports.last;
    draft.rule.destination_port_low = rule.destination_ports.first;
    draft.rule.destination_port_high = rule.destination_ports.last;
    draft.rule.bits_at_least = static_cast<__u8>(std::clamp(rule.suppressed_bits + 1, 0, 255));
    draft.rule.action = static_cast<__u8>(action_of(rule.action));
    draft.table = rule.table;
    return draft;
  }

  static dp_route_action action_of(RuleAction action) {
    switch (action) {
      case RuleAction::table: return DP_ROUTE_ASK_TREE;
      case RuleAction::jump: return DP_ROUTE_ASK_JUMP;
      case RuleAction::blackhole: return DP_ROUTE_ASK_BLACKHOLE;
      case RuleAction::prohibit: return DP_ROUTE_ASK_PROHIBIT;
      default: return DP_ROUTE_ASK_UNREACHABLE;
    }
  }

  void push(const RouteRule& rule, const RouteRuleDraft& draft) {
    if (rule.action == RuleAction::jump) jumps_.emplace_back(out_.rules.size(), rule.jump_to);
    out_.rules.push_back(draft);
  }

  // "iif NAME": a port of that device, or the ports of that VRF. Packets of other devices are not ours.
  void add_ports(const RouteRule& rule, const RouteRuleDraft& draft) {
    const netlink::Link* device = mirror_.find_link(rule.iif);
    std::vector<std::uint16_t> ports;
    if (device != nullptr && device->kind == "vrf") {
      for (const auto& [ifindex, link] : mirror_.links())
        if (link.master_ifindex == device->ifindex) ports.push_back(context_.port_of(ifindex));
    } else if (device != nullptr) {
      ports.push_back(context_.port_of(device->ifindex));
    }
    std::erase(ports, 0);
    if (rule.invert && ports.size() > 1) return refuse(rule, "\"not\" of a VRF with several ports");
    if (rule.invert && ports.empty()) return push(rule, everybody(draft));
    for (const std::uint16_t port : ports) {
      RouteRuleDraft with = draft;
      with.rule.port = port;
      push(rule, with);
    }
  }

  // The draft without its selectors.
  static RouteRuleDraft everybody(const RouteRuleDraft& draft) {
    RouteRuleDraft out{{}, draft.table};
    out.rule.action = draft.rule.action;
    out.rule.bits_at_least = draft.rule.bits_at_least;
    return out;
  }

  // "l3mdev": for each port in a VRF, the table of that VRF.
  void add_vrfs(const RouteRule& rule, const RouteRuleDraft& draft) {
    if (rule.invert) return refuse(rule, "\"not\" with l3mdev");
    for (const auto& [ifindex, link] : mirror_.links()) {
      const auto master = mirror_.links().find(link.master_ifindex);
      const std::uint16_t port = context_.port_of(ifindex);
      if (port == 0 || master == mirror_.links().end() || master->second.kind != "vrf") continue;
      RouteRuleDraft with = draft;
      with.rule.port = port;
      with.table = master->second.vrf_table;
      push(rule, with);
    }
  }

  // Linux goes on with the first rule of the priority that is named; without one the rule does nothing.
  void resolve_jumps() {
    for (auto jump = jumps_.rbegin(); jump != jumps_.rend(); ++jump) {
      const auto target = first_of_.find(jump->second);
      const auto end = static_cast<std::uint16_t>(jump->first + 1);
      out_.rules[jump->first].rule.target = target == first_of_.end() ? end : target->second;
    }
  }

  std::uint8_t family_;
  const Mirror& mirror_;
  const RouteContext& context_;
  RouteRuleDrafts out_;
  std::map<std::uint32_t, std::uint16_t> first_of_;           // priority: rank of the first rule that has it
  std::vector<std::pair<std::size_t, std::uint32_t>> jumps_;  // rank, priority of the target
};

}  // namespace

RouteRuleDrafts draft_rules(std::uint8_t family, const Mirror& mirror, const RouteContext& context) {
  return Drafter(family, mirror, context).take();
}

}  // namespace twinpath
