#include <doctest/doctest.h>

#include <string>

#include "config/document.hpp"
#include "harness/rule_env.hpp"

using namespace twinpath;

namespace {

TableImage image_of(const std::string& rules, const std::string& zones = "{}") {
  const auto config =
      parse_config(R"({"ports": [{"device": "lan0", "zone": "inside"}, {"device": "wan0", "zone": "outside"}],
                                      "zones": )" +
                   zones + R"(, "rules": [)" + rules + "]}");
  REQUIRE_MESSAGE(config.has_value(), config.error().front().line());
  auto image = compile(*config, {});
  REQUIRE_MESSAGE(image.has_value(), image.error().text);
  return *image;
}

// A rule from inside to outside.
std::string rule(const std::string& members) { return R"({"from": "inside", "to": "outside", )" + members + "}"; }

struct Facts {
  const char* source = "192.0.2.1";
  const char* destination = "198.51.100.1";
  std::uint8_t protocol = 6;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 80;
  std::uint8_t icmp_type = 0;
};

dp_packet packet_of(const TableImage& image, const Facts& facts) {
  dp_packet packet{};
  const auto source = parse_address(facts.source);
  const auto destination = parse_address(facts.destination);
  packet.source = source.address;
  packet.destination = destination.address;
  packet.family = source.family;
  packet.protocol = facts.protocol;
  packet.source_port = dp_htons(facts.source_port);
  packet.destination_port = dp_htons(facts.destination_port);
  packet.icmp_type = facts.icmp_type;
  packet.zone = image.zone("inside");
  return packet;
}

// Id of the rule that decides; rules without a name count from 1.
unsigned decides(const TableImage& image, const Facts& facts) {
  return classify(image, packet_of(image, facts), image.zone("outside")).rule;
}

constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpv6 = 58;

}  // namespace

TEST_CASE("the first rule that matches decides") {
  const TableImage image =
      image_of(rule(R"("protocol": "udp", "action": "drop")") + ", " +
               rule(R"("protocol": "tcp", "action": "reject")") + ", " + rule(R"("action": "allow")"));
  CHECK(decides(image, {.protocol = kUdp}) == 1);
  CHECK(decides(image, {}) == 2);
  CHECK(decides(image, {.protocol = 47}) == 3);
}

TEST_CASE("a match carries the rule's action, place and flags") {
  const TableImage image = image_of(rule(R"("action": "allow", "place": "user", "log": true)"));
  const dp_match match = classify(image, packet_of(image, {}), image.zone("outside"));
  CHECK(match.rule == 1);
  CHECK(match.action == DP_ACTION_ALLOW);
  CHECK(match.place == DP_PLACE_USER);
  CHECK(match.flags == DP_RULE_LOG);
}

TEST_CASE("without a matching rule the zone pair's default decides, as rule 0") {
  const TableImage image =
      image_of(rule(R"("protocol": "udp", "action": "allow")"), R"({"inside": {"default": "reject"}})");
  const dp_match match = classify(image, packet_of(image, {}), image.zone("outside"));
  CHECK(match.rule == 0);
  CHECK(match.action == DP_ACTION_REJECT);
  CHECK(classify(image, packet_of(image, {}), image.zone("host")).action == DP_ACTION_ALLOW);
}

TEST_CASE("prefixes match at their edges and not beside them") {
  const TableImage image =
      image_of(rule(R"("source": "192.0.2.64/26", "destination": "198.51.100.1", "action": "allow")"));
  CHECK(decides(image, {.source = "192.0.2.64"}) == 1);
  CHECK(decides(image, {.source = "192.0.2.127"}) == 1);
  CHECK(decides(image, {.source = "192.0.2.63"}) == 0);
  CHECK(decides(image, {.source = "192.0.2.128"}) == 0);
  CHECK(decides(image, {.source = "192.0.2.64", .destination = "198.51.100.2"}) == 0);
}

TEST_CASE("every prefix length of IPv6 looks at exactly its bits") {
  for (unsigned bits = 1; bits <= 128; ++bits) {
    dp_address base{};
    base.word[(bits - 1) / 32] = dp_htonl(1u << (31 - (bits - 1) % 32));
    const Prefix prefix{{DP_FAMILY_V6, base}, static_cast<std::uint8_t>(bits)};
    const TableImage image = image_of(rule("\"source\": \"" + prefix.text() + "\", \"action\": \"allow\""));
    dp_packet packet = packet_of(image, {.source = "::", .destination = "2001:db8::1"});
    CHECK(classify(image, packet, image.zone("outside")).rule == 0);
    packet.source = base;
    CHECK(classify(image, packet, image.zone("outside")).rule == 1);
    if (bits == 128) continue;
    packet.source.word[bits / 32] |= dp_htonl(1u << (31 - bits % 32));
    CHECK(classify(image, packet, image.zone("outside")).rule == 1);
  }
}

TEST_CASE("all of IPv4 is not all of IPv6") {
  const TableImage image = image_of(rule(R"("source": "::/0", "action": "allow")") + ", " +
                                    rule(R"("source": "0.0.0.0/0", "action": "allow")"));
  CHECK(decides(image, {}) == 2);
  CHECK(decides(image, {.source = "2001:db8::1", .destination = "2001:db8::2"}) == 1);
}

TEST_CASE("of all 65536 ports exactly those of the range match") {
  const TableImage image =
      image_of(rule(R"("protocol": "tcp", "source_port": "1-1023", "action": "drop")") + ", " +
               rule(R"("protocol": "tcp", "destination_port": [80, "8000-8080"], "action": "allow")"));
  dp_packet packet = packet_of(image, {});
  for (unsigned port = 0; port < 65536; ++port) {
    packet.source_port = dp_htons(40000);
    packet.destination_port = dp_htons(static_cast<std::uint16_t>(port));
    const unsigned want = port == 80 || (port >= 8000 && port <= 8080) ? 2 : 0;
    REQUIRE(classify(image, packet, image.zone("outside")).rule == want);
    packet.source_port = packet.destination_port;
    packet.destination_port = dp_htons(9);
    REQUIRE(classify(image, packet, image.zone("outside")).rule == (port >= 1 && port <= 1023 ? 1 : 0));
  }
}

TEST_CASE("a rule for any protocol matches protocols without ports") {
  const TableImage image = image_of(rule(R"("action": "allow")"));
  for (unsigned protocol = 0; protocol < 256; ++protocol)
    CHECK(decides(image, {.protocol = static_cast<std::uint8_t>(protocol), .source_port = 0, .destination_port = 0}) ==
          1);
}

TEST_CASE("protocol 255 is a protocol and not `any`") {
  const TableImage image = image_of(rule(R"("protocol": 255, "action": "allow")"));
  CHECK(decides(image, {.protocol = 255}) == 1);
  CHECK(decides(image, {.protocol = 254}) == 0);
}

TEST_CASE("ICMP rules look at the type of their own protocol") {
  const TableImage image = image_of(rule(R"("protocol": "icmp", "icmp_type": [8, "13-14"], "action": "allow")") + ", " +
                                    rule(R"("protocol": "icmpv6", "icmp_type": 128, "action": "allow")"));
  for (unsigned type = 0; type < 256; ++type) {
    const auto icmp_type = static_cast<std::uint8_t>(type);
    const bool four = type == 8 || type == 13 || type == 14;
    CHECK(decides(image, {.protocol = kIcmp, .icmp_type = icmp_type}) == (four ? 1 : 0));
    CHECK(
        decides(image,
                {.source = "2001:db8::1", .destination = "2001:db8::2", .protocol = kIcmpv6, .icmp_type = icmp_type}) ==
        (type == 128 ? 2 : 0));
    CHECK(decides(image, {.protocol = 6, .icmp_type = icmp_type}) == 0);
  }
}

TEST_CASE("the identifier of an echo request is no port") {
  const TableImage image = image_of(rule(R"("protocol": "icmp", "action": "allow")"));
  CHECK(decides(image, {.protocol = kIcmp, .source_port = 0xbeef, .destination_port = 0x0800, .icmp_type = 8}) == 1);
}

TEST_CASE("runs of every length up to three strides are walked to their end and no further") {
  for (unsigned count = 1; count <= 3 * DP_CLASSIFY_STRIDE; ++count) {
    std::string rules;
    for (unsigned i = 1; i <= count; ++i)
      rules +=
          rule("\"protocol\": \"tcp\", \"destination_port\": " + std::to_string(i) + ", \"action\": \"drop\"") + ", ";
    rules += R"({"from": "outside", "to": "inside", "action": "allow"})";
    const TableImage image = image_of(rules);
    for (std::uint16_t port = 1; port <= count; ++port) CHECK(decides(image, {.destination_port = port}) == port);
    CHECK(decides(image, {.destination_port = static_cast<std::uint16_t>(count + 1)}) == 0);
  }
}

TEST_CASE("each bank has its own rules") {
  const TableImage allow = image_of(rule(R"("action": "allow")"));
  const TableImage drop = image_of(rule(R"("action": "reject")"));
  dp_env env;
  env.banks = {&allow, &drop};
  const dp_packet packet = packet_of(allow, {});
  dp_match match{};
  CHECK(dp_classify(&env, 0, &packet, allow.zone("outside"), &match) == DP_ACTION_ALLOW);
  CHECK(dp_classify(&env, 1, &packet, allow.zone("outside"), &match) == DP_ACTION_REJECT);
}

TEST_CASE("tables that contradict themselves drop and say so") {
  TableImage image = image_of(rule(R"("action": "allow")"));
  dp_env env;
  env.banks = {&image};
  dp_packet packet = packet_of(image, {});
  const std::uint8_t outside = image.zone("outside");
  dp_match match{1, DP_ACTION_ALLOW, 1, 1};
  const auto refused = [&](std::uint8_t to) {
    return dp_classify(&env, 0, &packet, to, &match) == -1 && match.action == DP_ACTION_DROP && match.rule == 0;
  };
  SUBCASE("a zone that cannot be") { CHECK(refused(DP_ZONES_MAX)); }
  SUBCASE("an ingress zone that cannot be") {
    packet.zone = DP_ZONES_MAX;
    CHECK(refused(outside));
  }
  SUBCASE("a run beyond the rules") {
    image.zone_pairs[zone_pair_index(packet.zone, outside)] = {1, 1, DP_ACTION_ALLOW, {}};
    CHECK(refused(outside));
  }
  SUBCASE("a run beyond the table") {
    image.zone_pairs[zone_pair_index(packet.zone, outside)] = {0, DP_RULES_MAX + 1, DP_ACTION_ALLOW, {}};
    CHECK(refused(outside));
  }
  SUBCASE("no table") {
    image.zone_pairs.clear();
    CHECK(refused(outside));
  }
}
