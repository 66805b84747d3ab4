#include "netlink/generic.hpp"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

namespace twinpath::netlink {
namespace {

int group_in(nlattr* groups, std::string_view wanted) {
  int left = 0;
  nlattr* group = nullptr;
  nla_for_each_nested(group, groups, left) {
    nlattr* fields[CTRL_ATTR_MCAST_GRP_MAX + 1] = {};
    if (nla_parse_nested(fields, CTRL_ATTR_MCAST_GRP_MAX, group, nullptr) < 0) continue;
    if (fields[CTRL_ATTR_MCAST_GRP_NAME] == nullptr || fields[CTRL_ATTR_MCAST_GRP_ID] == nullptr) continue;
    if (nla_get_string(fields[CTRL_ATTR_MCAST_GRP_NAME]) == wanted)
      return static_cast<int>(nla_get_u32(fields[CTRL_ATTR_MCAST_GRP_ID]));
  }
  return 0;
}

}  // namespace

Message make_generic_request(std::uint16_t family, std::uint8_t command, std::uint8_t version, int flags) {
  genlmsghdr head{};
  head.cmd = command;
  head.version = version;
  return make_request(family, flags, head);
}

Result<GenericFamily> find_generic_family(Socket& socket, const char* family, std::string_view group) {
  GenericFamily found;
  Message request = make_generic_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
  nla_put_string(request.get(), CTRL_ATTR_FAMILY_NAME, family);
  Status done = socket.transact(std::move(request), [&](const nlmsghdr& message) {
    nlattr* fields[CTRL_ATTR_MAX + 1] = {};
    if (nlmsg_parse(const_cast<nlmsghdr*>(&message), GENL_HDRLEN, fields, CTRL_ATTR_MAX, nullptr) < 0) return;
    if (fields[CTRL_ATTR_FAMILY_ID] != nullptr) found.id = nla_get_u16(fields[CTRL_ATTR_FAMILY_ID]);
    if (fields[CTRL_ATTR_MCAST_GROUPS] != nullptr) found.group = group_in(fields[CTRL_ATTR_MCAST_GROUPS], group);
  });
  const bool absent = !done && done.error().code == ENOENT;
  if (absent || (done && (found.id == 0 || found.group == 0)))
    return fail(EOPNOTSUPP, "ask the kernel for generic netlink family {}", family);
  if (!done) return pass_on(done.error());
  return found;
}

}  // namespace twinpath::netlink
