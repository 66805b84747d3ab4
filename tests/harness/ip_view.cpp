#include "harness/ip_view.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace twinpath::test {
namespace {

using netlink::Mirror;
using netlink::Path;
using netlink::Route;
using nlohmann::json;

std::string path_line(std::string via, std::string device, std::uint32_t weight, Lines flags) {
  std::erase_if(flags, [](const std::string& f) { return f != "dead" && f != "linkdown" && f != "onlink"; });
  std::sort(flags.begin(), flags.end());
  return fmt::format("[via {} dev {} weight {} {}]", via, device, weight, fmt::join(flags, ","));
}

std::string route_line(std::string table, std::string prefix, std::string kind, std::uint32_t metric, Lines paths,
                       std::string source) {
  std::sort(paths.begin(), paths.end());
  return fmt::format("{} {} {} metric {} src {} {}", table, prefix, kind, metric, source, fmt::join(paths, ""));
}

// Sorted by table and prefix only: lines of one prefix stay in their order.
void sort_by_prefix(Lines& lines) {
  auto prefix = [](const std::string& line) { return line.substr(0, line.find(' ', line.find(' ') + 1)); };
  std::stable_sort(lines.begin(), lines.end(),
                   [&](const std::string& a, const std::string& b) { return prefix(a) < prefix(b); });
}

std::string upper(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

std::string mac_text(const netlink::Mac& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

std::string device_name(const Mirror& mirror, std::uint32_t ifindex) {
  auto found = mirror.links().find(ifindex);
  return found == mirror.links().end() ? "" : found->second.name;
}

std::string path_line(const Mirror& mirror, const Path& path) {
  Lines flags;
  if (path.dead) flags.push_back("dead");
  if (path.linkdown) flags.push_back("linkdown");
  if (path.onlink) flags.push_back("onlink");
  return path_line(netlink::to_string(path.gateway), device_name(mirror, path.ifindex), path.weight, flags);
}

std::string table_name(std::uint32_t table) {
  if (table == 253) return "default";
  if (table == 254) return "main";
  return table == 255 ? "local" : std::to_string(table);
}

std::string rule_line(std::uint32_t priority, bool invert, const std::string& source, const std::string& destination,
                      const std::string& iif, const std::string& action, int suppressed_bits) {
  return fmt::format("{}{} from {} to {} iif {} {} suppress {}", priority, invert ? " not" : "", source, destination,
                     iif, action, suppressed_bits);
}

std::string action_text(const netlink::RouteRule& rule) {
  using netlink::RuleAction;
  switch (rule.action) {
    case RuleAction::table: return rule.l3mdev ? "l3mdev" : "lookup " + table_name(rule.table);
    case RuleAction::jump: return fmt::format("goto {}", rule.jump_to);
    case RuleAction::nop: return "nop";
    case RuleAction::blackhole: return "blackhole";
    case RuleAction::unreachable: return "unreachable";
    case RuleAction::prohibit: return "prohibit";
    default: return "other";
  }
}

Lines rule_lines(const Mirror& mirror) {
  Lines lines;
  for (const netlink::RouteRule& rule : mirror.rules()) {
    auto text = [](const netlink::Prefix& prefix) { return prefix.bits == 0 ? "all" : prefix.text(); };
    lines.push_back(rule_line(rule.priority, rule.invert, text(rule.source), text(rule.destination), rule.iif,
                              action_text(rule), rule.suppressed_bits));
  }
  return lines;
}

Lines route_lines(const Mirror& mirror) {
  Lines lines;
  mirror.for_each_route([&](const Route& route) {
    Lines paths;
    for (const Path& path : route.paths) paths.push_back(path_line(mirror, path));
    std::string prefix = fmt::format("{}/{}", netlink::to_string(route.prefix.base), route.prefix.bits);
    if (route.from.bits != 0) prefix += ",from," + route.from.text();
    lines.push_back(route_line(table_name(route.table), prefix, std::string{name_of(route.kind)}, route.metric, paths,
                               netlink::to_string(route.source)));
  });
  sort_by_prefix(lines);
  return lines;
}

json ask(const TestNamespace& space, const std::string& question) {
  std::string answer = space.run("ip -j -d " + question);
  return answer.empty() ? json::array() : json::parse(answer);
}

std::string gateway_of(const json& hop) {
  if (hop.contains("via")) return hop["via"]["host"];
  return hop.value("gateway", "");
}

std::string full_prefix(std::string text, bool v6) {
  if (text == "default") return v6 ? "::/0" : "0.0.0.0/0";
  if (text.find('/') == std::string::npos) text += v6 ? "/128" : "/32";
  return text;
}

// Of a rule of the network: "10.0.0.0" with a length, "all" without.
std::string rule_prefix(const json& rule, const std::string& name) {
  if (!rule.contains(name) || rule[name] == "all") return "all";
  return rule.contains(name + "len")
             ? fmt::format("{}/{}", rule[name].get<std::string>(), rule[name + "len"].get<int>())
             : rule[name].get<std::string>();
}

void add_rules(const TestNamespace& space, bool v6, Lines& lines) {
  for (const json& rule : ask(space, v6 ? "-6 rule show" : "-4 rule show")) {
    std::string action = rule.value("action", "");
    if (rule.contains("table")) action = "lookup " + rule["table"].get<std::string>();
    if (rule.contains("l3mdev")) action = "l3mdev";
    if (rule.contains("goto")) action = fmt::format("goto {}", rule["goto"].get<int>());
    if (rule.contains("nop")) action = "nop";
    lines.push_back(rule_line(rule["priority"].get<std::uint32_t>(), rule.contains("not"), rule_prefix(rule, "src"),
                              rule_prefix(rule, "dst"), rule.value("iif", ""), action,
                              rule.value("suppress_prefixlen", -1)));
  }
}

void add_routes(const TestNamespace& space, bool v6, Lines& lines) {
  for (const json& route : ask(space, fmt::format("{} route show table all", v6 ? "-6" : "-4"))) {
    std::string kind = route.value("type", "unicast");
    Lines paths;
    auto add = [&](const json& hop) {
      paths.push_back(
          path_line(gateway_of(hop), hop.value("dev", ""), hop.value("weight", 1u), hop.value("flags", Lines{})));
    };
    bool nowhere = kind == "blackhole" || kind == "unreachable" || kind == "prohibit" || kind == "throw";
    if (route.contains("nexthops")) {
      for (const json& hop : route["nexthops"]) add(hop);
    } else if (!nowhere) {
      add(route);
    }
    std::string prefix = full_prefix(route["dst"], v6);
    if (route.contains("from")) prefix += ",from," + route["from"].get<std::string>();
    lines.push_back(route_line(route.value("table", "main"), prefix, kind, route.value("metric", 0u), paths,
                               route.value("prefsrc", "")));
  }
}

std::string sorted_out(const char* what, const Lines& a, const Lines& b) {
  Lines only_a, only_b, x = a, y = b;
  std::sort(x.begin(), x.end());
  std::sort(y.begin(), y.end());
  std::set_difference(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(only_a));
  std::set_difference(y.begin(), y.end(), x.begin(), x.end(), std::back_inserter(only_b));
  if (a == b) return {};
  if (only_a.empty() && only_b.empty()) {
    const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    return fmt::format("{}: order differs, first here\n mirror {}\n linux {}\n", what, *in_a, *in_b);
  }
  return fmt::format("{}: only mirror\n  {}\nonly linux\n  {}\n", what, fmt::join(only_a, "\n  "),
                     fmt::join(only_b, "\n  "));
}

}  // namespace

View view_of(const Mirror& mirror) {
  View view;
  for (const auto& [ifindex, link] : mirror.links())
    view.links.push_back(
        fmt::format("{} {} {} mtu {} {}{} {} parent {} master {}", ifindex, link.name, mac_text(link.mac), link.mtu,
                    link.admin_up ? "up" : "down", link.carrier ? "+carrier" : "", link.kind,
                    device_name(mirror, link.parent_ifindex), device_name(mirror, link.master_ifindex)));
  for (const auto& [key, address] : mirror.addresses())
    view.addresses.push_back(fmt::format("{} {}/{}", device_name(mirror, key.ifindex),
                                         netlink::to_string(address.address), address.prefix_bits));
  for (const auto& [key, neighbour] : mirror.neighbours()) {
    if (neighbour.state == netlink::NeighbourState::none || neighbour.state == netlink::NeighbourState::noarp) continue;
    view.neighbours.push_back(
        fmt::format("{} {} {} {}", device_name(mirror, key.ifindex), netlink::to_string(key.address),
                    neighbour.has_mac ? mac_text(neighbour.mac) : "", upper(name_of(neighbour.state))));
  }
  view.routes = route_lines(mirror);
  view.rules = rule_lines(mirror);
  std::sort(view.links.begin(), view.links.end());
  std::sort(view.addresses.begin(), view.addresses.end());
  std::sort(view.neighbours.begin(), view.neighbours.end());
  return view;
}

View view_of(const TestNamespace& space) {
  View view;
  for (const json& link : ask(space, "addr show")) {
    auto flags = link["flags"].get<Lines>();
    auto has = [&](const char* flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    json info = link.value("linkinfo", json::object());
    std::string kind = info.value("info_kind", "");
    view.links.push_back(fmt::format("{} {} {} mtu {} {}{} {} parent {} master {}", link["ifindex"].get<int>(),
                                     link["ifname"].get<std::string>(), link.value("address", "00:00:00:00:00:00"),
                                     link["mtu"].get<int>(), has("UP") ? "up" : "down",
                                     has("LOWER_UP") ? "+carrier" : "", kind,
                                     kind == "macvlan" ? link.value("link", "") : "", link.value("master", "")));
    for (const json& address : link["addr_info"])
      if (address.contains("local"))
        view.addresses.push_back(fmt::format("{} {}/{}", link["ifname"].get<std::string>(),
                                             address["local"].get<std::string>(), address["prefixlen"].get<int>()));
  }
  for (const char* family : {"-4", "-6"})
    for (const json& neighbour : ask(space, fmt::format("{} neigh show nud all", family))) {
      auto state = neighbour.value("state", Lines{});
      if (state.empty() || state[0] == "NONE" || state[0] == "NOARP") continue;
      view.neighbours.push_back(fmt::format("{} {} {} {}", neighbour["dev"].get<std::string>(),
                                            neighbour["dst"].get<std::string>(), neighbour.value("lladdr", ""),
                                            state[0]));
    }
  for (bool v6 : {false, true}) add_routes(space, v6, view.routes);
  for (bool v6 : {false, true}) add_rules(space, v6, view.rules);
  sort_by_prefix(view.routes);
  std::sort(view.links.begin(), view.links.end());
  std::sort(view.addresses.begin(), view.addresses.end());
  std::sort(view.neighbours.begin(), view.neighbours.end());
  return view;
}

std::string difference(const View& mirror, const View& linux_view) {
  return sorted_out("links", mirror.links, linux_view.links) +
         sorted_out("addresses", mirror.addresses, linux_view.addresses) +
         sorted_out("routes", mirror.routes, linux_view.routes) + sorted_out("rules", mirror.rules, linux_view.rules) +
         sorted_out("neighbours", mirror.neighbours, linux_view.neighbours);
}

}  // namespace twinpath::test
