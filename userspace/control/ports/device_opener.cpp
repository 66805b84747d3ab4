#include "control/ports/device_opener.hpp"

#include <cerrno>
#include <chrono>
#include <thread>

#include "control/ports/ingress_slots.hpp"
#include "netlink/xdp_features.hpp"

namespace twinpath {
namespace {

using std::chrono::steady_clock;

// The kernel frees a queue some time after its socket was closed or its owner died: EBUSY is retried for this long. It
// is shorter than the limit of the heartbeat (kHeartbeatLimit_s).
constexpr std::chrono::milliseconds kQueueRetryTime{2000};
constexpr std::chrono::milliseconds kQueueRetryPause{5};

afxdp::SocketWish wish_of(Sockets sockets) {
  if (sockets == Sockets::zerocopy) return afxdp::SocketWish::zerocopy;
  return sockets == Sockets::copy ? afxdp::SocketWish::copy : afxdp::SocketWish::automatic;
}

}  // namespace

DeviceOpener::DeviceOpener(Tables& tables, XdpHook& hook, CallEngine call_engine, NoteOffloads note_offloads)
    : tables_(tables), hook_(hook), call_engine_(std::move(call_engine)), note_offloads_(std::move(note_offloads)) {}

Status DeviceOpener::prepare(Device& device, const PortConfig& config, std::uint32_t queues) {
  if (auto opened = open_sockets(device, config, queues); !opened) return opened;
  if (auto fixed = fix_offloads(device, config); !fixed) return fixed;
  return write_device(device);
}

Status DeviceOpener::open_sockets(Device& device, const PortConfig& config, std::uint32_t queues) {
  auto range = ranges_.take(queues);
  if (!range) return pass_on(std::move(range.error()));
  device.range = *range;
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    auto report = open_socket(device, wish_of(config.sockets), queue);
    if (!report) return pass_on(std::move(report.error()));
    const std::uint32_t index = device.range.first + std::uint32_t{queue};
    const int fd = report->fd;
    device.sockets.push_back({queue, std::move(*report)});
    if (auto set = map_update(tables_.maps().sockets, index, fd, "sockets"); !set) return set;
  }
  return {};
}

// The retry loop runs here and not in the engine, which serves the other devices between two tries.
Result<afxdp::SocketReport> DeviceOpener::open_socket(const Device& device, afxdp::SocketWish wish,
                                                      std::uint16_t queue) {
  const auto command = command::open_socket(device.number, device.link.ifindex, queue, wish);
  const auto deadline = steady_clock::now() + kQueueRetryTime;
  for (;;) {
    const EngineReply reply = call_engine_(command);
    if (reply.status == 0) return afxdp::SocketReport{reply.fd, reply.mode, reply.text};
    if (reply.status != EBUSY || steady_clock::now() >= deadline)
      return tl::unexpected(Error{reply.status, reply.text});
    std::this_thread::sleep_for(kQueueRetryPause);
  }
}

Status DeviceOpener::fix_offloads(Device& device, const PortConfig& config) {
  if (config.offloads == Offloads::keep) return {};
  auto plan = netlink::plan_offloads(config.device, config.attach == Attach::generic);
  if (!plan) return pass_on(std::move(plan.error()));
  device.has_peer = plan->has_peer;
  device.peer_reached = plan->peer_reached;
  device.problems = plan->problems;
  if (auto noted = note_offloads_(plan->changes); !noted) return noted;
  auto stayed = netlink::apply_offloads(*plan);
  if (!stayed) return pass_on(std::move(stayed.error()));
  device.problems.insert(device.problems.end(), stayed->begin(), stayed->end());
  return {};
}

Status DeviceOpener::write_device(const Device& device) {
  dp_device out{};
  out.ifindex = device.link.ifindex;
  out.first_socket = device.range.first;
  out.queue_count = static_cast<std::uint16_t>(device.sockets.size());
  out.flags = DP_DEVICE_PRESENT;
  tables_.memory().devices[device.number] = out;
  const std::uint32_t number = device.number;
  return map_update(tables_.maps().tx_devices, number, device.link.ifindex, "tx_devices");
}

Status DeviceOpener::enter(const Device& device, std::uint16_t port) {
  return enter_ingress(tables_.memory().ingress.values(), device.link.ifindex, device.number, port);
}

Status DeviceOpener::attach(Device& device, const PortConfig& config) {
  if (config.attach == Attach::automatic) return attach_automatic(device, config);
  device.attach = config.attach == Attach::generic ? AttachMode::generic : AttachMode::native;
  return hook_.attach(config.device, static_cast<int>(device.link.ifindex), device.attach);
}

// A device that an earlier daemon left in generic mode stays in it: to try native mode would take it off the hook.
Status DeviceOpener::attach_automatic(Device& device, const PortConfig& config) {
  const auto ifindex = static_cast<int>(device.link.ifindex);
  std::string reason = fmt::format("device {} was in generic mode already", config.device);
  if (hook_.mode_of(config.device, ifindex) != AttachMode::generic) {
    device.attach = AttachMode::native;
    auto native = hook_.attach(config.device, ifindex, AttachMode::native);
    if (native) return {};
    reason = native.error().text;
  }
  device.problems.push_back(reason + ": attached in generic mode, which is slower, until \"down\"");
  device.attach = AttachMode::generic;
  return hook_.attach(config.device, ifindex, AttachMode::generic);
}

void DeviceOpener::query_redirects(Device& device) {
  const auto features = netlink::query_xdp_features(device.link.ifindex);
  if (features && features->has_value()) device.takes_redirects = (*features)->takes_redirects();
  call_engine_(command::set_redirects(device.number, device.takes_redirects));
}

void DeviceOpener::close(const Device& device, const PortConfig& config) {
  hook_.detach(config.device);
  for (dp_ingress& slot : tables_.memory().ingress.values())
    if (slot.device == device.number) leave_ingress(slot);
  tables_.memory().devices[device.number] = dp_device{};
  const std::uint32_t number = device.number;
  (void)map_remove(tables_.maps().tx_devices, number, "tx_devices");
  call_engine_(command::set_redirects(device.number, false));
  close_sockets(device);
}

void DeviceOpener::close_sockets(const Device& device) {
  for (const DeviceSocket& socket : device.sockets) {
    const std::uint32_t index = device.range.first + std::uint32_t{socket.queue};
    (void)map_remove(tables_.maps().sockets, index, "sockets");
  }
  call_engine_(command::close_sockets(device.number));
  ranges_.give_back(device.range);
}

Status DeviceOpener::change_queues(Device& device, const PortConfig& config, std::uint32_t queues) {
  close_sockets(device);
  device.sockets.clear();
  device.range = {};
  if (auto opened = open_sockets(device, config, queues); !opened) return opened;
  if (auto written = write_device(device); !written) return written;
  return hook_.renew(config.device);
}

}  // namespace twinpath
