#include "netlink/dumper.hpp"

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "netlink/parse.hpp"

namespace twinpath::netlink {
namespace {

constexpr int kDumpAttempts = 8;

// A table that holds no route yet, a family or a noun that this kernel was built without.
bool means_nothing_there(int code) {
  return code == ENOENT || code == EOPNOTSUPP || code == EAFNOSUPPORT || code == EPROTONOSUPPORT;
}

Message link_request(int flags, std::uint32_t ifindex) {
  ifinfomsg head{};
  head.ifi_index = static_cast<int>(ifindex);
  Message request = make_request(RTM_GETLINK, flags, head);
  nla_put_u32(request.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return request;
}

Message rules_request(int family) {
  fib_rule_hdr head{};
  head.family = static_cast<unsigned char>(family);
  return make_request(RTM_GETRULE, NLM_F_DUMP, head);
}

Message routes_request(int family, std::uint32_t ifindex) {
  rtmsg head{};
  head.rtm_family = static_cast<unsigned char>(family);
  Message request = make_request(RTM_GETROUTE, NLM_F_DUMP, head);
  if (ifindex != 0) nla_put_u32(request.get(), RTA_OIF, ifindex);
  return request;
}

}  // namespace

Result<Dumper> Dumper::open() {
  auto socket = Socket::open(NETLINK_ROUTE);
  if (!socket) return pass_on(socket.error());
  if (Status strict = socket->check_strictly(); !strict) return pass_on(strict.error());
  return Dumper{std::move(*socket)};
}

template <class T, class MakeRequest>
Result<std::vector<T>> Dumper::collect(const MakeRequest& make, std::optional<T> (*parse)(const nlmsghdr&)) {
  for (int attempt = 1;; ++attempt) {
    std::vector<T> found;
    Status done = socket_.transact(make(), [&](const nlmsghdr& message) {
      if (auto value = parse(message)) found.push_back(std::move(*value));
    });
    if (done || means_nothing_there(done.error().code)) return found;
    if (done.error().code != EINTR || attempt == kDumpAttempts) return pass_on(done.error());
  }
}

template <class T, class MakeRequest>
Result<std::vector<T>> Dumper::collect_families(const MakeRequest& make, std::optional<T> (*parse)(const nlmsghdr&)) {
  std::vector<T> all;
  for (int family : {AF_INET, AF_INET6}) {
    auto some = collect<T>([&] { return make(family); }, parse);
    if (!some) return some;
    all.insert(all.end(), std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
  }
  return all;
}

Result<std::vector<Link>> Dumper::links() {
  return collect<Link>([] { return link_request(NLM_F_DUMP, 0); }, parse_link);
}

Result<std::vector<Address>> Dumper::addresses() {
  return collect<Address>([] { return make_request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}); }, parse_address_message);
}

Result<std::vector<Nexthop>> Dumper::nexthops() {
  return collect<Nexthop>([] { return make_request(RTM_GETNEXTHOP, NLM_F_DUMP, nhmsg{}); }, parse_nexthop);
}

Result<std::vector<Neighbour>> Dumper::neighbours() {
  return collect<Neighbour>([] { return make_request(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{}); }, parse_neighbour);
}

Result<std::vector<RouteRule>> Dumper::rules() {
  return collect_families<RouteRule>([](int family) { return rules_request(family); }, parse_rule);
}

Result<std::vector<Route>> Dumper::routes(std::uint32_t ifindex) {
  return collect_families<Route>([&](int family) { return routes_request(family, ifindex); }, parse_route);
}

Result<Link> Dumper::one_link(Message request, const std::string& wanted) {
  std::optional<Link> found;
  Status done = socket_.transact(std::move(request), [&](const nlmsghdr& message) { found = parse_link(message); });
  if (!done) return pass_on(Error{done.error()}.in(fmt::format("device {}", wanted)));
  if (!found) return refuse("device {}: the kernel's answer is not understood", wanted);
  return *found;
}

Result<Link> Dumper::link(std::uint32_t ifindex) {
  return one_link(link_request(0, ifindex), fmt::format("number {}", ifindex));
}

Result<Link> Dumper::link(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return fail(ENODEV, "device {}", name);
  Message request = link_request(0, 0);
  nla_put_string(request.get(), IFLA_IFNAME, name.c_str());
  return one_link(std::move(request), name);
}

Status Dumper::wait_for_changes_under_way() {
  constexpr std::uint32_t kLoopback = 1;  // exists in every namespace
  auto answer = link(kLoopback);
  if (!answer) return pass_on(answer.error());
  return {};
}

}  // namespace twinpath::netlink
