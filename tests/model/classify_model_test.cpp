// The classifier and the compiler against a twin that reads the operator's rules one after the other, bit by bit, and
// knows neither masks nor ranges in tables. Set TWINPATH_SEED to repeat a run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "harness/rule_env.hpp"

using namespace twinpath;

namespace {

using Random = std::mt19937_64;

constexpr std::size_t kRounds = 100;
constexpr int kPackets = 1000;  // of each rule set

std::uint64_t seed_of_run() {
  const char* given = std::getenv("TWINPATH_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
}

std::uint32_t below(Random& random, std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); }
bool chance(Random& random, std::uint32_t percent) { return below(random, 100) < percent; }

// --- the twin

bool bit(const dp_address& address, unsigned index) {
  return (dp_ntohl(address.word[index / 32]) >> (31 - index % 32) & 1) != 0;
}

bool prefix_contains(const Prefix& prefix, std::uint8_t family, const dp_address& address) {
  if (prefix.base.family != family) return false;
  for (unsigned i = 0; i < prefix.bits; ++i)
    if (bit(prefix.base.address, i) != bit(address, i)) return false;
  return true;
}

bool list_contains(const std::vector<Prefix>& list, std::uint8_t family, const dp_address& address) {
  return list.empty() ||
         std::ranges::any_of(list, [&](const Prefix& prefix) { return prefix_contains(prefix, family, address); });
}

bool list_contains(const std::vector<Range>& list, unsigned value) {
  return list.empty() ||
         std::ranges::any_of(list, [&](const Range& range) { return range.low <= value && value <= range.high; });
}

bool list_contains(const std::vector<std::string>& list, const std::string& name) {
  return list.empty() || std::ranges::find(list, name) != list.end();
}

bool protocol_matches(const RuleConfig& rule, const dp_packet& packet) {
  if (rule.protocol == DP_PROTOCOL_ANY) return true;
  if (rule.protocol != packet.protocol) return false;
  if (packet.protocol == 1) return packet.family == DP_FAMILY_V4 && list_contains(rule.icmp_types, packet.icmp_type);
  if (packet.protocol == 58) return packet.family == DP_FAMILY_V6 && list_contains(rule.icmp_types, packet.icmp_type);
  return list_contains(rule.source_ports, dp_ntohs(packet.source_port)) &&
         list_contains(rule.destination_ports, dp_ntohs(packet.destination_port));
}

struct Verdict {
  std::string rule;  // empty: the default
  dp_action action;
  dp_place place;
  bool log;
};

dp_action default_of(const Config& config, const std::string& zone) {
  return std::ranges::find(config.zones, zone, &ZoneConfig::name)->default_action;
}

Verdict twin(const Config& config, const std::string& from, const std::string& to, const dp_packet& packet) {
  for (const RuleConfig& rule : config.rules) {
    if (!list_contains(rule.from, from) || !list_contains(rule.to, to)) continue;
    if (!protocol_matches(rule, packet)) continue;
    if (!list_contains(rule.source, packet.family, packet.source)) continue;
    if (!list_contains(rule.destination, packet.family, packet.destination)) continue;
    return {rule.name, rule.action, to == "host" ? DP_PLACE_AUTO : rule.place, rule.log};
  }
  return {"", default_of(config, to == "host" ? "host" : from), DP_PLACE_AUTO, false};
}

// --- random documents, as text. Few distinct values, so that rules overlap and packets hit.

const std::vector<std::string> kZones = {"a", "b", "c", "d"};

dp_address random_address(Random& random, std::uint8_t family) {
  dp_address address{};
  address.word[0] = dp_htonl(0x0a000000 | below(random, 4) << 20 | below(random, 4) << 6 | below(random, 4));
  if (family == DP_FAMILY_V6) {
    for (int i = 1; i < 4; ++i) address.word[i] = dp_htonl(below(random, 3) << 30 | below(random, 3));
  }
  return address;
}

std::string random_prefix(Random& random, std::uint8_t family) {
  const unsigned whole = family == DP_FAMILY_V4 ? 32 : 128;
  const unsigned bits = chance(random, 50) ? below(random, 12) : below(random, whole + 1);
  Prefix prefix{{family, random_address(random, family)}, static_cast<std::uint8_t>(bits)};
  const dp_address mask = prefix.mask();
  for (int i = 0; i < 4; ++i) prefix.base.address.word[i] &= mask.word[i];
  return prefix.text();
}

template <class Make>
nlohmann::json random_list(Random& random, Make make) {
  nlohmann::json list = nlohmann::json::array();
  for (std::uint32_t i = chance(random, 20) ? 2 : 1; i > 0; --i) list.push_back(make());
  return list;
}

std::string random_range(Random& random, std::uint32_t low, std::uint32_t high) {
  const std::uint32_t a = low + below(random, high - low + 1);
  const std::uint32_t b = low + below(random, high - low + 1);
  return std::to_string(std::min(a, b)) + "-" + std::to_string(std::max(a, b));
}

nlohmann::json random_zones(Random& random, bool host) {
  if (chance(random, 12)) return "any";
  if (host && chance(random, 20)) return "host";
  return kZones[below(random, static_cast<std::uint32_t>(kZones.size()))];
}

nlohmann::json random_rule(Random& random, std::size_t index) {
  static constexpr const char* kProtocolWords[] = {"tcp", "udp", "icmp", "icmpv6", "any"};
  const std::string protocol = kProtocolWords[below(random, 5)];
  const std::uint8_t family = protocol == "icmp" ? 4 : protocol == "icmpv6" ? 6 : chance(random, 50) ? 4 : 6;
  const auto prefixes = [&] { return random_list(random, [&] { return random_prefix(random, family); }); };
  nlohmann::json rule = {{"name", "r" + std::to_string(index)}, {"protocol", protocol}};
  rule["from"] = random_zones(random, false);
  rule["to"] = random_zones(random, true);
  if (chance(random, 60)) rule["source"] = prefixes();
  if (chance(random, 60)) rule["destination"] = prefixes();
  if (protocol == "any" && chance(random, 50)) rule["protocol"] = below(random, 2) == 0 ? 47 : 6;
  const auto ports = [&] { return random_list(random, [&] { return random_range(random, 1, 40); }); };
  if ((protocol == "tcp" || protocol == "udp") && chance(random, 40)) rule["source_port"] = ports();
  if ((protocol == "tcp" || protocol == "udp") && chance(random, 60)) rule["destination_port"] = ports();
  if (family == (protocol == "icmp" ? 4 : 6) && protocol.starts_with("icmp") && chance(random, 60))
    rule["icmp_type"] = random_list(random, [&] { return random_range(random, 0, 20); });
  rule["action"] = chance(random, 40) ? "allow" : chance(random, 50) ? "drop" : "reject";
  if (rule["to"] != "host") rule["place"] = chance(random, 30) ? "user" : "auto";
  rule["log"] = chance(random, 30);
  return rule;
}

std::string random_document(Random& random, std::size_t rules) {
  nlohmann::json document = {{"ports", nlohmann::json::array()}, {"rules", nlohmann::json::array()}};
  for (const std::string& zone : kZones) {
    document["ports"].push_back({{"device", zone + "0"}, {"zone", zone}});
    document["zones"][zone]["default"] = chance(random, 50) ? "drop" : "reject";
  }
  document["zones"]["host"]["default"] = chance(random, 50) ? "drop" : "allow";
  for (std::size_t i = 0; i < rules; ++i) document["rules"].push_back(random_rule(random, i));
  return document.dump();
}

dp_packet random_packet(Random& random) {
  static constexpr std::uint8_t kNumbers[] = {6, 17, 1, 58, 47, 255};
  dp_packet packet{};
  packet.family = chance(random, 50) ? DP_FAMILY_V4 : DP_FAMILY_V6;
  packet.protocol = kNumbers[below(random, 6)];
  packet.source = random_address(random, packet.family);
  packet.destination = random_address(random, packet.family);
  packet.source_port = dp_htons(static_cast<std::uint16_t>(below(random, 45)));
  packet.destination_port = dp_htons(static_cast<std::uint16_t>(below(random, 45)));
  packet.icmp_type = static_cast<std::uint8_t>(below(random, 24));
  return packet;
}

// An address on either side of the prefix's edge: its bits, then random ones; now and then the last bit inside flipped.
dp_address near_prefix(Random& random, const Prefix& prefix) {
  dp_address address = random_address(random, prefix.base.family);
  const dp_address mask = prefix.mask();
  for (int i = 0; i < 4; ++i) address.word[i] = prefix.base.address.word[i] | (address.word[i] & ~mask.word[i]);
  const unsigned last = prefix.bits - 1u;
  if (prefix.bits > 0 && chance(random, 15)) address.word[last / 32] ^= dp_htonl(1u << (31 - last % 32));
  return address;
}

// The ends of a range, and one beyond each.
unsigned near_range(Random& random, const Range& range) {
  const unsigned edges[] = {range.low, range.high, range.low - 1u, range.high + 1u};
  return edges[below(random, chance(random, 80) ? 2 : 4)] & 0xffff;
}

// A packet at the edges of one rule: what random packets seldom reach.
dp_packet aimed_packet(Random& random, const RuleConfig& rule) {
  dp_packet packet = random_packet(random);
  if (rule.protocol != DP_PROTOCOL_ANY) packet.protocol = static_cast<std::uint8_t>(rule.protocol);
  const auto& hint = rule.source.empty() ? rule.destination : rule.source;
  const bool six = hint.empty() ? rule.protocol == 58 || (rule.protocol != 1 && chance(random, 50))
                                : hint.front().base.family == DP_FAMILY_V6;
  packet.family = six ? DP_FAMILY_V6 : DP_FAMILY_V4;
  packet.source = random_address(random, packet.family);
  packet.destination = random_address(random, packet.family);
  if (!rule.source.empty()) packet.source = near_prefix(random, rule.source.back());
  if (!rule.destination.empty()) packet.destination = near_prefix(random, rule.destination.back());
  const auto port = [&](const Range& range) { return dp_htons(static_cast<std::uint16_t>(near_range(random, range))); };
  if (!rule.source_ports.empty()) packet.source_port = port(rule.source_ports.back());
  if (!rule.destination_ports.empty()) packet.destination_port = port(rule.destination_ports.back());
  if (!rule.icmp_types.empty())
    packet.icmp_type = static_cast<std::uint8_t>(near_range(random, rule.icmp_types.back()));
  return packet;
}

const std::string& one_of(Random& random, const std::vector<std::string>& names, const std::string& otherwise) {
  return names.empty() ? otherwise : names[below(random, static_cast<std::uint32_t>(names.size()))];
}

void compare(Random& random, const Config& config, const TableImage& image, std::size_t& by_rule) {
  std::string from = kZones[below(random, static_cast<std::uint32_t>(kZones.size()))];
  std::string to = config.zones[below(random, static_cast<std::uint32_t>(config.zones.size()))].name;
  dp_packet packet = random_packet(random);
  if (!config.rules.empty() && chance(random, 50)) {
    const RuleConfig& target = config.rules[below(random, static_cast<std::uint32_t>(config.rules.size()))];
    packet = aimed_packet(random, target);
    from = one_of(random, target.from, from);
    to = one_of(random, target.to, to);
  }
  packet.zone = image.zone(from);
  const Verdict want = twin(config, from, to, packet);
  const dp_match got = classify(image, packet, image.zone(to));
  by_rule += want.rule.empty() ? 0 : 1;
  INFO(from, " to ", to, ", protocol ", int{packet.protocol}, ", twin: rule \"", want.rule, "\"");
  REQUIRE(image.rule_names[got.rule] == want.rule);
  REQUIRE(got.action == want.action);
  REQUIRE(got.place == want.place);
  REQUIRE(got.flags == (want.log ? DP_RULE_LOG : 0));
}

}  // namespace

TEST_CASE("compiled rules decide as the operator's rules read, for random rule sets and packets") {
  const std::uint64_t seed = seed_of_run();
  MESSAGE("TWINPATH_SEED=", seed);
  INFO("TWINPATH_SEED=", seed);
  Random random(seed);
  std::size_t by_rule = 0;
  std::size_t packets = 0;
  std::size_t compiled = 0;
  NumberAllocation allocation;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const std::size_t rules = round % 10 == 0 ? 300 : below(random, 60);
    const auto config = parse_config(random_document(random, rules));
    REQUIRE_MESSAGE(config.has_value(), config.error().front().line());
    const auto again = parse_config(to_json(*config).dump());
    REQUIRE(again.has_value());
    REQUIRE(to_json(*again) == to_json(*config));
    const auto image = compile(*config, allocation);
    if (!image) continue;  // beyond DP_RULES_MAX
    ++compiled;
    allocation = image->numbers;
    for (int i = 0; i < kPackets; ++i, ++packets) compare(random, *config, *image, by_rule);
  }
  MESSAGE(compiled, " rule sets, ", packets, " packets, ", by_rule, " decided by a rule");
  CHECK(compiled * 10 >= kRounds * 9);  // else the comparison says little
  CHECK(by_rule * 10 > packets * 3);
}
