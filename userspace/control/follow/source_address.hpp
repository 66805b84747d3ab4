// source_address.hpp - which of its addresses Linux sends from: the source of the gateway's ICMP errors.
//
// Source   IPv4: net/ipv4/devinet.c (inet_select_addr): a primary address of the device, before others one whose subnet covers
//          the gateway; else one of another device, which RFC 1812 4.3.2.4 asks of unnumbered ports.
//          IPv6: RFC 6724 section 5 as in net/ipv6/addrconf.c (ipv6_dev_get_saddr), without what only hosts have (temporary and
//          home addresses, labels).
// Not      the scopes of IPv4 addresses below "link": what is not for the host alone may be a source.
// Thread   pure.
#pragma once

#include <optional>

#include "netlink/mirror.hpp"

namespace twinpath {

// By `device` towards `gateway`, or to a host on its link when the gateway has no family.
[[nodiscard]] std::optional<dp_address> select_source4(const netlink::Mirror& mirror, std::uint32_t device,
                                                       const netlink::IpAddress& gateway);
// By `device` to hosts of the prefix with the base `destination`.
[[nodiscard]] std::optional<dp_address> select_source6(const netlink::Mirror& mirror, std::uint32_t device,
                                                       const dp_address& destination);

}  // namespace twinpath
