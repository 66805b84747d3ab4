#include "netlink/xdp_features.hpp"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include <string_view>

namespace twinpath::netlink {
namespace {

// include/uapi/linux/netdev.h of Linux 6.3 and later; Debian 12's headers do not have it.
constexpr char kFamily[] = "netdev";
constexpr std::string_view kGroup = "mgmt";
enum Command : std::uint8_t { kDevGet = 1, kDevAdded = 2, kDevDeleted = 3, kDevChanged = 4 };
enum DeviceAttribute { kIfindex = 1, kXdpFeatures = 3 };
constexpr std::uint8_t kVersion = 1;

struct Family {
  std::uint16_t id = 0;
  int group = 0;
};

Message make_generic(std::uint16_t family, std::uint8_t command, std::uint8_t version, int flags) {
  genlmsghdr head{};
  head.cmd = command;
  head.version = version;
  return make_request(family, flags, head);
}

int group_in(nlattr* groups) {
  int left = 0;
  nlattr* group = nullptr;
  nla_for_each_nested(group, groups, left) {
    nlattr* fields[CTRL_ATTR_MCAST_GRP_MAX + 1] = {};
    if (nla_parse_nested(fields, CTRL_ATTR_MCAST_GRP_MAX, group, nullptr) < 0) continue;
    if (fields[CTRL_ATTR_MCAST_GRP_NAME] == nullptr || fields[CTRL_ATTR_MCAST_GRP_ID] == nullptr) continue;
    if (nla_get_string(fields[CTRL_ATTR_MCAST_GRP_NAME]) == kGroup)
      return static_cast<int>(nla_get_u32(fields[CTRL_ATTR_MCAST_GRP_ID]));
  }
  return 0;
}

Result<Family> find_family(Socket& socket) {
  Family family;
  Message request = make_generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
  nla_put_string(request.get(), CTRL_ATTR_FAMILY_NAME, kFamily);
  Status done = socket.transact(std::move(request), [&](const nlmsghdr& message) {
    nlattr* fields[CTRL_ATTR_MAX + 1] = {};
    if (nlmsg_parse(const_cast<nlmsghdr*>(&message), GENL_HDRLEN, fields, CTRL_ATTR_MAX, nullptr) < 0) return;
    if (fields[CTRL_ATTR_FAMILY_ID] != nullptr) family.id = nla_get_u16(fields[CTRL_ATTR_FAMILY_ID]);
    if (fields[CTRL_ATTR_MCAST_GROUPS] != nullptr) family.group = group_in(fields[CTRL_ATTR_MCAST_GROUPS]);
  });
  bool absent = !done && done.error().code == ENOENT;
  if (absent || (done && (family.id == 0 || family.group == 0)))
    return fail(EOPNOTSUPP, "ask the kernel for XDP features (generic netlink family {})", kFamily);
  if (!done) return pass_on(done.error());
  return family;
}

std::optional<XdpFeatures> parse_features(const nlmsghdr& message) {
  nlattr* fields[kXdpFeatures + 1] = {};
  if (nlmsg_parse(const_cast<nlmsghdr*>(&message), GENL_HDRLEN, fields, kXdpFeatures, nullptr) < 0) return {};
  if (fields[kIfindex] == nullptr) return {};
  XdpFeatures features{nla_get_u32(fields[kIfindex]), 0};
  const auto* head = static_cast<const genlmsghdr*>(nlmsg_data(&message));
  if (fields[kXdpFeatures] != nullptr && head->cmd != kDevDeleted) features.flags = nla_get_u64(fields[kXdpFeatures]);
  return features;
}

}  // namespace

Result<XdpFeatureWatch> XdpFeatureWatch::open() {
  auto questions = Socket::open(NETLINK_GENERIC);
  if (!questions) return pass_on(questions.error());
  auto family = find_family(*questions);
  if (!family) return pass_on(family.error());
  auto news = Socket::open(NETLINK_GENERIC);
  if (!news) return pass_on(news.error());
  if (Status joined = news->join(family->group); !joined) return pass_on(joined.error());
  return XdpFeatureWatch{std::move(*news), std::move(*questions), family->id};
}

Result<std::vector<XdpFeatures>> XdpFeatureWatch::process() {
  std::vector<XdpFeatures> changed;
  bool lost = false;
  for (;;) {
    auto datagram = news_.receive();
    if (!datagram && datagram.error().code != ENOBUFS) return pass_on(datagram.error());
    lost |= !datagram;
    if (!datagram) continue;
    if (datagram->empty()) return lost ? query_all() : changed;
    for_each_message(*datagram, [&](const nlmsghdr& message) {
      if (message.nlmsg_type != family_) return;
      if (auto features = parse_features(message)) changed.push_back(*features);
    });
  }
}

Result<XdpFeatures> XdpFeatureWatch::query(std::uint32_t ifindex) {
  Message request = make_generic(family_, kDevGet, kVersion, 0);
  nla_put_u32(request.get(), kIfindex, ifindex);
  std::optional<XdpFeatures> found;
  Status done =
      questions_.transact(std::move(request), [&](const nlmsghdr& message) { found = parse_features(message); });
  if (!done) return pass_on(Error{done.error()}.in(fmt::format("XDP features of device number {}", ifindex)));
  if (!found) return refuse("XDP features of device number {}: the kernel's answer is not understood", ifindex);
  return *found;
}

Result<std::vector<XdpFeatures>> XdpFeatureWatch::query_all() {
  std::vector<XdpFeatures> found;
  Status done = questions_.transact(make_generic(family_, kDevGet, kVersion, NLM_F_DUMP), [&](const nlmsghdr& message) {
    if (auto features = parse_features(message)) found.push_back(*features);
  });
  if (!done) return pass_on(done.error());
  return found;
}

Result<std::optional<XdpFeatures>> query_xdp_features(std::uint32_t ifindex) {
  auto watch = XdpFeatureWatch::open();
  if (!watch && watch.error().code == EOPNOTSUPP) return std::optional<XdpFeatures>{};
  if (!watch) return pass_on(watch.error());
  auto features = watch->query(ifindex);
  if (!features) return pass_on(features.error());
  return std::optional{*features};
}

}  // namespace twinpath::netlink
