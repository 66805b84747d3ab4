// random_routing.hpp - random changes of a namespace's network, as commands of ip.
//
// Namespace  devices v0, v1, v2 with 192.0.2.1/28, .17/28, .33/28 and 2001:db8:0::1/64 to 2001:db8:2::1/64.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

namespace twinpath::test {

// One random change; many are refused by Linux, which is part of the test.
class RandomChange {
 public:
  explicit RandomChange(std::uint32_t seed) : random_(seed) {}

  // Of links, addresses, neighbours, nexthop objects, routes and rules.
  std::string next() {
    switch (below(14)) {
      case 0: return "ip link set v" + number(3) + pick({" up", " down", " up"});
      case 1: return "ip link set v" + number(3) + " mtu " + pick({"1400", "1500", "9000"});
      case 2: return address4();
      case 3: return "ip -6 addr " + pick({"add", "del"}) + " 2001:db8:f::" + number(3) + "/64" + device() + " nodad";
      case 4: return "ip neigh " + pick({"replace", "del"}) + " " + gateway4() + mac() + device();
      case 5: return nexthop();
      case 6:
        return pick({"ip link add m0 link v0 type macvlan", "ip link set m0 up", "ip link del m0",
                     "ip link set v2 down; ip link set v2 up"});
      case 7:
      case 8: return route6();
      case 9: return rule();
      case 10: return source_route6();
      default: return route4();
    }
  }

  // Of IPv4 addresses, nexthop objects, routes and rules: what decides where a packet goes while all devices are up.
  std::string next_of_routing() {
    switch (below(8)) {
      case 0: return address4();
      case 1: return nexthop();
      case 2:
      case 3: return rule();
      case 4:
      case 5: return route6();
      default: return route4();
    }
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return random_() % bound; }
  std::string number(std::uint32_t bound) { return std::to_string(below(bound)); }
  std::string pick(std::initializer_list<const char*> words) {
    return words.begin()[below(static_cast<std::uint32_t>(words.size()))];
  }
  std::string device() { return " dev v" + number(3); }
  std::string mac() { return " lladdr 02:00:00:00:00:0" + number(5); }
  std::string address4() {
    return "ip addr " + pick({"add", "del"}) + " 198.51.100." + number(4) + "/" + pick({"24", "32"}) + device();
  }
  std::string verb() { return pick({"add", "append", "prepend", "replace", "replace", "del"}); }
  std::string table() { return pick({"", "", "", " table 100", " table 1000"}); }
  std::string metric() { return pick({"", " metric 10", " metric 20"}); }
  std::string gateway4() { return "192.0.2." + std::to_string(16 * below(3) + 2 + below(2)); }
  std::string gateway6() { return "2001:db8:" + number(3) + "::" + std::to_string(2 + below(2)); }

  std::string nexthop() {
    std::string id = std::to_string(1 + below(3));
    switch (below(4)) {
      case 0: return "ip nexthop del id " + id;
      case 1: return "ip nexthop replace id 4 group 1,2/2,5";
      case 2: return "ip -6 nexthop replace id 5 via " + gateway6() + " dev v" + number(3);
      default: return "ip nexthop replace id " + id + " via " + gateway4() + " dev v" + number(3);
    }
  }

  std::string route4() {
    std::string head = "ip -4 route " + verb() + " ", prefix = "10." + number(3) + ".0.0/16", tail = metric() + table();
    switch (below(7)) {
      case 0: return head + pick({"blackhole ", "unreachable ", "prohibit ", "throw "}) + prefix + tail;
      case 1: return head + prefix + " dev v" + number(3) + tail;
      case 2: return head + prefix + tail + " nexthop via " + gateway4() + " weight 2 nexthop via " + gateway4();
      case 3: return head + prefix + " nhid " + std::to_string(1 + below(4)) + tail;
      case 4: return head + prefix + " via " + gateway4() + " src 198.51.100." + number(4) + tail;
      case 5: return head + prefix + " via inet6 " + gateway6() + " dev v" + number(3) + tail;
      default: return head + prefix + " via " + gateway4() + tail;
    }
  }

  std::string rule() {
    const bool v6 = below(2) != 0;
    const std::string prefix = v6 ? "2001:db8:a" + number(3) + "::/48" : "10." + number(3) + ".0.0/16";
    return std::string{v6 ? "ip -6" : "ip -4"} + " rule " + pick({"add", "add", "del"}) + " pref 10" + number(4) +
           pick({" not", ""}) + pick({" from ", " to "}) + prefix + pick({"", " iif v1", " ipproto tcp dport 80-90"}) +
           pick({" lookup 100", " lookup 1000 suppress_prefixlength 20", " prohibit", " goto 103", " nop"});
  }

  std::string source_route6() {
    return "ip -6 route " + pick({"add", "replace", "del"}) + " 2001:db8:a" + number(3) + "::/48 from 2001:db8:b" +
           number(2) + "::/64 dev v" + number(3);
  }

  std::string route6() {
    std::string head = "ip -6 route " + verb() + " ", prefix = "2001:db8:a" + number(3) + "::/48",
                tail = metric() + table();
    switch (below(6)) {
      case 0: return head + pick({"blackhole ", "unreachable ", "prohibit "}) + prefix + tail;
      case 1: return head + prefix + " dev v" + number(3) + tail;
      case 2: return head + prefix + tail + " nexthop via " + gateway6() + " nexthop via " + gateway6() + " weight 4";
      case 3: return head + prefix + " nhid 5" + tail;
      default: return head + prefix + " via " + gateway6() + tail;
    }
  }

  std::mt19937 random_;
};

}  // namespace twinpath::test
