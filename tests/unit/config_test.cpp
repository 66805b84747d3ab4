#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "config/document.hpp"

using namespace twinpath;
using nlohmann::json;

namespace {

const std::string kPort = R"({"name": "lan", "device": "lan0", "zone": "inside"})";
const std::string kPorts = R"("ports": [)" + kPort + R"(, {"name": "wan", "device": "wan0", "zone": "outside"}])";

// A good document but for what the test adds.
std::string with(const std::string& members) { return "{" + kPorts + (members.empty() ? "" : ", ") + members + "}"; }
std::string with_port(const std::string& members) {
  return R"({"ports": [{"device": "lan0", "zone": "inside", )" + members + "}]}";
}
std::string with_rule(const std::string& members) {
  return with(R"("rules": [{"name": "r", "from": "inside", "to": "outside", "action": "allow", )" + members + "}]");
}

std::string faults_of(const std::string& document) {
  const auto config = parse_config(document);
  if (config) return "accepted";
  std::string lines;
  for (const Fault& fault : config.error()) lines += (lines.empty() ? "" : "\n") + fault.line();
  return lines;
}

Config accept(const std::string& document) {
  auto config = parse_config(document);
  REQUIRE_MESSAGE(config.has_value(), faults_of(document));
  return *config;
}

std::string many(std::size_t count, std::string (*element)(std::size_t), const std::string& separator = ", ") {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : separator) + element(i);
  return text;
}

std::string numbered_port(std::size_t i) { return R"({"device": "d)" + std::to_string(i) + R"(", "zone": "z"})"; }
std::string numbered_zone(std::size_t i) { return "\"z" + std::to_string(i) + "\": {}"; }
std::string any_rule(std::size_t) { return R"({"from": "any", "to": "any", "action": "drop"})"; }

struct Row {
  std::string name;
  std::string document;
  std::string want;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(faults_of(row.document) == row.want);
  }
}

}  // namespace

TEST_CASE("text that is no JSON is refused with line, column and what was expected") {
  check_rows({
      {"empty", "", "the document is empty"},
      {"nothing but space and comments", " /* a */\n// b", "the document is empty"},
      {"NUL behind the document", with("") + std::string(1, '\0'),
       "line 1, column 119: a NUL byte: the document must be text, in UTF-8"},
      {"NUL inside", std::string("{\n\0}", 4), "line 2, column 1: a NUL byte: the document must be text, in UTF-8"},
      {"comma missing", "{\n  \"name\": \"a\"\n  \"ports\": []}",
       "line 3, column 9: unexpected string literal; expected ',' or '}'"},
      {"comma too many", "{\"ports\": [1,]}", "line 1, column 14: unexpected ']'; expected '[', '{', or a literal"},
      {"list not closed", "{\"ports\": [1 2]}", "line 1, column 14: unexpected number literal; expected ',' or ']'"},
      {"bare word", "{\"ports\": yes}", "line 1, column 11: invalid literal; last read: '\"ports\": y'"},
      {"key not quoted", "{name: 1}", "line 1, column 3: invalid literal; last read: '{na'; expected string literal"},
      {"two documents", "{} {}", "line 1, column 4: unexpected '{'; expected end of input"},
      {"comment not closed", "/* {}", "line 1, column 5: invalid comment; missing closing '*/'; last read: '/* {}'"},
      {"number beyond all", "{\"check\": 1e999}", "line 1, column 15: number overflow parsing '1e999'"},
      {"too deep", std::string(17, '['),
       "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 16 levels"},
      {"no object", "[]", "[]: the document must be an object"},
  });
}

TEST_CASE("a document is refused with one line for each fault") {
  check_rows({
      {"unknown key", with(R"("zone": {})"), "zone: unknown key; nearest allowed: zones, name, ports"},
      {"unknown key inside", with_port(R"("queue": 1)"),
       "ports[0].queue: unknown key; nearest allowed: queues, name, zone"},
      {"unknown key with odd letters", with(R"("a b\n": 1)"),
       "[\"a b\\n\"]: unknown key; nearest allowed: api, name, nat"},
      {"key twice", with(R"("check": {"one_in": 0, "one_in": 0})"), "check.one_in: key appears twice in one object"},
      {"key twice in a list", R"({"ports": [{"device": "a", "zone": "z"}, {"device": "b", "zone": "z", "zone": "y"}]})",
       "ports[1].zone: key appears twice in one object"},
      {"section twice", with(R"("ports": [])"), "ports: key appears twice in one object"},
      {"name", with(R"("name": "a/b")"), "name: \"a/b\": must be 1 to 32 of A-Z a-z 0-9 _ -"},
      {"name with a dot", with(R"("name": "edge.1")"), "name: \"edge.1\": must be 1 to 32 of A-Z a-z 0-9 _ -"},
      {"check asked for", with(R"("check": {"one_in": 1000})"),
       "check.one_in: must be 0: the check is not supported by this version"},
      {"check", with(R"("check": {"one_in": 4294967296})"),
       "check.one_in: 4294967296: must be a whole number 0..4294967295"},
      {"wrong section type", with(R"("flows": [1])"), "flows: [...]: must be an object"},
      {"nat", with(R"("nat": {"source": [{"name": "m"}]})"), "nat: not supported by this version"},
      {"services", with(R"("services": [{}, 1])"), "services: not supported by this version"},
      {"pools", with(R"("pools": {"web": {"mode": "stateful"}})"), "pools: not supported by this version"},
      {"mss", with(R"("mss": {"lan": 1360})"), "mss: not supported by this version"},
      {"overlays", with(R"("overlays": {"blue": {"vni": 42}})"), "overlays: not supported by this version"},
      {"not even an object", with(R"("nat": true)"), "nat: not supported by this version"},
  });
}

TEST_CASE("faults of ports say which port and what is allowed") {
  check_rows({
      {"no ports", "{}", "ports: missing: a list of at least one port"},
      {"empty list", R"({"ports": []})", "ports: []: must name at least one port"},
      {"no list", R"({"ports": {}})", "ports: {}: must be a list"},
      {"no object", R"({"ports": ["lan0"]})",
       "ports[0]: \"lan0\": must be an object\nports[0].device: missing: the name of a network device\nports[0].zone: "
       "missing: the name of a zone"},
      {"device missing", R"({"ports": [{"zone": "a"}]})", "ports[0].device: missing: the name of a network device"},
      {"zone missing", R"({"ports": [{"device": "a"}]})", "ports[0].zone: missing: the name of a zone"},
      {"device type", R"({"ports": [{"device": 5, "zone": "a"}]})",
       "ports[0].device: 5: must be the name of a network device, 1 to 15 characters"},
      {"device too long", R"({"ports": [{"device": "abcdefghijklmnop", "name": "x", "zone": "a"}]})",
       "ports[0].device: \"abcdefghijklmnop\": must be the name of a network device, 1 to 15 characters"},
      {"device with a slash", R"({"ports": [{"device": "a/b", "zone": "a"}]})",
       "ports[0].device: \"a/b\": must be the name of a network device, 1 to 15 characters"},
      {"name from an odd device", R"({"ports": [{"device": "a@b", "zone": "a"}]})",
       "ports[0].name: missing: the device's name is none that a port can have"},
      {"name", with_port(R"("name": "a b")"),
       "ports[0].name: \"a b\": must be 1 to 32 of A-Z a-z 0-9 _ . - and not \".\" or \"..\""},
      {"name type", with_port(R"("name": null)"),
       "ports[0].name: null: must be 1 to 32 of A-Z a-z 0-9 _ . - and not \".\" or \"..\""},
      {"host zone", R"({"ports": [{"device": "a", "zone": "host"}]})",
       "ports[0].zone: \"host\": is reserved for the host's own addresses"},
      {"any zone", R"({"ports": [{"device": "a", "zone": "any"}]})",
       "ports[0].zone: \"any\": is reserved: in rules it means every zone"},
      {"zone name", R"({"ports": [{"device": "a", "zone": ""}]})",
       "ports[0].zone: \"\": must be 1 to 32 of A-Z a-z 0-9 _ . - and not \".\" or \"..\""},
      {"tc", with_port(R"("hook": "tc")"), "ports[0].hook: \"tc\": not supported by this version; use xdp or auto"},
      {"hook", with_port(R"("hook": "xpd")"), "ports[0].hook: \"xpd\": must be one of xdp, auto"},
      {"attach", with_port(R"("attach": "skb")"), "ports[0].attach: \"skb\": must be one of native, generic, auto"},
      {"sockets", with_port(R"("sockets": 1)"), "ports[0].sockets: 1: must be one of zerocopy, copy, auto"},
      {"workload", with_port(R"("workload": "yes")"), "ports[0].workload: \"yes\": must be true or false"},
      {"offloads", with_port(R"("offloads": "off")"), "ports[0].offloads: \"off\": must be one of fix, keep"},
      {"source_check", with_port(R"("source_check": true)"),
       "ports[0].source_check: true: must be one of strict, loose, off"},
      {"queues zero", with_port(R"("queues": 0)"), "ports[0].queues: 0: must be \"all\" or a whole number 1..64"},
      {"queues many", with_port(R"("queues": 65)"), "ports[0].queues: 65: must be \"all\" or a whole number 1..64"},
      {"queues word", with_port(R"("queues": "some")"),
       "ports[0].queues: \"some\": must be \"all\" or a whole number 1..64"},
      {"device twice",
       R"({"ports": [{"name": "a", "device": "x", "zone": "z"}, {"name": "b", "device": "x", "zone": "z"}]})",
       "ports[1].device: \"x\": also the device of ports[0]"},
      {"name twice", R"({"ports": [{"device": "x", "zone": "z"}, {"name": "x", "device": "y", "zone": "z"}]})",
       "ports[1].name: \"x\": also the name of ports[0]"},
      {"too many", "{\"ports\": [" + many(2048, numbered_port) + "]}", "ports: 2048 ports: at most 2047 are allowed"},
  });
}

TEST_CASE("faults of zones say which zone and what is allowed") {
  check_rows({
      {"no object", with(R"("zones": [])"), "zones: []: must be an object"},
      {"name", with(R"("zones": {"in side": {}})"),
       "zones[\"in side\"]: \"in side\": must be 1 to 32 of A-Z a-z 0-9 _ . - and not \".\" or \"..\""},
      {"reserved", with(R"("zones": {"any": {}})"), "zones.any: \"any\": is reserved: in rules it means every zone"},
      {"zone type", with(R"("zones": {"inside": "drop"})"), "zones.inside: \"drop\": must be an object"},
      {"default", with(R"("zones": {"inside": {"default": "accept"}})"),
       "zones.inside.default: \"accept\": must be one of allow, drop, reject"},
      {"key", with(R"("zones": {"inside": {"defualt": "drop"}})"),
       "zones.inside.defualt: unknown key; nearest allowed: default"},
      {"too many", with("\"zones\": {" + many(29, numbered_zone) + "}"),
       "zones: 31 zones besides host: at most 30 are allowed"},
  });
}

TEST_CASE("faults of rules say which rule, what was found and what is allowed") {
  check_rows({
      {"no list", with(R"("rules": {})"), "rules: {}: must be a list"},
      {"from missing", with(R"("rules": [{"to": "outside", "action": "drop"}])"),
       "rules[0].from: missing: a zone, a list of zones, or \"any\""},
      {"to missing", with(R"("rules": [{"from": "inside", "action": "drop"}])"),
       "rules[0].to: missing: a zone, a list of zones, or \"any\""},
      {"action missing", with(R"("rules": [{"from": "inside", "to": "outside"}])"),
       "rules[0].action: missing: allow, drop or reject"},
      {"action", with(R"("rules": [{"from": "inside", "to": "outside", "action": "accept"}])"),
       "rules[0].action: \"accept\": must be one of allow, drop, reject"},
      {"from host", with(R"("rules": [{"from": "host", "to": "outside", "action": "drop"}])"),
       "rules[0].from: \"host\": the host's own traffic always passes; name zones of ports"},
      {"from host in a list", with(R"("rules": [{"from": ["inside", "host"], "to": "outside", "action": "drop"}])"),
       "rules[0].from[1]: \"host\": the host's own traffic always passes; name zones of ports"},
      {"zone unknown", with(R"("rules": [{"from": "insdie", "to": "outside", "action": "drop"}])"),
       "rules[0].from: \"insdie\": no such zone; nearest: inside, host, outside"},
      {"zone type", with(R"("rules": [{"from": 1, "to": "outside", "action": "drop"}])"),
       "rules[0].from: 1: must be a zone, a list of zones, or \"any\""},
      {"zone twice", with(R"("rules": [{"from": ["inside", "inside"], "to": "outside", "action": "drop"}])"),
       "rules[0].from[1]: \"inside\": is named twice"},
      {"any in a list", with(R"("rules": [{"from": "inside", "to": ["any", "host"], "action": "drop"}])"),
       "rules[0].to[0]: \"any\": stands alone, not in a list"},
      {"no zones", with(R"("rules": [{"from": [], "to": "outside", "action": "drop"}])"),
       "rules[0].from: []: must name at least one zone"},
      {"protocol word", with_rule(R"("protocol": "sctp")"),
       "rules[0].protocol: \"sctp\": must be one of tcp, udp, icmp, icmpv6, any, or a whole number 0..255"},
      {"protocol number", with_rule(R"("protocol": 256)"),
       "rules[0].protocol: 256: must be one of tcp, udp, icmp, icmpv6, any, or a whole number 0..255"},
      {"protocol float", with_rule(R"("protocol": 6.5)"),
       "rules[0].protocol: 6.5: must be one of tcp, udp, icmp, icmpv6, any, or a whole number 0..255"},
      {"prefix length", with_rule(R"("source": ["192.0.2.0/24", "10.0.0.0/33"])"),
       "rules[0].source[1]: \"10.0.0.0/33\": prefix length must be 0..32"},
      {"prefix length of IPv6", with_rule(R"("source": "2001:db8::/129")"),
       "rules[0].source: \"2001:db8::/129\": prefix length must be 0..128"},
      {"prefix length no number", with_rule(R"("source": "10.0.0.0/")"),
       "rules[0].source: \"10.0.0.0/\": prefix length must be 0..32"},
      {"netmask", with_rule(R"("source": "10.0.0.0/255.0.0.0")"),
       "rules[0].source: \"10.0.0.0/255.0.0.0\": prefix length must be 0..32"},
      {"host bits", with_rule(R"("destination": "10.1.2.3/16")"),
       "rules[0].destination: \"10.1.2.3/16\": has host bits set; the network is 10.1.0.0/16"},
      {"host bits of IPv6", with_rule(R"("destination": "2001:db8:0:1::5/48")"),
       "rules[0].destination: \"2001:db8:0:1::5/48\": has host bits set; the network is 2001:db8::/48"},
      {"no address", with_rule(R"("source": "example.org")"),
       "rules[0].source: \"example.org\": must be an IPv4 or IPv6 address or a prefix of one"},
      {"mapped", with_rule(R"("source": "::ffff:192.0.2.1")"),
       "rules[0].source: \"::ffff:192.0.2.1\": IPv4-mapped addresses are on no wire; write the IPv4 address"},
      {"address type", with_rule(R"("source": [10])"),
       "rules[0].source[0]: 10: must be an address or prefix, or a list of them"},
      {"port range", with_rule(R"("protocol": "tcp", "destination_port": 70000)"),
       "rules[0].destination_port: 70000: must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"ra", with_port(R"("ra": true)"), "ports[0].ra: true: must be one of ignore, accept"},
      {"group MAC", with_port(R"("macs": ["00:00:5e:00:01:07", "01:00:5e:00:01:07"])"),
       "ports[0].macs[1]: \"01:00:5e:00:01:07\": must be the MAC address of one station, as 00:00:5e:00:01:07"},
      {"short MAC", with_port(R"("macs": ["00:00:5e:00:01"])"),
       "ports[0].macs[0]: \"00:00:5e:00:01\": must be the MAC address of one station, as 00:00:5e:00:01:07"},
      {"EtherType that is decided", with_port(R"("pass_ethertypes": [2048])"),
       "ports[0].pass_ethertypes[0]: 2048: IP, ARP and tagged frames are decided, not passed"},
      {"EtherType that is a length", with_port(R"("pass_ethertypes": [1500])"),
       "ports[0].pass_ethertypes[0]: 1500: must be an EtherType, a number from 1536 or one of pppoe-discovery, "
       "pppoe-session, eapol, ptp, lldp, cfm, macsec, wol"},
      {"too many EtherTypes", with_port(R"("pass_ethertypes": [1536, 1537, 1538, 1539, 1540, 1541, 1542, 1543, 1544])"),
       "ports[0].pass_ethertypes: 9 EtherTypes: at most 8 are allowed"},
      {"port zero", with_rule(R"("protocol": "tcp", "destination_port": [80, 0])"),
       "rules[0].destination_port[1]: 0: must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port backwards", with_rule(R"("protocol": "udp", "source_port": "90-80")"),
       "rules[0].source_port: \"90-80\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port word", with_rule(R"("protocol": "tcp", "destination_port": "http")"),
       "rules[0].destination_port: \"http\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port float", with_rule(R"("protocol": "tcp", "destination_port": 80.0)"),
       "rules[0].destination_port: 80.0: must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port beyond 64 bits", with_rule(R"("protocol": "tcp", "destination_port": 18446744073709551617)"),
       "rules[0].destination_port: 1.8446744073709552e+19: must be a whole number 1..65535 or a range \"LOW-HIGH\" of "
       "them"},
      {"source_port without protocol", with_rule(R"("source_port": 53)"),
       "rules[0].source_port: needs protocol tcp or udp"},
      {"port text, leading zero", with_rule(R"("protocol": "tcp", "destination_port": "080")"),
       "rules[0].destination_port: \"080\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, sign", with_rule(R"("protocol": "tcp", "destination_port": "+80")"),
       "rules[0].destination_port: \"+80\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, minus", with_rule(R"("protocol": "tcp", "destination_port": "-80")"),
       "rules[0].destination_port: \"-80\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, space", with_rule(R"("protocol": "tcp", "destination_port": " 80")"),
       "rules[0].destination_port: \" 80\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, hex", with_rule(R"("protocol": "tcp", "destination_port": "0x50")"),
       "rules[0].destination_port: \"0x50\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, exponent", with_rule(R"("protocol": "tcp", "destination_port": "8e1")"),
       "rules[0].destination_port: \"8e1\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, half a range", with_rule(R"("protocol": "tcp", "destination_port": "80-")"),
       "rules[0].destination_port: \"80-\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, leading zero in a range", with_rule(R"("protocol": "tcp", "destination_port": "80-090")"),
       "rules[0].destination_port: \"80-090\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, backwards", with_rule(R"("protocol": "tcp", "destination_port": "90-80")"),
       "rules[0].destination_port: \"90-80\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, three", with_rule(R"("protocol": "tcp", "destination_port": "1-2-3")"),
       "rules[0].destination_port: \"1-2-3\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"port text, empty text", with_rule(R"("protocol": "tcp", "destination_port": "")"),
       "rules[0].destination_port: \"\": must be a whole number 1..65535 or a range \"LOW-HIGH\" of them"},
      {"destination_port with icmp", with_rule(R"("protocol": "icmp", "destination_port": 53)"),
       "rules[0].destination_port: needs protocol tcp or udp"},
      {"icmp_type with tcp", with_rule(R"("protocol": "tcp", "icmp_type": 8)"),
       "rules[0].icmp_type: needs protocol icmp or icmpv6"},
      {"icmp_type range", with_rule(R"("protocol": "icmp", "icmp_type": [256])"),
       "rules[0].icmp_type[0]: 256: must be a whole number 0..255 or a range \"LOW-HIGH\" of them"},
      {"families", with_rule(R"("source": "10.0.0.0/8", "destination": "2001:db8::/32")"),
       "rules[0]: can never match: protocol is for IPv4 and IPv6, source for IPv4, destination for IPv6"},
      {"icmp to IPv6", with_rule(R"("protocol": "icmp", "destination": "2001:db8::/32")"),
       "rules[0]: can never match: protocol is for IPv4, source for IPv4 and IPv6, destination for IPv6"},
      {"icmpv6 by number", with_rule(R"("protocol": 58, "source": "10.0.0.1")"),
       "rules[0]: can never match: protocol is for IPv6, source for IPv4, destination for IPv4 and IPv6"},
      {"place", with_rule(R"("place": "kernel")"), "rules[0].place: \"kernel\": must be one of auto, user"},
      {"place on the way to the host",
       with(R"("rules": [{"from": "inside", "to": "host", "action": "allow", "place": "user"}])"),
       "rules[0].place: \"user\": packets to the host never visit the engine"},
      {"log", with_rule(R"("log": 1)"), "rules[0].log: 1: must be true or false"},
      {"name", with(R"("rules": [{"name": "a b", "from": "any", "to": "any", "action": "drop"}])"),
       "rules[0].name: \"a b\": must be 1 to 32 of A-Z a-z 0-9 _ . - and not \".\" or \"..\""},
      {"name twice",
       with(
           R"("rules": [{"name": "a", "from": "any", "to": "any", "action": "drop"}, {"name": "a", "from": "any", "to": "any", "action": "drop"}])"),
       "rules[1].name: \"a\": also the name of rules[0]"},
      {"name that a nameless rule has",
       with(
           R"("rules": [{"name": "rule-2", "from": "any", "to": "any", "action": "drop"}, {"from": "any", "to": "any", "action": "drop"}])"),
       "rules[1].name: \"rule-2\": also the name of rules[0]"},
      {"too many", with("\"rules\": [" + many(8192, any_rule) + "]"), "rules: 8192 rules: at most 8191 are allowed"},
  });
}

TEST_CASE("faults of the other sections name the key and its bounds") {
  check_rows({
      {"pairs few", with(R"("flows": {"max_pairs_v4": 1023})"),
       "flows.max_pairs_v4: 1023: must be a whole number 1024..16777216"},
      {"pairs many", with(R"("flows": {"max_pairs_v6": 16777217})"),
       "flows.max_pairs_v6: 16777217: must be a whole number 1024..16777216"},
      {"pairs negative", with(R"("flows": {"max_pairs_v4": -1})"),
       "flows.max_pairs_v4: -1: must be a whole number 1024..16777216"},
      {"pairs float", with(R"("flows": {"max_pairs_v4": 2048.5})"),
       "flows.max_pairs_v4: 2048.5: must be a whole number 1024..16777216"},
      {"pairs text", with(R"("flows": {"max_pairs_v4": "2048"})"),
       "flows.max_pairs_v4: \"2048\": must be a whole number 1024..16777216"},
      {"share", with(R"("flows": {"half_open_share": 1.5})"), "flows.half_open_share: 1.5: must be a number 0..1"},
      {"pickup", with(R"("flows": {"pickup": "lax"})"), "flows.pickup: \"lax\": must be one of strict, loose, grace"},
      {"grace", with(R"("flows": {"pickup_grace_s": 0})"), "flows.pickup_grace_s: 0: must be a whole number 1..604800"},
      {"timeout", with(R"("flows": {"timeouts": {"udp_s": 0}})"),
       "flows.timeouts.udp_s: 0: must be a whole number 1..604800"},
      {"timeout key", with(R"("flows": {"timeouts": {"udp": 5}})"),
       "flows.timeouts.udp: unknown key; nearest allowed: udp_s, icmp_s, other_s"},
      {"workers", with(R"("engine": {"workers": 2})"),
       "engine.workers: 2: must be 1: more workers are not supported by this version"},
      {"frames", with(R"("engine": {"frames": 5000})"), "engine.frames: 5000: must be a power of two 1024..1048576"},
      {"frames many", with(R"("engine": {"frames": 2097152})"),
       "engine.frames: 2097152: must be a power of two 1024..1048576"},
      {"frame_bytes", with(R"("engine": {"frame_bytes": 1024})"), "engine.frame_bytes: 1024: must be 2048 or 4096"},
      {"frame_bytes float", with(R"("engine": {"frame_bytes": 2048.0})"),
       "engine.frame_bytes: 2048.0: must be 2048 or 4096"},
      {"busy_poll", with(R"("engine": {"busy_poll": 0})"), "engine.busy_poll: 0: must be true or false"},
      {"hold", with(R"("engine": {"hold_per_neighbour": 4097})"),
       "engine.hold_per_neighbour: 4097: must be a whole number 0..4096"},
      {"budget", with(R"("engine": {"budget_pps": {"ttl": -5}})"),
       "engine.budget_pps.ttl: -5: must be a whole number 0..100000000"},
      {"unix", with(R"("api": {"unix": "run/x"})"),
       "api.unix: \"run/x\": must be an absolute path of a file, at most 107 bytes"},
      {"token", with(R"("api": {"token_file": "/etc/"})"),
       "api.token_file: \"/etc/\": must be an absolute path of a file, at most 4095 bytes"},
      {"http", with(R"("api": {"http": "localhost:9080"})"),
       "api.http: \"localhost:9080\": must be an address and a port, \"127.0.0.1:9080\" or \"[::1]:9080\""},
      {"http port", with(R"("api": {"http": "127.0.0.1:0"})"),
       "api.http: \"127.0.0.1:0\": must be an address and a port, \"127.0.0.1:9080\" or \"[::1]:9080\""},
      {"http IPv6 without brackets", with(R"("api": {"http": "::1:9080"})"),
       "api.http: \"::1:9080\": must be an address and a port, \"127.0.0.1:9080\" or \"[::1]:9080\""},
      {"http for all", with(R"("api": {"http": "0.0.0.0:9080"})"),
       "api.http: \"0.0.0.0:9080\": must be a loopback address: others need tls, which this version does not support"},
      {"tls", with(R"("api": {"tls": {"certificate": "/c", "key": "/k"}})"), "api.tls: not supported by this version"},
      {"confirm", with(R"("safety": {"confirm_s": 86401})"),
       "safety.confirm_s: 86401: must be a whole number 0..86400"},
      {"on_exit", with(R"("safety": {"on_exit": "stop"})"), "safety.on_exit: \"stop\": must be one of keep, detach"},
  });
}

TEST_CASE("all faults of a document are reported together") {
  CHECK(
      faults_of(
          R"({"nmae": 1, "ports": [{"device": "a", "zone": "z", "attach": "x", "queues": 99}], "flows": {"max_pairs_v4": 1}})") ==
      "ports[0].attach: \"x\": must be one of native, generic, auto\n"
      "ports[0].queues: 99: must be \"all\" or a whole number 1..64\n"
      "flows.max_pairs_v4: 1: must be a whole number 1024..16777216\n"
      "nmae: unknown key; nearest allowed: name, nat, mss");
}

TEST_CASE("a fault line stays one line and short whatever the document holds") {
  const std::string long_text(5000, 'x');
  for (const std::string& value : {long_text, std::string("\\n\\u0007\\u00e9\\ud83d\\ude00")}) {
    const auto config = parse_config(with("\"name\": \"" + value + "\""));
    REQUIRE(!config.has_value());
    const std::string line = config.error().front().line();
    CHECK(line.size() < 200);
    for (char c : line) CHECK((c >= ' ' && c <= '~'));
  }
}

TEST_CASE("a hostile document cannot ask for more fault lines than can be read") {
  std::string bad = "0";
  for (int i = 0; i < 5000; ++i) bad += ", 0";
  const auto config = parse_config("{\"ports\": [" + bad + "]}");
  REQUIRE(!config.has_value());
  CHECK(config.error().size() == FaultList::kLimit + 1);
  CHECK(config.error().back().line() == "there are more faults than can be shown");
}

TEST_CASE("the smallest document has one port and every default") {
  const Config config = accept(R"({"ports": [{"device": "lan0", "zone": "inside"}]})");
  CHECK(config.name == "default");
  CHECK(config.ports[0].name == "lan0");
  CHECK(config.ports[0].queues == 0);
  CHECK(config.ports[0].attach == Attach::native);
  CHECK(config.ports[0].source_check == DP_SOURCE_CHECK_STRICT);
  REQUIRE(config.zones.size() == 2);
  CHECK(config.zones[0].name == "host");
  CHECK(config.zones[0].default_action == DP_ACTION_ALLOW);
  CHECK(config.zones[1].default_action == DP_ACTION_DROP);
  CHECK(config.flows.max_pairs_v4 == 262144);
  CHECK(config.flows.timeouts.tcp_reset_s == 10);
  CHECK(config.api.unix_path == "/run/twinpath/default.sock");
  CHECK(!config.api.http.has_value());
}

TEST_CASE("a name from outside replaces the document's, also in the paths that are made of it") {
  const auto unix_path = [](const char* text) { return parse_config(text, "second")->api.unix_path; };
  const char* plain = R"({"name": "edge", "ports": [{"device": "eth0", "zone": "a"}]})";
  CHECK(parse_config(plain, "second")->name == "second");
  CHECK(unix_path(plain) == "/run/twinpath/second.sock");
  CHECK(parse_config(plain)->api.unix_path == "/run/twinpath/edge.sock");
  CHECK(unix_path(R"({"ports": [{"device": "eth0", "zone": "a"}], "api": {"unix": "/own.sock"}})") == "/own.sock");
}

TEST_CASE("the contract's example is accepted but for the sections that are not built yet") {
  const Config config = accept(R"({
  "name": "edge1",   // also the pin directory
  "ports": [
    { "name": "lan", "device": "lan0", "zone": "inside" },
    { "name": "wan", "device": "wan0", "zone": "outside", "hook": "auto", "attach": "native", "sockets": "auto",
      "workload": false, "offloads": "fix", "source_check": "strict", "queues": "all" } ],
  "zones": { "inside": {"default": "drop"}, "outside": {"default": "drop"}, "host": {"default": "allow"} },
  "rules": [ /* first match wins */
    { "name": "web-out", "from": "inside", "to": "outside", "protocol": "tcp",
      "source": ["10.1.0.0/16", "2001:db8:1::/48"], "destination": "0.0.0.0/0", "source_port": "1024-65535",
      "destination_port": [80, "8000-8080"], "action": "allow", "place": "auto", "log": false },
    { "name": "ping", "from": "inside", "to": "outside", "protocol": "icmp", "icmp_type": [8], "action": "allow" } ],
  "nat": { "source": [], "publish": [] }, "services": [], "pools": {}, "mss": {}, "overlays": {},
  "flows": { "max_pairs_v4": 262144, "max_pairs_v6": 65536, "half_open_share": 0.25, "pickup": "grace", "pickup_grace_s": 60,
             "timeouts": { "tcp_syn_s": 240, "tcp_established_s": 7440, "tcp_closing_s": 240, "udp_s": 120,
                           "udp_stream_s": 300, "icmp_s": 60, "other_s": 600 } },
  "engine": { "workers": 1, "frames": 65536, "frame_bytes": 2048, "busy_poll": false, "hold_per_neighbour": 64,
              "budget_pps": { "fragment": 20000, "ttl": 1000, "icmp_error": 10000, "host": 100000 } },
  "check": { "one_in": 0 },
  "api": { "unix": "/run/twinpath/edge1.sock", "http": "127.0.0.1:9080", "token_file": "/etc/twinpath/token" },
  "safety": { "confirm_s": 0, "on_exit": "keep" }
})");
  REQUIRE(config.rules.size() == 2);
  const RuleConfig& rule = config.rules[0];
  CHECK(rule.source.size() == 2);
  CHECK(rule.destination[0].bits == 0);
  CHECK(rule.source_ports[0].low == 1024);
  CHECK(rule.destination_ports[1].high == 8080);
  CHECK(config.rules[1].icmp_types[0].low == 8);
  CHECK(to_string(*config.api.http) == "127.0.0.1:9080");
  CHECK(config.source.find("// also the pin directory") != std::string::npos);
}

TEST_CASE("the document in force can be read back and means the same") {
  const Config config = accept(with(R"("name": "e-1", "zones": {"dmz": {"default": "reject"}}, "check": {"one_in": 0},
    "rules": [{"from": ["inside", "dmz"], "to": "any", "protocol": 47, "source": ["192.0.2.1", "198.51.100.0/24"], "action": "reject", "log": true},
              {"from": "any", "to": "host", "protocol": "udp", "source_port": ["53", "1000-2000"], "destination": "2001:db8::/32", "action": "allow"}],
    "api": {"http": "[::1]:80", "token_file": "/t"}, "safety": {"confirm_s": 30, "on_exit": "detach"})"));
  const json rendered = to_json(config);
  CHECK(to_json(accept(rendered.dump())) == rendered);
  CHECK(rendered["rules"][0]["protocol"] == 47);
  CHECK(rendered["rules"][0]["source"] == json({"192.0.2.1", "198.51.100.0/24"}));
  CHECK(rendered["rules"][0]["name"] == "rule-1");
  CHECK(rendered["rules"][1]["source_port"] == json({53, "1000-2000"}));
  CHECK(rendered["zones"]["host"]["default"] == "allow");
  CHECK(rendered["api"]["http"] == "[::1]:80");
  CHECK(rendered["safety"] == json{{"confirm_s", 30}, {"on_exit", "detach"}});
  CHECK(rendered["ports"][0]["queues"] == "all");
}

TEST_CASE("what a port takes of its link: routers, stations, L2 protocols") {
  const PortConfig plain = accept(with("")).ports[0];
  CHECK(plain.ra == RouterAdvertisements::ignore);
  CHECK(plain.macs.empty());
  CHECK(plain.pass_ethertypes == std::vector<std::uint16_t>{0x8863, 0x8864, 0x888e, 0x88f7});
  const Config config = accept(
      with_port(R"("ra": "accept", "macs": ["00:00:5E:00:01:07"], "pass_ethertypes": ["lldp", 35061, "0x88b5"])"));
  const PortConfig& port = config.ports[0];
  CHECK(port.ra == RouterAdvertisements::accept);
  CHECK(port.macs == std::vector<MacAddress>{{0, 0, 0x5e, 0, 1, 7}});
  CHECK(port.pass_ethertypes == std::vector<std::uint16_t>{0x88cc, 35061, 0x88b5});
  const json rendered = to_json(config)["ports"][0];
  CHECK(rendered["macs"] == json({"00:00:5e:00:01:07"}));
  CHECK(rendered["pass_ethertypes"] == json({"lldp", 35061, 0x88b5}));
  CHECK(accept(with_port(R"("pass_ethertypes": [])")).ports[0].pass_ethertypes.empty());
}

TEST_CASE("bounds themselves are allowed") {
  const std::vector<std::string> documents = {
      with(R"("flows": {"max_pairs_v4": 1024, "max_pairs_v6": 16777216, "half_open_share": 0})"),
      with(R"("flows": {"half_open_share": 1, "timeouts": {"udp_s": 1, "other_s": 604800}})"),
      with(R"("engine": {"frames": 1024, "frame_bytes": 4096, "hold_per_neighbour": 0})"),
      with(R"("engine": {"frames": 1048576, "budget_pps": {"neighbour": 0}})"),
      with_port(R"("queues": 64)"),
      with_rule(R"("protocol": "tcp", "destination_port": ["1-65535", 65535, "1"])"),
      with_rule(R"("protocol": 255, "source": ["0.0.0.0/0", "::/0"])"),
      with_rule(R"("source": [], "destination": [], "source_port": [])"),
      with("\"zones\": {" + many(28, numbered_zone) + "}"),
      "{\"ports\": [" + many(2047, numbered_port) + "]}",
      with("\"rules\": [" + many(8191, any_rule) + "]"),
      with(R"("api": {"http": "127.255.0.1:65535", "tls": {}})"),
      with(R"("safety": {"confirm_s": 86400})"),
  };
  for (const std::string& document : documents) CHECK(faults_of(document) == "accepted");
}

TEST_CASE("no prefix of a good document is accepted, and none stops the reader") {
  const std::string document = with_rule(R"("source": "10.0.0.0/8", "log": true)");
  for (std::size_t length = 0; length < document.size(); ++length)
    CHECK(!parse_config(document.substr(0, length)).has_value());
}
