#include "config/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "config/expansion.hpp"
#include "config/number_fields.hpp"

namespace twinpath {
namespace {

// Numbers every name in `things`, and writes the names by number.
template <class Thing>
Status number(const std::vector<Thing>& things, Numbers& numbers, std::vector<std::string>& names) {
  std::vector<std::string_view> wanted;
  for (const Thing& thing : things)
    if (thing.name != kHostZone || !std::is_same_v<Thing, ZoneConfig>) wanted.push_back(thing.name);
  if (Status status = numbers.assign(wanted); !status) return status;
  for (std::string_view name : wanted) names[numbers.find(name)] = name;
  return {};
}

// The number of a name that is configured now; the numbers know names of before, too.
std::uint32_t number_in(const std::vector<std::string>& names, const Numbers& numbers, std::string_view name) {
  const std::uint32_t number = numbers.find(name);
  return number != 0 && names[number] == name ? number : 0;
}

bool names_zone(const std::vector<std::string>& zones, std::string_view zone) {
  return zones.empty() || std::ranges::find(zones, zone) != zones.end();
}

// dp_rule has no hidden padding, so equal bytes mean equal rules.
std::string bytes_of(const std::vector<dp_rule>& run) {
  return {reinterpret_cast<const char*>(run.data()), run.size() * sizeof(dp_rule)};
}

class Compiler {
 public:
  Compiler(const Config& config, TableImage& image) : config_(config), image_(image) {}

  tl::expected<void, Fault> run() {
    image_.zone_pairs.assign(DP_ZONES_MAX * DP_ZONES_MAX, dp_zone_pair{});
    for (const ZoneConfig& from : config_.zones) {
      for (const ZoneConfig& to : config_.zones)
        if (auto added = add_pair(from, to); !added) return added;
    }
    return {};
  }

 private:
  tl::expected<void, Fault> add_pair(const ZoneConfig& from, const ZoneConfig& to) {
    dp_zone_pair& pair = image_.zone_pairs[zone_pair_index(image_.zone(from.name), image_.zone(to.name))];
    if (from.name == kHostZone) {
      pair.default_action = DP_ACTION_ALLOW;
      return {};
    }
    pair.default_action = static_cast<std::uint8_t>(to.name == kHostZone ? to.default_action : from.default_action);
    auto run = run_of(from.name, to.name);
    if (!run) return tl::unexpected(std::move(run.error()));
    pair.count = static_cast<std::uint16_t>(run->size());
    auto first = place(*run, from.name, to.name);
    if (!first) return tl::unexpected(std::move(first.error()));
    pair.first = *first;
    return {};
  }

  tl::expected<std::vector<dp_rule>, Fault> run_of(std::string_view from, std::string_view to) {
    std::vector<dp_rule> run;
    for (const RuleConfig& rule : config_.rules) {
      if (!names_zone(rule.from, from) || !names_zone(rule.to, to)) continue;
      const std::size_t size = expansion_size(rule);
      if (size > DP_RULES_MAX - run.size()) return overflow(rule.name, from, to);
      expand(rule, image_.rule(rule.name), run);
    }
    if (to == kHostZone)
      for (dp_rule& rule : run) rule.place = DP_PLACE_AUTO;
    return run;
  }

  // Index of the run's first rule; an equal run that is there already serves again.
  tl::expected<std::uint16_t, Fault> place(const std::vector<dp_rule>& run, std::string_view from,
                                           std::string_view to) {
    if (run.empty()) return std::uint16_t{0};
    const std::size_t room = DP_RULES_MAX - image_.rules.size();
    const auto [known, fresh] = runs_.emplace(bytes_of(run), image_.rules.size());
    if (fresh && run.size() > room) return overflow(image_.rule_names[run[room].id], from, to);
    if (fresh) image_.rules.insert(image_.rules.end(), run.begin(), run.end());
    return static_cast<std::uint16_t>(known->second);
  }

  tl::unexpected<Fault> overflow(std::string_view name, std::string_view from, std::string_view to) const {
    const auto rule = std::ranges::find(config_.rules, name, &RuleConfig::name);
    return tl::unexpected(
        Fault{element_path("rules", static_cast<std::size_t>(rule - config_.rules.begin())),
              fmt::format("\"{}\" does not fit: it is {} compiled rules from {} to {}, and all rules of all zone pairs "
                          "together may be {}",
                          name, expansion_size(*rule), from, to, int{DP_RULES_MAX})});
  }

  const Config& config_;
  TableImage& image_;
  std::map<std::string, std::size_t> runs_;
};

Status number_all(const Config& config, TableImage& image) {
  NumberAllocation& allocation = image.numbers;
  if (Status status = number(config.zones, allocation.zones, image.zone_names); !status) return status;
  if (Status status = number(config.ports, allocation.ports, image.port_names); !status) return status;
  std::vector<std::string_view> devices;
  for (const PortConfig& port : config.ports) devices.push_back(port.device);
  if (Status status = allocation.devices.assign(devices); !status) return status;
  return number(config.rules, allocation.rules, image.rule_names);
}

}  // namespace

std::uint8_t TableImage::zone(std::string_view name) const {
  if (name == kHostZone) return DP_ZONE_HOST;
  return static_cast<std::uint8_t>(number_in(zone_names, numbers.zones, name));
}
std::uint16_t TableImage::port(std::string_view name) const {
  return static_cast<std::uint16_t>(number_in(port_names, numbers.ports, name));
}
std::uint16_t TableImage::device(std::string_view name) const {
  return static_cast<std::uint16_t>(numbers.devices.find(name));
}
std::uint32_t TableImage::rule(std::string_view name) const { return number_in(rule_names, numbers.rules, name); }

tl::expected<TableImage, Fault> compile(const Config& config, const NumberAllocation& previous) {
  TableImage image;
  image.numbers = previous;
  image.zone_names.resize(DP_ZONES_MAX);
  image.port_names.resize(DP_PORTS_MAX);
  image.rule_names.resize(DP_RULE_IDS_MAX);
  image.zone_names[DP_ZONE_HOST] = kHostZone;
  if (Status status = number_all(config, image); !status)
    return tl::unexpected(Fault{"", std::move(status.error().text)});
  for (const RuleConfig& rule : config.rules)
    if (previous.rules.find(rule.name) == 0) image.fresh_rules.push_back(image.rule(rule.name));
  if (auto compiled = Compiler(config, image).run(); !compiled) return tl::unexpected(std::move(compiled.error()));
  return image;
}

void write_image(const TableImage& image, std::span<dp_zone_pair> zone_pairs, std::span<dp_rule> rules) {
  std::ranges::fill(zone_pairs, dp_zone_pair{});
  std::ranges::copy(image.zone_pairs, zone_pairs.begin());
  std::ranges::copy(image.rules, rules.begin());
}

dp_timeouts ticks_of(const TimeoutsConfig& timeouts, std::uint32_t ticks_per_second) {
  dp_timeouts ticks{};
  for (const TimeoutField& field : kTimeoutFields) ticks.*field.ticks = timeouts.*field.seconds * ticks_per_second;
  return ticks;
}

}  // namespace twinpath
