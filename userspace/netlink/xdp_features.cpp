#include "netlink/xdp_features.hpp"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include <string_view>

#include "netlink/generic.hpp"

namespace twinpath::netlink {
namespace {

// include/uapi/linux/netdev.h of Linux 6.3 and later; Debian 12's headers do not have it.
constexpr char kFamily[] = "netdev";
constexpr std::string_view kGroup = "mgmt";
enum Command : std::uint8_t { kDevGet = 1, kDevAdded = 2, kDevDeleted = 3, kDevChanged = 4 };
enum DeviceAttribute { kIfindex = 1, kXdpFeatures = 3 };
constexpr std::uint8_t kVersion = 1;

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
  auto family = find_generic_family(*questions, kFamily, kGroup);
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
  Message request = make_generic_request(family_, kDevGet, kVersion, 0);
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
  Status done =
      questions_.transact(make_generic_request(family_, kDevGet, kVersion, NLM_F_DUMP), [&](const nlmsghdr& message) {
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
