// Where packets go: the routing tables of the datapaths, made from what the mirror has, against Linux's own lookup.
#include <doctest/doctest.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "engine/env.hpp"
// behind the lookups it calls
#include "common/decide/route.h"
#include "control/follow/route_tables.hpp"
#include "harness/ip_view.hpp"
#include "harness/namespace.hpp"
#include "harness/random_routing.hpp"
#include "netlink/parse.hpp"
#include "netlink/socket.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

constexpr std::uint16_t kPorts = 3;  // v0 is port 1

struct Question {
  IpAddress destination;
  IpAddress source;
  std::uint16_t port = 1;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

// What comes of it: the kind, and by which ports and gateways it may leave.
struct Answer {
  int kind = DP_ROUTE_NONE;
  std::set<std::pair<std::uint16_t, std::string>> ways;
  auto operator<=>(const Answer&) const = default;
};

std::string text_of(const Answer& answer) {
  std::string text = fmt::format("kind {}", answer.kind);
  for (const auto& [port, gateway] : answer.ways) text += fmt::format(" [port {} via {}]", port, gateway);
  return text;
}

class Lab {
 public:
  Lab() {
    for (int i = 0; i < kPorts; ++i) {
      const std::string n = std::to_string(i);
      space.veth("v" + n, far, "p" + n);
      space.run("ip addr add 192.0.2." + std::to_string(16 * i + 1) + "/28 dev v" + n +
                "; ip -6 addr add 2001:db8:" + n + "::1/64 dev v" + n + " nodad");
    }
    // Linux is to look routes up as a router that checks no sources.
    space.run(
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
        "for d in all default v0 v1 v2; do sysctl -qw net.ipv4.conf.$d.rp_filter=0; done");
    space.inside([&] {
      auto opened = netlink::Mirror::open();
      REQUIRE_MESSAGE(opened, opened.error().text);
      mirror.emplace(std::move(*opened));
      auto asks = netlink::Socket::open(NETLINK_ROUTE);
      REQUIRE(asks);
      socket.emplace(std::move(*asks));
    });
    for (std::uint16_t port = 1; port <= kPorts; ++port)
      ifindex[port] = mirror->find_link("v" + std::to_string(port - 1))->ifindex;
    tables.rebuild(*mirror, context());
    commit();
  }

  RouteContext context() {
    return {[this](std::uint32_t index) {
              const auto found = std::find(ifindex.begin(), ifindex.end(), index);
              return static_cast<std::uint16_t>(found == ifindex.end() ? 0 : found - ifindex.begin());
            },
            [this](std::uint16_t, const IpAddress& gateway, std::uint16_t) {
              const auto [entry, added] = hops.try_emplace(gateway, static_cast<std::uint16_t>(hops.size() + 1));
              return entry->second;
            },
            [](const netlink::Route&, const netlink::Path&) { return std::uint16_t{0}; }};
  }

  void follow() {
    auto changes = mirror->process();
    REQUIRE_MESSAGE(changes, changes.error().text);
    if (changes->rules || changes->links)
      tables.rebuild(*mirror, context());
    else
      tables.update(*mirror, context(), changes->routes);
    commit();
  }

  void commit() {
    auto rules = tables.commit();
    REQUIRE_MESSAGE(rules, rules.error().text);
    for (std::size_t family = 0; family < rules->size(); ++family) {
      const auto place = std::span(route_rules).subspan(family * DP_ROUTE_RULES_MAX, DP_ROUTE_RULES_MAX);
      std::fill(std::copy((*rules)[family].begin(), (*rules)[family].end(), place.begin()), place.end(),
                dp_route_rule{});
    }
    tables.recycle();
  }

  Answer ours(const Question& question) {
    dp_route_query query{};
    query.address = question.destination.address;
    query.source = question.source.address;
    query.ingress = question.port;
    query.protocol = question.protocol;
    query.source_port = question.source_port;
    query.destination_port = question.destination_port;
    query.family = question.destination.family;
    Answer answer{dp_route_find(&env, &query), {}};
    if (answer.kind == DP_ROUTE_ON_LINK) answer.ways.emplace(query.port, "");
    for (std::uint32_t i = 0; i < query.path_count; ++i) {
      const dp_path& path = paths[query.first_path + i];
      const auto hop =
          std::find_if(hops.begin(), hops.end(), [&](const auto& known) { return known.second == path.next_hop; });
      answer.ways.emplace(path.port, hop == hops.end() ? "" : to_string(hop->first));
    }
    if (answer.kind == DP_ROUTE_VIA) answer.kind = DP_ROUTE_ON_LINK;  // the ways tell the two apart
    return answer;
  }

  Answer of_route(const netlink::Route& route) {
    switch (route.kind) {
      case netlink::RouteKind::local:
      case netlink::RouteKind::anycast: return {DP_ROUTE_LOCAL, {}};
      case netlink::RouteKind::broadcast: return {DP_ROUTE_BROADCAST, {}};
      case netlink::RouteKind::prohibit: return {DP_ROUTE_PROHIBITED, {}};
      case netlink::RouteKind::unreachable: return {DP_ROUTE_UNREACHABLE, {}};
      case netlink::RouteKind::blackhole: return {DP_ROUTE_BLACKHOLE, {}};
      default: break;
    }
    Answer answer{DP_ROUTE_ON_LINK, {}};
    for (const netlink::Path& path : route.paths)
      answer.ways.emplace(context().port_of(path.ifindex), to_string(path.gateway));
    return answer;
  }

  Answer linux_says(const Question& question) {
    const bool v4 = question.destination.family == DP_FAMILY_V4;
    const std::size_t bytes = v4 ? 4 : 16;
    rtmsg head{};
    head.rtm_family = v4 ? AF_INET : AF_INET6;
    head.rtm_dst_len = head.rtm_src_len = static_cast<unsigned char>(bytes * 8);
    head.rtm_flags = RTM_F_FIB_MATCH;
    netlink::Message request = netlink::make_request(RTM_GETROUTE, 0, head);
    nla_put(request.get(), RTA_DST, static_cast<int>(bytes), &question.destination.address);
    nla_put(request.get(), RTA_SRC, static_cast<int>(bytes), &question.source.address);
    nla_put_u32(request.get(), RTA_IIF, ifindex[question.port]);
    if (question.protocol != 0) {
      nla_put_u8(request.get(), RTA_IP_PROTO, question.protocol);
      nla_put_u16(request.get(), RTA_SPORT, htons(question.source_port));
      nla_put_u16(request.get(), RTA_DPORT, htons(question.destination_port));
    }
    std::optional<netlink::Route> route;
    const Status done = socket->transact(std::move(request), [&](const nlmsghdr& message) {
      if (auto found = netlink::parse_route(message)) route = std::move(*found);
    });
    if (done) {
      REQUIRE(route);
      return of_route(*route);
    }
    switch (done.error().code) {
      case EACCES: return {DP_ROUTE_PROHIBITED, {}};
      case EHOSTUNREACH: return {DP_ROUTE_UNREACHABLE, {}};
      case EINVAL: return {DP_ROUTE_BLACKHOLE, {}};
      case ENETUNREACH: return {DP_ROUTE_NONE, {}};
      default: FAIL("Linux answers: " << done.error().text); return {};
    }
  }

  // Among IPv6 routes of one prefix and metric that do not form a multipath route, Linux takes turns (rt6_select): both
  // are answers of such routes.
  bool take_turns(const Question& question, const Answer& one, const Answer& other) {
    if (question.destination.family != DP_FAMILY_V6) return false;
    for (const auto& [key, list] : mirror->route_lists()) {
      if (key.prefix.base.family != DP_FAMILY_V6 || !key.prefix.contains(question.destination)) continue;
      for (const netlink::Route& a : list)
        for (const netlink::Route& b : list)
          if (a.metric == b.metric && of_route(a) == one && of_route(b) == other) return true;
    }
    return false;
  }

  TestNamespace space{"routes-gw"};
  TestNamespace far{"routes-far"};
  std::optional<netlink::Mirror> mirror;
  std::optional<netlink::Socket> socket;
  std::vector<std::uint32_t> ifindex = std::vector<std::uint32_t>(kPorts + 1);
  std::map<IpAddress, std::uint16_t> hops;
  std::vector<std::uint32_t> fib = std::vector<std::uint32_t>(1 << 16);
  std::vector<dp_route> routes = std::vector<dp_route>(4096);
  std::vector<dp_path> paths = std::vector<dp_path>(4096);
  std::vector<dp_route_rule> route_rules = std::vector<dp_route_rule>(2 * DP_ROUTE_RULES_MAX);
  RouteTables tables{{fib, routes, paths}};
  struct NoNeighbours final : NeighbourSource {
    std::uint32_t neighbour(const dp_neighbour_key&) const noexcept override { return 0; }
  } neighbours;
  dp_env env{[this] {
               SharedTables shared;
               shared.route_rules = route_rules;
               shared.routes = routes;
               shared.paths = paths;
               shared.fib = fib;
               return shared;
             }(),
             neighbours};
};

class Asker {
 public:
  explicit Asker(std::uint32_t seed) : random_(seed) {}

  Question next() {
    Question question;
    const bool v6 = below(2) != 0;
    question.destination = v6 ? address6() : address4();
    question.source = parse_address(v6 ? fmt::format("2001:db8:a{}::{}", below(3), 9 + below(9))
                                       : fmt::format("10.{}.{}.{}", below(3), below(256), 1 + below(250)));
    question.port = static_cast<std::uint16_t>(1 + below(kPorts));
    if (below(2) == 0) {
      question.protocol = below(2) == 0 ? 6 : 17;
      question.source_port = static_cast<std::uint16_t>(1024 + below(1000));
      question.destination_port = static_cast<std::uint16_t>(78 + below(15));
    }
    return question;
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return random_() % bound; }
  IpAddress address4() {
    switch (below(4)) {
      case 0: return parse_address(fmt::format("192.0.2.{}", below(52)));
      case 1: return parse_address(fmt::format("198.51.100.{}", below(6)));
      default: return parse_address(fmt::format("10.{}.{}.{}", below(4), below(256), below(256)));
    }
  }
  IpAddress address6() {
    if (below(3) == 0) return parse_address(fmt::format("2001:db8:{}::{}", below(4), 1 + below(4)));
    return parse_address(fmt::format("2001:db8:a{}:{:x}::{:x}", below(4), below(65536), 1 + below(65535)));
  }

  std::mt19937 random_;
};

std::uint32_t questions_each() {
  const char* wanted = std::getenv("TWINPATH_ROUTE_QUESTIONS");
  return wanted != nullptr ? static_cast<std::uint32_t>(std::stoul(wanted)) : 50;
}

}  // namespace

TEST_CASE("after each of 300 random changes of routes and rules packets go where Linux sends them") {
  if (!require_root()) return;
  // The same changes in every run; another seed is another 300.
  const char* wanted = std::getenv("TWINPATH_SEED");
  const std::uint32_t seed = wanted != nullptr ? static_cast<std::uint32_t>(std::stoul(wanted)) : 1128;
  MESSAGE("seed " << seed);
  Lab lab;
  RandomChange change{seed};
  Asker asker{seed + 1};
  std::string log;
  for (int i = 1; i <= 300; ++i) {
    const std::string command = change.next_of_routing();
    const bool done = lab.space.attempt(command).status == 0;
    log += command + (done ? "\n" : "   (refused)\n");
    lab.follow();
    for (std::uint32_t asked = 0; asked < questions_each(); ++asked) {
      const Question question = asker.next();
      const Answer right = lab.linux_says(question);
      const Answer answer = lab.ours(question);
      if (answer == right || lab.take_turns(question, right, answer)) continue;
      FAIL("seed " << seed << " change " << i << ": from " << to_string(question.source) << " to "
                   << to_string(question.destination) << " by port " << question.port << " protocol "
                   << static_cast<int>(question.protocol) << " ports " << question.source_port << " "
                   << question.destination_port << "\nLinux " << text_of(right) << "\nours  " << text_of(answer)
                   << "\nmirror and Linux differ in:\n"
                   << difference(view_of(*lab.mirror), view_of(lab.space)) << "\nafter\n"
                   << log
                   << (question.destination.family == DP_FAMILY_V4
                           ? lab.space.run("ip -4 rule; ip -4 route show table all")
                           : lab.space.run("ip -6 rule; ip -6 route show table all")));
    }
  }
}
