#include "netlink/channel_watch.hpp"

#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "netlink/generic.hpp"

namespace twinpath::netlink {
namespace {

// 0: the message is about something else.
std::uint32_t changed_device(const nlmsghdr& message) {
  if (nlmsg_datalen(&message) < static_cast<int>(sizeof(genlmsghdr))) return 0;
  if (static_cast<const genlmsghdr*>(nlmsg_data(&message))->cmd != ETHTOOL_MSG_CHANNELS_NTF) return 0;
  nlattr* fields[ETHTOOL_A_CHANNELS_MAX + 1] = {};
  nlattr* head[ETHTOOL_A_HEADER_MAX + 1] = {};
  if (nlmsg_parse(const_cast<nlmsghdr*>(&message), GENL_HDRLEN, fields, ETHTOOL_A_CHANNELS_MAX, nullptr) < 0) return 0;
  nlattr* nest = fields[ETHTOOL_A_CHANNELS_HEADER];
  if (nest == nullptr || nla_parse_nested(head, ETHTOOL_A_HEADER_MAX, nest, nullptr) < 0) return 0;
  return head[ETHTOOL_A_HEADER_DEV_INDEX] != nullptr ? nla_get_u32(head[ETHTOOL_A_HEADER_DEV_INDEX]) : 0;
}

}  // namespace

Result<ChannelWatch> ChannelWatch::open() {
  auto news = Socket::open(NETLINK_GENERIC);
  if (!news) return pass_on(news.error());
  auto questions = Socket::open(NETLINK_GENERIC);
  if (!questions) return pass_on(questions.error());
  auto family = find_generic_family(*questions, ETHTOOL_GENL_NAME, ETHTOOL_MCGRP_MONITOR_NAME);
  if (!family) return pass_on(family.error());
  if (Status joined = news->join(family->group); !joined) return pass_on(joined.error());
  return ChannelWatch{std::move(*news), family->id};
}

Result<std::set<std::uint32_t>> ChannelWatch::process() {
  std::set<std::uint32_t> changed;
  for (;;) {
    auto datagram = news_.receive();
    if (!datagram && datagram.error().code == ENOBUFS) continue;
    if (!datagram) return pass_on(datagram.error());
    if (datagram->empty()) return changed;
    for_each_message(*datagram, [&](const nlmsghdr& message) {
      if (message.nlmsg_type != family_) return;
      if (const std::uint32_t ifindex = changed_device(message); ifindex != 0) changed.insert(ifindex);
    });
  }
}

}  // namespace twinpath::netlink
