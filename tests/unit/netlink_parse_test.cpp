// Messages as the kernel writes them, built by hand with libnl.
#include <doctest/doctest.h>

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include "netlink/parse.hpp"
#include "netlink/socket.hpp"

using namespace twinpath::netlink;

namespace {

void put_address(nl_msg* message, int type, const char* text) {
  IpAddress ip = parse_address(text);
  nla_put(message, type, ip.family == DP_FAMILY_V4 ? 4 : 16, &ip.address);
}

Message route_message(int family = AF_INET, std::uint8_t type = RTN_UNICAST) {
  rtmsg head{};
  head.rtm_family = static_cast<unsigned char>(family);
  head.rtm_dst_len = 24;
  head.rtm_table = RT_TABLE_MAIN;
  head.rtm_type = type;
  Message message = make_request(RTM_NEWROUTE, 0, head);
  put_address(message.get(), RTA_DST, family == AF_INET ? "192.0.2.0" : "2001:db8::");
  return message;
}

rtmsg& head_of(const Message& message) { return *static_cast<rtmsg*>(nlmsg_data(nlmsg_hdr(message.get()))); }

}  // namespace

TEST_CASE("an IPv4 route may have an IPv6 gateway") {
  Message message = route_message();
  nla_put_u32(message.get(), RTA_OIF, 3);
  std::uint8_t via[sizeof(rtvia) + 16] = {AF_INET6};  // struct rtvia: the family in two bytes, then the address
  IpAddress gateway = parse_address("2001:db8::1");
  std::memcpy(via + sizeof(rtvia), &gateway.address, 16);
  nla_put(message.get(), RTA_VIA, sizeof via, via);
  auto route = parse_route(*nlmsg_hdr(message.get()));
  REQUIRE(route);
  REQUIRE(route->paths.size() == 1);
  CHECK(route->paths[0].gateway == gateway);
  CHECK(route->paths[0].ifindex == 3);
}

TEST_CASE("routes of a cache, of another family or with an impossible prefix are left out") {
  Message message = route_message(AF_INET6);
  REQUIRE(parse_route(*nlmsg_hdr(message.get())));
  SUBCASE("cached") { head_of(message).rtm_flags |= RTM_F_CLONED; }
  SUBCASE("longer than an address") { head_of(message).rtm_dst_len = 129; }
  SUBCASE("from a prefix longer than an address") { head_of(message).rtm_src_len = 200; }
  SUBCASE("of another family") { head_of(message).rtm_family = AF_MPLS; }
  CHECK_FALSE(parse_route(*nlmsg_hdr(message.get())));
}

TEST_CASE("a route that goes nowhere has no path, though IPv6 names the loopback device") {
  Message message = route_message(AF_INET6, RTN_UNREACHABLE);
  nla_put_u32(message.get(), RTA_OIF, 1);
  auto route = parse_route(*nlmsg_hdr(message.get()));
  REQUIRE(route);
  CHECK(route->kind == RouteKind::unreachable);
  CHECK(route->paths.empty());
}

TEST_CASE("a multipath attribute that is cut short yields the whole paths before the cut") {
  Message message = route_message();
  struct {
    rtnexthop first{};
    rtnexthop second{};
  } hops;
  hops.first.rtnh_len = sizeof(rtnexthop);
  hops.first.rtnh_ifindex = 7;
  hops.first.rtnh_hops = 4;
  hops.second.rtnh_len = 200;
  nla_put(message.get(), RTA_MULTIPATH, sizeof hops, &hops);
  auto route = parse_route(*nlmsg_hdr(message.get()));
  REQUIRE(route);
  REQUIRE(route->paths.size() == 1);
  CHECK(route->paths[0].weight == 5);
}

TEST_CASE("a message of every length up to whole is parsed or refused, never read beyond") {
  Message message = route_message();
  put_address(message.get(), RTA_GATEWAY, "192.0.2.1");
  const auto* whole = reinterpret_cast<const std::uint8_t*>(nlmsg_hdr(message.get()));
  std::uint32_t bytes = nlmsg_hdr(message.get())->nlmsg_len;
  for (std::uint32_t cut = sizeof(nlmsghdr); cut < bytes; ++cut) {
    std::vector<std::uint8_t> copy(whole, whole + cut);  // its end is the heap's, for the sanitizer to see
    auto& header = *reinterpret_cast<nlmsghdr*>(copy.data());
    header.nlmsg_len = cut;
    if (cut < sizeof(nlmsghdr) + sizeof(rtmsg))
      CHECK_FALSE(parse_route(header));
    else if (auto route = parse_route(header))
      CHECK(route->paths.empty());
  }
}

TEST_CASE("what a bridge says about its port is not about the link") {
  ifinfomsg head{};
  head.ifi_index = 3;
  Message link = make_request(RTM_NEWLINK, 0, head);
  CHECK(parse_link(*nlmsg_hdr(link.get())));
  head.ifi_family = AF_BRIDGE;
  Message port = make_request(RTM_DELLINK, 0, head);
  CHECK_FALSE(parse_link(*nlmsg_hdr(port.get())));
}

TEST_CASE("a VLAN device names its parent, id and protocol") {
  ifinfomsg head{};
  head.ifi_index = 9;
  Message message = make_request(RTM_NEWLINK, 0, head);
  nla_put_string(message.get(), IFLA_IFNAME, "lan0.42");
  nla_put_u32(message.get(), IFLA_LINK, 4);
  nlattr* info = nla_nest_start(message.get(), IFLA_LINKINFO);
  nla_put_string(message.get(), IFLA_INFO_KIND, "vlan");
  nlattr* data = nla_nest_start(message.get(), IFLA_INFO_DATA);
  nla_put_u16(message.get(), IFLA_VLAN_ID, 42);
  nla_put_u16(message.get(), IFLA_VLAN_PROTOCOL, htons(0x88a8));
  nla_nest_end(message.get(), data);
  nla_nest_end(message.get(), info);
  auto link = parse_link(*nlmsg_hdr(message.get()));
  REQUIRE(link);
  CHECK(link->name == "lan0.42");
  CHECK(link->parent_ifindex == 4);
  CHECK(link->vlan_id == 42);
  CHECK(link->vlan_protocol == 0x88a8);
  CHECK(link->peer_ifindex == 0);
}

TEST_CASE("a link has its type, its alternative names, and no parent when that is in another namespace") {
  ifinfomsg head{};
  head.ifi_type = 65534;
  head.ifi_index = 7;
  Message message = make_request(RTM_NEWLINK, 0, head);
  nla_put_string(message.get(), IFLA_IFNAME, "vpn0");
  nla_put_u32(message.get(), IFLA_LINK, 4);
  SUBCASE("parent here") {}
  SUBCASE("parent elsewhere") { nla_put_u32(message.get(), IFLA_LINK_NETNSID, 0); }
  const bool elsewhere = nlmsg_find_attr(nlmsg_hdr(message.get()), sizeof(ifinfomsg), IFLA_LINK_NETNSID) != nullptr;
  nlattr* names = nla_nest_start(message.get(), IFLA_PROP_LIST);
  nla_put_string(message.get(), IFLA_ALT_IFNAME, "headquarters");
  nla_put_string(message.get(), IFLA_ALT_IFNAME, "hq");
  nla_nest_end(message.get(), names);
  auto link = parse_link(*nlmsg_hdr(message.get()));
  REQUIRE(link);
  CHECK(link->hardware == 65534);
  CHECK(link->other_names == std::vector<std::string>{"headquarters", "hq"});
  CHECK(link->parent_ifindex == (elsewhere ? 0 : 4));
}

TEST_CASE("a VRF device names its table") {
  Message message = make_request(RTM_NEWLINK, 0, ifinfomsg{});
  nla_put_string(message.get(), IFLA_IFNAME, "red");
  nlattr* info = nla_nest_start(message.get(), IFLA_LINKINFO);
  nla_put_string(message.get(), IFLA_INFO_KIND, "vrf");
  nlattr* data = nla_nest_start(message.get(), IFLA_INFO_DATA);
  nla_put_u32(message.get(), IFLA_VRF_TABLE, 1001);
  nla_nest_end(message.get(), data);
  nla_nest_end(message.get(), info);
  auto link = parse_link(*nlmsg_hdr(message.get()));
  REQUIRE(link);
  CHECK(link->vrf_table == 1001);
}

TEST_CASE("neighbours that are no neighbours are left out") {
  struct {
    const char* name;
    const char* address;
    std::uint8_t flags;
    bool taken;
  } cases[] = {
      {"a host", "192.0.2.1", 0, true},
      {"a host that a control plane supplied", "192.0.2.1", NTF_EXT_LEARNED, true},
      {"a proxy entry", "192.0.2.1", NTF_PROXY, false},
      {"an IPv4 group", "224.0.0.22", 0, false},
      {"an IPv6 group", "ff02::1", 0, false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    ndmsg head{};
    head.ndm_family = parse_address(c.address).family == DP_FAMILY_V4 ? AF_INET : AF_INET6;
    head.ndm_flags = c.flags;
    head.ndm_state = NUD_REACHABLE;
    Message message = make_request(RTM_NEWNEIGH, 0, head);
    put_address(message.get(), NDA_DST, c.address);
    auto neighbour = parse_neighbour(*nlmsg_hdr(message.get()));
    CHECK(neighbour.has_value() == c.taken);
    if (neighbour) CHECK(neighbour->fixed() == (c.flags == NTF_EXT_LEARNED));
  }
}

TEST_CASE("a nexthop group's weights use both bytes") {
  nhmsg head{};
  Message message = make_request(RTM_NEWNEXTHOP, 0, head);
  nla_put_u32(message.get(), NHA_ID, 3);
  std::uint8_t members[2][8] = {{1, 0, 0, 0, 4, 0, 0, 0}, {2, 0, 0, 0, 0xff, 1, 0, 0}};
  nla_put(message.get(), NHA_GROUP, sizeof members, members);
  auto nexthop = parse_nexthop(*nlmsg_hdr(message.get()));
  REQUIRE(nexthop);
  REQUIRE(nexthop->members.size() == 2);
  CHECK(nexthop->members[0].weight == 5);
  CHECK(nexthop->members[1].weight == 512);
}

TEST_CASE("a prefix keeps no bits behind its length") {
  CHECK(to_string(make_prefix(parse_address("10.1.255.255"), 20).base) == "10.1.240.0");
  CHECK(to_string(make_prefix(parse_address("10.1.2.3"), 0).base) == "0.0.0.0");
  CHECK(to_string(make_prefix(parse_address("10.1.2.3"), 32).base) == "10.1.2.3");
  CHECK(to_string(make_prefix(parse_address("2001:db8:ffff::1"), 33).base) == "2001:db8:8000::");
}
