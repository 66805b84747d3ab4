// router_role.hpp - what Linux is on a port's device: a router, which says so, and takes no routes from its neighbours.
//
// forwarding            IPv6, of the device alone: neighbour advertisements carry the router flag, without which hosts drop
//                       their default route to the gateway (RFC 4861 7.2.5). It lets Linux forward nothing: that asks for
//                       conf/all/forwarding (net/ipv6/ip6_output.c, ip6_forward).
// accept_ra             0; 2 on a port that takes router advertisements, where 1 would say "unless forwarding".
// accept_redirects      both families: 0, or 1 with `ra`.
// accept_source_route   both families: 0.
// Order                 plan · save the changes in a journal · apply, as offloads.hpp. restore_sysctls() leaves a value that
//                       is not what was written: somebody else has changed it since.
//
// Source     Documentation/networking/ip-sysctl.rst. Privilege: root of the namespace, /proc/sys writable.
// Thread     any; the caller's namespace, which stays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "netlink/netns.hpp"

namespace twinpath::netlink {

// One value of /proc/sys/net/FAMILY/conf/DEVICE. Plain: may be written to a file and undone by a later process.
struct SysctlChange {
  std::string device;  // name at that time; the ifindex decides
  std::uint32_t ifindex = 0;
  NetnsInode netns = 0;
  std::string family;  // "ipv4", "ipv6"
  std::string name;
  std::string before;
  std::string after;
};

// The values that differ from what a port's device should have, in the order in which they are to be written. Changes
// nothing.
[[nodiscard]] Result<std::vector<SysctlChange>> plan_router_role(const std::string& device, std::uint32_t ifindex,
                                                                 bool takes_advertisements);
// What could not be written, one line each.
[[nodiscard]] std::vector<std::string> apply_sysctls(const std::vector<SysctlChange>& changes);

// Takes out of `changes` what was done on a device, in the order it was done.
[[nodiscard]] std::vector<SysctlChange> take_sysctls_of(std::vector<SysctlChange>& changes, const std::string& device);

// Undoes in reverse order. Devices and namespaces that are gone are passed over; the first other fault is reported
// after everything has been tried.
[[nodiscard]] Status restore_sysctls(const std::vector<SysctlChange>& changes);

}  // namespace twinpath::netlink
