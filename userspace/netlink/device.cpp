#include "netlink/device.hpp"

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <algorithm>

#include "netlink/dumper.hpp"
#include "netlink/ethtool.hpp"

namespace twinpath::netlink {
namespace {

// This namespace's id for the one behind `fd`; -1 when it has none.
Result<std::int32_t> netns_id(Socket& socket, int fd) {
  std::int32_t id = NETNSA_NSID_NOT_ASSIGNED;
  Message request = make_request(RTM_GETNSID, 0, rtgenmsg{});
  nla_put_u32(request.get(), NETNSA_FD, static_cast<std::uint32_t>(fd));
  Status done = socket.transact(std::move(request), [&](const nlmsghdr& message) {
    nlattr* attribute = nlmsg_find_attr(const_cast<nlmsghdr*>(&message), sizeof(rtgenmsg), NETNSA_NSID);
    if (attribute != nullptr) id = nla_get_s32(attribute);
  });
  if (!done) return pass_on(done.error());
  return id;
}

Result<std::optional<Netns>> peer_netns(const Link& link) {
  std::vector<Netns> candidates = reachable_netns();
  auto own = own_netns();
  if (!own) return pass_on(own.error());
  auto socket = Socket::open(NETLINK_ROUTE);
  if (!socket) return pass_on(socket.error());
  for (Netns& netns : candidates) {
    bool same = link.peer_netnsid < 0;
    auto id = same ? Result<std::int32_t>{-1} : netns_id(*socket, netns.fd.get());
    bool found = same ? netns.inode == *own : id && *id == link.peer_netnsid;
    if (found) return std::optional<Netns>{std::move(netns)};
  }
  return std::optional<Netns>{};
}

template <class Wanted>
Result<Link> request_link(const Wanted& wanted) {
  auto dumper = Dumper::open();
  if (!dumper) return pass_on(dumper.error());
  return dumper->link(wanted);
}

}  // namespace

Result<Link> find_device(const std::string& name) { return request_link(name); }
Result<Link> find_device(std::uint32_t ifindex) { return request_link(ifindex); }

Result<std::map<std::uint32_t, Link>> list_devices() {
  auto dumper = Dumper::open();
  if (!dumper) return pass_on(dumper.error());
  auto links = dumper->links();
  if (!links) return pass_on(links.error());
  std::map<std::uint32_t, Link> devices;
  for (Link& link : *links) devices.emplace(link.ifindex, std::move(link));
  return devices;
}

Result<std::uint32_t> count_rx_queues(const Link& link) {
  auto channels = read_channels(link.name);
  if (channels && channels->rx != 0) return channels->rx;
  if (!channels && channels.error().code != EOPNOTSUPP) return pass_on(channels.error());
  return std::max(link.rx_queues, 1u);
}

Result<std::optional<VethPeer>> find_peer(const Link& link) {
  std::optional<VethPeer> none;
  if (link.kind != "veth" || link.peer_ifindex == 0) return none;
  auto netns = peer_netns(link);
  if (!netns) return pass_on(netns.error());
  if (!*netns) return none;
  VethPeer peer{{}, link.peer_ifindex, (*netns)->inode};
  Status asked = run_in_netns(**netns, [&]() -> Status {
    auto other = find_device(peer.ifindex);
    if (!other) return pass_on(other.error());
    if (other->kind == "veth" && other->peer_ifindex == link.ifindex) peer.name = other->name;
    return {};
  });
  if (!asked) return pass_on(asked.error());
  // Another device by that number: the pair was taken apart meanwhile.
  return peer.name.empty() ? none : std::optional{peer};
}

}  // namespace twinpath::netlink
