// offloads.hpp - "offloads": "fix" of the configuration: turns off what breaks XDP, keeps a journal, and undoes it.
//
// On the device     rx and tx VLAN offload off (a tag in skb metadata is invisible to the program: an isolation hole),
//                   LRO and hardware GRO off (packets of several segments cannot be forwarded as they came).
//                   Generic attach: GRO off too, since there XDP comes after GRO.
// On a veth's peer  tx checksum off (unfinished checksums leave through XDP and are dropped by the receiver), VLAN
//                   offloads off, GRO on: it gives the peer NAPI, without which it drops what is redirected to it.
//                   Generic attach: segmentation offloads off too, since the device does not veto them then.
// The peer is changed only where it can be reached (device.hpp); the result says whether it was.
//
// Privilege  CAP_NET_ADMIN; for a peer elsewhere CAP_SYS_ADMIN. Thread: any; the caller's namespace never changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "netlink/netns.hpp"

namespace twinpath::netlink {

// One feature as the operator wanted it before. Plain values: may be written to a file and undone by a later process.
struct OffloadChange {
  std::string device;  // name at that time; the ifindex decides
  std::uint32_t ifindex = 0;
  NetnsInode netns = 0;
  std::string feature;  // the kernel's name, see ethtool.hpp
  bool before = false;
  std::string done_for{};  // name of the device that was being fixed: this one, or the other end of its veth
};

struct OffloadFix {
  std::vector<OffloadChange> changes;  // in the order they were made
  bool has_peer = false;               // the device is a veth
  bool peer_reached = false;
  std::vector<std::string> problems;  // one line each: what stayed as it was, and why it matters
};

// `generic`: the program will run in generic (skb) mode. An error means that nothing was changed: what had been
// changed before the fault is undone.
[[nodiscard]] Result<OffloadFix> fix_offloads(const std::string& device, bool generic = false);

// Takes out of `changes` what was done for a device that is to be as it was found, in the order it was done. A change on a
// device in `kept` stays, as done for that one: two ports may be the ends of one veth.
struct KeptDevice {
  std::string name;
  std::uint32_t ifindex = 0;
  NetnsInode netns = 0;
};
[[nodiscard]] std::vector<OffloadChange> take_changes_for(std::vector<OffloadChange>& changes,
                                                          const std::string& device,
                                                          const std::vector<KeptDevice>& kept);

// Undoes in reverse order. Devices and namespaces that are gone are passed over; the first other fault is reported
// after everything has been tried.
[[nodiscard]] Status restore_offloads(const std::vector<OffloadChange>& changes);

}  // namespace twinpath::netlink
