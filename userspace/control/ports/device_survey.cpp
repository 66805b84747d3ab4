#include "control/ports/device_survey.hpp"

#include <algorithm>

#include "netlink/device.hpp"

namespace twinpath {
namespace {

// The bytes of a received frame besides the IP packet: the kernel's headroom, Ethernet, two VLAN tags.
constexpr std::uint32_t kFrameOverhead = afxdp::kFrameHeadroom + 14 + 2 * 4;
constexpr std::uint32_t kFrameBytesMax = 4096;

// How a device with this MTU can be made a port.
std::string mtu_cure(const netlink::Link& link, std::uint32_t frame_bytes) {
  const bool larger_frames_help = frame_bytes < kFrameBytesMax && link.mtu <= mtu_max(kFrameBytesMax);
  return fmt::format("{}ip link set {} mtu {}", larger_frames_help ? "engine.frame_bytes 4096, or " : "", link.name,
                     mtu_max(frame_bytes));
}

// What arrives on a queue without a socket never reaches the engine.
std::string unserved_text(const netlink::Link& link, std::uint32_t served, std::uint32_t queues) {
  return fmt::format(
      "{} has {} receive queues, and {} are served: packets of the others that need the engine would be "
      "lost: ethtool -L {} combined {} (or rx {}){}",
      link.name, queues, served, link.name, served, served, served < DP_QUEUES_MAX ? ", or \"queues\": \"all\"" : "");
}

}  // namespace

std::uint32_t queues_served(const PortConfig& wanted, std::uint32_t queues) {
  return std::min({wanted.queues != 0 ? wanted.queues : queues, queues, std::uint32_t{DP_QUEUES_MAX}});
}

std::uint32_t mtu_max(std::uint32_t frame_bytes) { return frame_bytes - kFrameOverhead; }

const netlink::Link* find_link(const Links& links, const std::string& name) {
  for (const auto& [ifindex, link] : links)
    if (link.name == name || std::ranges::find(link.other_names, name) != link.other_names.end()) return &link;
  return nullptr;
}

Result<Device> survey_device(const PortConfig& wanted, const DeviceLimits& limits, const Links& links) {
  const netlink::Link* link = find_link(links, wanted.device);
  if (link == nullptr) return refuse("there is no device {}", wanted.device);
  DeviceFit fit = DeviceJudge{links}.judge(*link);
  if (!fit.refusal.empty()) return refuse("{}", fit.refusal);
  if (link->mtu > mtu_max(limits.frame_bytes))
    return refuse("MTU {} of {} does not fit a frame of {} bytes, {} at most: {}", link->mtu, wanted.device,
                  limits.frame_bytes, mtu_max(limits.frame_bytes), mtu_cure(*link, limits.frame_bytes));
  auto queues = netlink::count_rx_queues(*link);
  if (!queues) return pass_on(std::move(queues.error()));
  if (wanted.queues > *queues) return refuse("queues {} asked for, {} has {}", wanted.queues, wanted.device, *queues);
  if (const std::uint32_t served = queues_served(wanted, *queues); served < *queues)
    return refuse("{}", unserved_text(*link, served, *queues));
  if (auto free = check_hook(limits.pins, wanted.device, static_cast<int>(link->ifindex)); !free)
    return pass_on(std::move(free.error()));
  Device device;
  device.link = *link;
  device.queue_count = *queues;
  device.conflicts = std::move(fit.warnings);
  return device;
}

std::vector<std::string> find_conflicts(const Device& device, const DeviceJudge& judge, std::uint32_t frame_bytes) {
  const netlink::Link& link = device.link;
  DeviceFit fit = judge.judge(link);
  std::vector<std::string> conflicts;
  if (!fit.refusal.empty()) conflicts.push_back(fit.refusal);
  std::ranges::move(fit.warnings, std::back_inserter(conflicts));
  if (frame_bytes != 0 && link.mtu > mtu_max(frame_bytes))
    conflicts.push_back(
        fmt::format("MTU {} of {}: packets above {} that need the engine do not fit its frames of {} "
                    "bytes and are lost: {}",
                    link.mtu, link.name, mtu_max(frame_bytes), frame_bytes, mtu_cure(link, frame_bytes)));
  if (device.sockets.size() < device.queue_count)
    conflicts.push_back(unserved_text(link, static_cast<std::uint32_t>(device.sockets.size()), device.queue_count));
  return conflicts;
}

}  // namespace twinpath
