#include <algorithm>
#include <map>

#include "base/number.hpp"
#include "base/protocol.hpp"
#include "config/choices.hpp"
#include "config/sections.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

constexpr std::string_view kZonesWanted = "a zone, a list of zones, or \"any\"";

// A member that may be one value or a list of them.
template <class Read>
void one_or_list(ObjectReader& reader, std::string_view key, Read read) {
  const json* value = reader.find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return read(*value, reader.path_of(key));
  reader.list(key, read);
}

class ZoneNames {
 public:
  explicit ZoneNames(const std::vector<ZoneConfig>& zones) {
    for (const ZoneConfig& zone : zones) names_.emplace_back(zone.name);
  }
  [[nodiscard]] bool contains(std::string_view name) const { return std::ranges::find(names_, name) != names_.end(); }
  [[nodiscard]] std::string like(std::string_view name) const { return nearest(name, names_); }

 private:
  std::vector<std::string_view> names_;
};

void read_zone(const json& value, const std::string& path, const ZoneNames& zones, std::vector<std::string>& target,
               FaultList& faults) {
  std::string name;
  if (!read_text(value, path, fmt::format("must be {}", kZonesWanted), name, faults)) return;
  if (name == "any") return faults.add(path, "\"any\": stands alone, not in a list");
  if (!zones.contains(name))
    return faults.add(path, fmt::format("{}: no such zone; nearest: {}", shown(value), zones.like(name)));
  if (std::ranges::find(target, name) != target.end())
    return faults.add(path, fmt::format("{}: is named twice", shown(value)));
  target.push_back(name);
}

void read_zone_list(ObjectReader& reader, std::string_view key, const ZoneNames& zones,
                    std::vector<std::string>& target) {
  const json* value = reader.need(key, kZonesWanted);
  if (value == nullptr || *value == "any") return;
  if (value->is_array() && value->empty()) return reader.fault(key, *value, "must name at least one zone");
  one_or_list(reader, key, [&](const json& element, const std::string& path) {
    if (key == "from" && element == kHostZone)
      return reader.faults().add(path, "\"host\": the host's own traffic always passes; name zones of ports");
    read_zone(element, path, zones, target, reader.faults());
  });
}

void read_protocol(ObjectReader& reader, RuleConfig& rule) {
  const json* value = reader.find("protocol");
  if (value == nullptr) return;
  if (value->is_number_unsigned() && *value <= 255u) {
    rule.protocol = value->get<std::uint16_t>();
    return;
  }
  if (*value == "any") {
    rule.protocol = DP_PROTOCOL_ANY;
    return;
  }
  const auto named = value->is_string() ? value_of(kProtocols, value->get_ref<const std::string&>()) : std::nullopt;
  if (named)
    rule.protocol = *named;
  else
    reader.fault("protocol", *value,
                 fmt::format("must be one of {}, any, or a whole number 0..255", words_of(kProtocols)));
}

void read_prefixes(ObjectReader& reader, std::string_view key, std::vector<Prefix>& target) {
  one_or_list(reader, key, [&](const json& value, const std::string& path) {
    std::string text;
    if (!read_text(value, path, "must be an address or prefix, or a list of them", text, reader.faults())) return;
    if (const auto prefix = parse_prefix(text))
      target.push_back(*prefix);
    else
      reader.faults().add(path, fmt::format("{}: {}", shown(value), prefix.error()));
  });
}

struct Bounds {
  std::uint16_t low;
  std::uint16_t high;
};

bool parse_number(std::string_view text, Bounds bounds, std::uint16_t& target) {
  const auto number = parse_whole(text, bounds.low, bounds.high);
  target = number.value_or(0);
  return number.has_value();
}

// 80, "80" or "8000-8080".
bool parse_range(const json& value, Bounds bounds, Range& range) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    range.low = range.high = static_cast<std::uint16_t>(number);
    return number >= bounds.low && number <= bounds.high;
  }
  if (!value.is_string()) return false;
  const std::string_view text = value.get_ref<const std::string&>();
  const std::size_t dash = text.find('-');
  if (!parse_number(text.substr(0, dash), bounds, range.low)) return false;
  if (dash == std::string_view::npos)
    range.high = range.low;
  else if (!parse_number(text.substr(dash + 1), bounds, range.high))
    return false;
  return range.low <= range.high;
}

void read_ranges(ObjectReader& reader, std::string_view key, Bounds bounds, std::vector<Range>& target) {
  one_or_list(reader, key, [&](const json& value, const std::string& path) {
    Range range;
    if (parse_range(value, bounds, range)) return target.push_back(range);
    reader.faults().add(path, fmt::format("{}: must be {} or a range \"LOW-HIGH\" of them", shown(value),
                                          whole_number_text(bounds.low, bounds.high)));
  });
}

void check_protocol_fields(ObjectReader& reader, const RuleConfig& rule) {
  const bool has_ports = rule.protocol == DP_PROTOCOL_TCP || rule.protocol == DP_PROTOCOL_UDP;
  const bool has_types = rule.protocol == DP_PROTOCOL_ICMP || rule.protocol == DP_PROTOCOL_ICMPV6;
  if (!rule.source_ports.empty() && !has_ports) reader.fault("source_port", "needs protocol tcp or udp");
  if (!rule.destination_ports.empty() && !has_ports) reader.fault("destination_port", "needs protocol tcp or udp");
  if (!rule.icmp_types.empty() && !has_types) reader.fault("icmp_type", "needs protocol icmp or icmpv6");
}

enum { kFamilyV4 = 1, kFamilyV6 = 2, kFamilyBoth = 3 };

int families(const std::vector<Prefix>& prefixes) {
  int set = prefixes.empty() ? kFamilyBoth : 0;
  for (const Prefix& prefix : prefixes) set |= prefix.base.family == DP_FAMILY_V4 ? kFamilyV4 : kFamilyV6;
  return set;
}

int families(std::uint16_t protocol) {
  return protocol == DP_PROTOCOL_ICMP ? kFamilyV4 : protocol == DP_PROTOCOL_ICMPV6 ? kFamilyV6 : kFamilyBoth;
}

std::string_view family_words(int set) {
  return set == kFamilyV4 ? "IPv4" : set == kFamilyV6 ? "IPv6" : "IPv4 and IPv6";
}

void check_families(ObjectReader& reader, const RuleConfig& rule) {
  const int protocol = families(rule.protocol);
  const int source = families(rule.source);
  const int destination = families(rule.destination);
  if ((protocol & source & destination) != 0) return;
  reader.faults().add(reader.path(),
                      fmt::format("can never match: protocol is for {}, source for {}, destination for {}",
                                  family_words(protocol), family_words(source), family_words(destination)));
}

void read_action(ObjectReader& reader, RuleConfig& rule) {
  if (reader.need("action", "allow, drop or reject") != nullptr) reader.choice("action", rule.action, kActions);
  reader.choice("place", rule.place, kPlaces);
  const bool host_only = rule.to.size() == 1 && rule.to.front() == kHostZone;
  if (host_only && rule.place == DP_PLACE_USER)
    reader.fault("place", "\"user\": packets to the host never visit the engine");
  reader.boolean("log", rule.log);
}

RuleConfig read_rule(const json& value, const std::string& path, std::size_t index, const ZoneNames& zones,
                     FaultList& faults) {
  ObjectReader reader(value, path, faults);
  RuleConfig rule;
  rule.name = fmt::format("rule-{}", index + 1);
  reader.name("name", rule.name);
  read_zone_list(reader, "from", zones, rule.from);
  read_zone_list(reader, "to", zones, rule.to);
  read_protocol(reader, rule);
  read_prefixes(reader, "source", rule.source);
  read_prefixes(reader, "destination", rule.destination);
  read_ranges(reader, "source_port", {1, 65535}, rule.source_ports);
  read_ranges(reader, "destination_port", {1, 65535}, rule.destination_ports);
  read_ranges(reader, "icmp_type", {0, 255}, rule.icmp_types);
  check_protocol_fields(reader, rule);
  check_families(reader, rule);
  read_action(reader, rule);
  reader.finish();
  return rule;
}

// A rule's own name must also differ from the default names of others ("rule-3").
void refuse_twin_rules(const std::vector<RuleConfig>& rules, FaultList& faults) {
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto [seen, fresh] = first.emplace(rules[i].name, i);
    if (fresh) continue;
    faults.add(member_path(element_path("rules", i), "name"),
               fmt::format("{}: also the name of rules[{}]", shown(rules[i].name), seen->second));
  }
}

}  // namespace

void read_rules(ObjectReader& root, Config& config) {
  const ZoneNames zones(config.zones);
  std::size_t index = 0;
  root.list("rules", [&](const json& element, const std::string& path) {
    config.rules.push_back(read_rule(element, path, index++, zones, root.faults()));
  });
  if (config.rules.size() > kRulesMax)
    root.fault("rules", fmt::format("{} rules: at most {} are allowed", config.rules.size(), kRulesMax));
  refuse_twin_rules(config.rules, root.faults());
}

}  // namespace twinpath
