// The kernel's rules for routes of equal prefix, step by step; routes are told apart by their gateway's last number.
#include <doctest/doctest.h>

#include <linux/rtnetlink.h>

#include "netlink/route_store.hpp"

using namespace twinpath::netlink;

namespace {

Route v4(int gateway, std::uint32_t metric = 0) {
  Route route;
  route.prefix = make_prefix(parse_address("10.0.0.0"), 8);
  route.table = RT_TABLE_MAIN;
  route.metric = metric;
  route.paths = {{parse_address("192.0.2." + std::to_string(gateway)), 1}};
  return route;
}

Route v6(std::initializer_list<int> gateways) {
  Route route;
  route.prefix = make_prefix(parse_address("2001:db8:1::"), 48);
  route.table = RT_TABLE_MAIN;
  route.metric = 1024;
  for (int gateway : gateways) route.paths.push_back({parse_address("2001:db8::" + std::to_string(gateway)), 1});
  return route;
}

Route v6_on_link(std::uint32_t ifindex) {
  Route route = v6({});
  route.paths = {{{}, ifindex}};
  return route;
}

// "2 1|3": the last numbers of the gateways, one route after the other; on-link paths as "dev N".
std::string order(const RouteStore& store) {
  std::string text;
  for (const auto& [key, list] : store.lists())
    for (const Route& route : list) {
      if (!text.empty()) text += '|';
      for (const Path& path : route.paths) {
        std::string gateway = to_string(path.gateway);
        std::string name =
            gateway.empty() ? "dev " + std::to_string(path.ifindex) : gateway.substr(gateway.find_last_of(".:") + 1);
        text += (&path == route.paths.data() ? "" : " ") + name;
      }
    }
  return text;
}

bool never(const Route&) { return false; }

}  // namespace

TEST_CASE("IPv4: added goes in front, appended behind, replacing takes the first one's place") {
  RouteStore store;
  CHECK(store.add(v4(1), RouteChange::put));
  CHECK(store.add(v4(2), RouteChange::put));
  CHECK(order(store) == "2|1");
  CHECK(store.add(v4(3), RouteChange::append));
  CHECK(order(store) == "2|1|3");
  CHECK(store.add(v4(4), RouteChange::replace));
  CHECK(order(store) == "4|1|3");
}

TEST_CASE("a lower metric goes before a higher one, whatever came first") {
  RouteStore store;
  store.add(v4(1, 20), RouteChange::put);
  store.add(v4(2, 10), RouteChange::append);
  store.add(v4(3, 20), RouteChange::put);
  CHECK(order(store) == "2|3|1");
  CHECK(store.remove(v4(2, 10)));
  CHECK(order(store) == "3|1");
}

TEST_CASE("replacing where nothing is adds") {
  RouteStore store;
  CHECK(store.add(v4(1), RouteChange::replace));
  CHECK(order(store) == "1");
}

TEST_CASE("announcements that were already in the dump change nothing in the end") {
  RouteStore dumped;
  for (int gateway : {3, 1}) dumped.add(v4(gateway), RouteChange::listed);
  RouteStore replayed = dumped;
  // What led from nothing to the dump: 1, then 2 in front, then 3 in 2's place.
  replayed.add(v4(1), RouteChange::put);
  replayed.add(v4(2), RouteChange::put);
  replayed.add(v4(3), RouteChange::replace);
  CHECK(order(replayed) == order(dumped));
  CHECK_FALSE(replayed.remove(v4(2)));
}

TEST_CASE("the same announcement twice is no change") {
  RouteStore store;
  store.add(v4(1), RouteChange::put);
  CHECK_FALSE(store.add(v4(1), RouteChange::put));
  store.add(v6({1, 2}), RouteChange::put);
  CHECK_FALSE(store.add(v6({1, 2}), RouteChange::append));
  CHECK_FALSE(store.remove(v4(9)));
}

TEST_CASE("IPv6: routes by gateways are one multipath route, announced whole and taken apart path by path") {
  RouteStore store;
  store.add(v6({1}), RouteChange::put);
  store.add(v6({1, 2}), RouteChange::append);
  store.add(v6({1, 2, 3}), RouteChange::append);
  CHECK(order(store) == "1 2 3");
  CHECK(store.remove(v6({2})));
  CHECK(order(store) == "1 3");
  CHECK(store.remove(v6({1, 3})));
  CHECK(store.size() == 0);
}

TEST_CASE("IPv6: on-link routes of one prefix stand side by side") {
  RouteStore store;
  store.add(v6_on_link(1), RouteChange::put);
  store.add(v6_on_link(2), RouteChange::put);
  store.add(v6({7}), RouteChange::put);
  CHECK(order(store) == "dev 1|dev 2|7");
  CHECK(store.add(v6({8}), RouteChange::replace));
  CHECK(order(store) == "dev 1|dev 2|8");
  CHECK(store.add(v6_on_link(3), RouteChange::replace));
  CHECK(order(store) == "dev 3|dev 2|8");
}

TEST_CASE("IPv6: a route that is there twice is listed twice, and one of them going leaves open which") {
  RouteStore store;
  CHECK(store.add(v6_on_link(1), RouteChange::listed));
  CHECK(store.add(v6_on_link(1), RouteChange::listed));
  CHECK(order(store) == "dev 1|dev 1");
  CHECK_FALSE(store.add(v6_on_link(1), RouteChange::put));
  CHECK(store.doubtful(v6_on_link(1), RouteChange::put));
  CHECK(store.remove(v6_on_link(1)));
  CHECK(order(store) == "dev 1");
}

TEST_CASE("IPv6: a multipath route beside another sort leaves open whether it replaced it") {
  RouteStore store;
  store.add(v6_on_link(1), RouteChange::put);
  CHECK(store.doubtful(v6({1, 2}), RouteChange::put));
  CHECK(store.doubtful(v6({1}), RouteChange::replace));
  CHECK_FALSE(store.doubtful(v6_on_link(2), RouteChange::replace));
  CHECK_FALSE(store.doubtful(v6_on_link(2), RouteChange::put));
  CHECK_FALSE(store.doubtful(v4(1), RouteChange::put));
}

TEST_CASE("a replacement by a route with a nexthop object may be none, when other routes stand beside it") {
  RouteStore store;
  Route route = v4(1);
  route.nexthop_id = 5;
  store.add(route, RouteChange::put);
  CHECK_FALSE(store.doubtful(route, RouteChange::replace));
  store.add(v4(2), RouteChange::put);
  CHECK(store.doubtful(route, RouteChange::replace));
}

TEST_CASE("a nexthop object that goes takes its routes along") {
  RouteStore store;
  Route route = v4(1);
  route.nexthop_id = 5;
  store.add(route, RouteChange::put);
  store.add(v4(2), RouteChange::append);
  RouteStore::Keys changed;
  store.remove_nexthop(5, changed);
  CHECK(order(store) == "2");
  CHECK(changed == RouteStore::Keys{key_of(route)});
  changed.clear();
  store.remove_nexthop(5, changed);
  CHECK(changed.empty());
}

namespace {

template <class UsesDevice>
RouteStore::Keys reconcile(RouteStore& store, const UsesDevice& uses_device, std::uint32_t ifindex,
                           std::span<const Route> fresh) {
  RouteStore::Keys changed;
  store.reconcile(uses_device, ifindex, fresh, changed);
  return changed;
}

}  // namespace

TEST_CASE("reconciling a device drops what is gone, refreshes flags in place, adds what is new") {
  RouteStore store;
  for (int gateway : {1, 2, 3}) store.add(v4(gateway), RouteChange::append);
  Route kept = v4(2);
  kept.paths[0].linkdown = true;
  auto over = [](const Route& route) { return !route.paths.empty() && route.paths[0].ifindex == 1; };
  std::vector<Route> fresh{kept, v4(4)};
  CHECK(reconcile(store, over, 1, fresh) == RouteStore::Keys{key_of(kept)});
  CHECK(order(store) == "2|4");
  CHECK(store.lists().begin()->second[0].paths[0].linkdown);
  CHECK(reconcile(store, over, 1, fresh).empty());
  CHECK(reconcile(store, never, 1, {}).empty());
}

TEST_CASE("reconciling a device takes only its paths out of an IPv6 multipath route") {
  RouteStore store;
  Route route = v6({1, 2});
  route.paths[1].ifindex = 2;
  store.add(route, RouteChange::put);
  auto over = [](const Route&) { return true; };
  CHECK_FALSE(reconcile(store, over, 2, {}).empty());
  CHECK(order(store) == "1");
}
