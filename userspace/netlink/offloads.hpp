// offloads.hpp - "offloads": "fix" of the configuration: turns off what breaks XDP, and undoes it.
//
// Order             plan_offloads() · save the plan's changes in a journal · apply_offloads(). So a process that is killed
//                   at any moment leaves a journal that names every change it made. It may name changes that were not
//                   made: restore_offloads() sets every feature to what it was before, which changes nothing then.
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
#include "netlink/ethtool.hpp"
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

// What one device is to have.
struct OffloadTarget {
  std::string device;
  std::uint32_t ifindex = 0;
  NetnsInode netns = 0;
  std::vector<FeatureRequest> wanted;  // in the end
  std::vector<FeatureRequest> needed;  // those of `wanted` that it does not have yet, and that can be changed
};

struct OffloadPlan {
  std::vector<OffloadTarget> targets;  // the device, and the other end of its veth where it can be reached
  std::vector<OffloadChange> changes;  // in the order in which they will be made
  bool has_peer = false;               // the device is a veth
  bool peer_reached = false;
  std::vector<std::string> problems;  // one line each: what will stay as it is, and why it matters
};

// `generic`: the program will run in generic (skb) mode. Changes nothing.
[[nodiscard]] Result<OffloadPlan> plan_offloads(const std::string& device, bool generic = false);
// Makes the changes of a plan; the features that stayed as they were, one line each. An error means that nothing is
// changed: what had been changed before the fault is undone.
[[nodiscard]] Result<std::vector<std::string>> apply_offloads(const OffloadPlan& plan);

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
