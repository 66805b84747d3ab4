// base_test.cpp - names, addresses, prefixes, endpoints and paths: one list or parser each, for every folder.
#include <arpa/inet.h>
#include <doctest/doctest.h>

#include "base/address.hpp"
#include "base/flow_names.hpp"
#include "base/line_limit.hpp"
#include "base/link_pin.hpp"
#include "base/paths.hpp"
#include "base/prefix.hpp"
#include "base/protocol.hpp"

using namespace twinpath;

TEST_CASE("states and origins of pairs have one word each, read and written by the same table") {
  const struct {
    const char* word;
    dp_flow_state state;
  } cases[] = {{"half-open", DP_FLOW_HALF_OPEN}, {"assured", DP_FLOW_ASSURED}, {"closing", DP_FLOW_CLOSING}};
  for (const auto& c : cases) {
    CAPTURE(c.word);
    CHECK(word_of(kFlowStates, c.state) == c.word);
    CHECK(value_of(kFlowStates, c.word) == c.state);
  }
  CHECK(word_of(kFlowStates, DP_FLOW_DYING).empty());
  CHECK_FALSE(value_of(kFlowStates, "open"));
  CHECK(value_of(kFlowOrigins, "engine") == FlowOrigin::engine);
  CHECK(words_of(kFlowStates, " or ") == "half-open, assured or closing");
  CHECK(words_of(kFlowOrigins) == "kernel, engine");
}

TEST_CASE("protocols have a word, or their number") {
  CHECK(protocol_text(6) == "tcp");
  CHECK(protocol_text(17) == "udp");
  CHECK(protocol_text(1) == "icmp");
  CHECK(protocol_text(58) == "icmpv6");
  CHECK(protocol_text(0) == "0");
  CHECK(protocol_text(255) == "255");
  CHECK(value_of(kProtocols, "icmpv6") == 58);
  CHECK_FALSE(value_of(kProtocols, "6"));
}

TEST_CASE("addresses are read in full and written in their canonical form") {
  const struct {
    const char* text;
    std::uint8_t family;
    const char* canonical;
  } cases[] = {
      {"192.0.2.1", DP_FAMILY_V4, "192.0.2.1"},
      {"2001:DB8:0:0::1", DP_FAMILY_V6, "2001:db8::1"},
      {"::ffff:192.0.2.1", DP_FAMILY_V6, "::ffff:192.0.2.1"},
      {"", DP_FAMILY_NONE, ""},
      {"192.0.2", DP_FAMILY_NONE, ""},
      {"192.0.2.1 ", DP_FAMILY_NONE, ""},
      {"192.0.2.01", DP_FAMILY_NONE, ""},
      {"fe80::1%lo", DP_FAMILY_NONE, ""},
      {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", DP_FAMILY_NONE, ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(parse_address(c.text).family == c.family);
    CHECK(to_string(parse_address(c.text)) == c.canonical);
  }
  CHECK(parse_address(std::string_view("192.0.2.1\0x", 11)).family == DP_FAMILY_NONE);
  CHECK(parse_address("192.0.2.1").address.word[0] == htonl(0xc0000201));
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1") {
  for (const char* text : {"127.0.0.1", "127.255.255.255", "::1"}) CHECK(is_loopback(parse_address(text)));
  for (const char* text : {"126.255.255.255", "128.0.0.1", "::", "::2", "1::1", "::ffff:127.0.0.1", ""})
    CHECK_FALSE(is_loopback(parse_address(text)));
}

TEST_CASE("an endpoint is an address and a port, with brackets around IPv6 alone") {
  for (const char* good : {"127.0.0.1:9080", "[::1]:9080", "0.0.0.0:0", "[2001:db8::1]:65535"}) {
    CAPTURE(good);
    const auto endpoint = parse_endpoint(good);
    REQUIRE(endpoint);
    CHECK(to_string(*endpoint) == good);
  }
  for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x",
                          "::1:80", "[::1]", "[127.0.0.1]:80", "[]:80", "localhost:80"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_endpoint(bad));
  }
  CHECK(endpoint_text("2001:db8::1", 80) == "[2001:db8::1]:80");
}

TEST_CASE("prefixes have the length they say and no bits beyond it") {
  const auto prefix = parse_prefix("10.1.0.0/16");
  REQUIRE(prefix);
  CHECK(prefix->contains(parse_address("10.1.255.255")));
  CHECK_FALSE(prefix->contains(parse_address("10.2.0.0")));
  CHECK_FALSE(prefix->contains({DP_FAMILY_V6, parse_address("10.1.255.255").address}));
  for (const char* good : {"0.0.0.0/0", "::/0", "192.0.2.1", "192.0.2.1/32", "2001:db8::/33", "2001:db8::1/128"}) {
    CAPTURE(good);
    CHECK(parse_prefix(good));
  }
  for (const char* bad : {"", "/", "10.1.0.0/", "10.1.0.1/16", "10.1/16", "::1/0", "10.1.0.0/16/8", "10.1.0.0/+8",
                          "10.0.0.0/08", "fe80::1%lo", "::ffff:10.0.0.1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_prefix(bad));
  }
}

TEST_CASE("the pin of a link has a name that bpffs takes, and leads back to its device") {
  CHECK(link_pin_name("eth0") == "link_eth0");
  CHECK(link_pin_name("eth0.5%") == "link_eth0%2e5%25");
  for (const char* device : {"eth0", "eth0.5%", "%2e", "a%", ".."})
    CHECK(device_of_link_pin(link_pin_name(device)) == device);
  CHECK_FALSE(device_of_link_pin("flows4"));
}

TEST_CASE("a prefix that is made clears the bits behind its length, and its text is canonical") {
  const struct {
    const char* address;
    std::uint8_t bits;
    const char* text;
  } cases[] = {{"10.1.255.255", 20, "10.1.240.0/20"},
               {"10.1.2.3", 0, "0.0.0.0/0"},
               {"10.1.2.3", 32, "10.1.2.3"},
               {"2001:db8:ffff::1", 33, "2001:db8:8000::/33"},
               {"2001:db8::1", 128, "2001:db8::1"}};
  for (const auto& c : cases) {
    CAPTURE(c.address);
    CHECK(make_prefix(parse_address(c.address), c.bits).text() == c.text);
    CHECK(parse_prefix(c.text) == make_prefix(parse_address(c.address), c.bits));
  }
}

TEST_CASE("the files of a gateway have its name") {
  CHECK(socket_path("edge") == "/run/twinpath/edge.sock");
  CHECK(journal_path("edge") == "/run/twinpath/edge.json");
  CHECK(lock_path("edge") == "/run/twinpath/edge.lock");
  CHECK(log_path("edge") == "/run/twinpath/edge.log");
  CHECK(pin_path("edge") == "/sys/fs/bpf/twinpath/edge");
}

TEST_CASE("of lines of one kind so many are written in a window, and the next one says how many were not") {
  using namespace std::chrono_literals;
  LineLimit limit{2, 10s};
  const LineLimit::Time start{};
  CHECK(limit.admit(start, "a") == "a");
  CHECK(limit.admit(start + 9s, "b") == "b");
  for (int i = 0; i < 5; ++i) CHECK_FALSE(limit.admit(start + 9s, "c"));
  CHECK(limit.admit(start + 10s, "d") == "d (5 more before, not logged)");
  CHECK(limit.admit(start + 11s, "e") == "e");
  CHECK_FALSE(limit.admit(start + 12s, "f"));
  CHECK(limit.seen() == 10);
}
