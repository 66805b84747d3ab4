#include "control/ports/device_keeper.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "netlink/device.hpp"

namespace twinpath {
namespace {

constexpr std::chrono::seconds kAuditEvery{1};
constexpr std::size_t kAuditedAtOnce = 64;  // each costs some 30 us

Device without_device(const Port& port, std::string absence) {
  Device device;
  device.number = port.device.number;
  device.link.name = port.config.device;
  device.absence = std::move(absence);
  return device;
}

std::string gone_text(const Port& port, const std::string& whereto) {
  return fmt::format("device {} is gone{}: the port forwards nothing until a device of that name appears",
                     port.config.device, whereto);
}

}  // namespace

DeviceKeeper::DeviceKeeper(const Parts& parts, std::function<void(const std::string&)> complain)
    : parts_(parts), complain_(std::move(complain)), timer_(parts.io) {}

void DeviceKeeper::begin() {
  parts_.follower.on_links([this](const std::set<std::uint32_t>& gone) { reconcile(gone); });
  auto channels = netlink::ChannelWatch::open();
  if (channels) {
    channels_.emplace(std::move(*channels));
    channel_events_.emplace(parts_.io, channels_->fd());
    wait_for_channels();
  } else if (channels.error().code != EOPNOTSUPP) {
    complain_(channels.error().text);
  }
  schedule();
}

// The descriptor is borrowed: the watch closes it.
void DeviceKeeper::stop() {
  timer_.cancel();
  if (channel_events_ && channel_events_->is_open()) channel_events_->release();
}

void DeviceKeeper::wait_for_channels() {
  channel_events_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this](const boost::system::error_code& error) {
                                if (error) return;
                                on_channels();
                                wait_for_channels();
                              });
}

void DeviceKeeper::on_channels() {
  auto changed = channels_->process();
  if (!changed) return complain_(changed.error().text);
  bool any = false;
  for (const Port& port : std::vector<Port>(parts_.ports.ports()))
    if (port.device.present() && changed->contains(port.device.link.ifindex)) any |= recount(port);
  if (any) parts_.follower.take_over_links();
}

bool DeviceKeeper::recount(const Port& port) {
  const auto queues = netlink::count_rx_queues(port.device.link);
  if (!queues || *queues == port.device.queue_count) return false;  // an error: the device is going
  Port changed = port;
  changed.device.queue_count = *queues;
  auto opened = parts_.changer.opener().change_queues(changed);
  complain_(fmt::format("port {}: {} has {} receive queues now, {} before: {}", port.config.name, port.config.device,
                        *queues, port.device.queue_count,
                        opened ? fmt::format("{} are served", changed.device.sockets.size()) : opened.error().text));
  parts_.ports.set_device(port.number, std::move(changed.device));
  return true;
}

void DeviceKeeper::schedule() {
  timer_.expires_after(kAuditEvery);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    audit();
    schedule();
  });
}

// All are closed before the first is opened: two devices may have exchanged their names.
void DeviceKeeper::reconcile(const std::set<std::uint32_t>& gone) {
  lose_devices(gone);
  (void)gain_devices(false);
}

void DeviceKeeper::lose_devices(const std::set<std::uint32_t>& gone) {
  const Links& links = parts_.follower.mirror().links();
  for (const Port& port : std::vector<Port>(parts_.ports.ports())) {
    const std::uint32_t ifindex = port.device.link.ifindex;
    const netlink::Link* link = find_link(links, port.config.device);
    if (!port.device.present()) {
      if (link == nullptr && refused_.erase(port.number) != 0) absent(port, gone_text(port, ""));
      continue;
    }
    if (link != nullptr && link->ifindex == ifindex && !gone.contains(ifindex)) continue;
    const auto renamed = gone.contains(ifindex) ? links.end() : links.find(ifindex);
    lose(port, gone_text(port, renamed != links.end() ? fmt::format(" (renamed to {})", renamed->second.name) : ""));
  }
}

bool DeviceKeeper::gain_devices(bool retry) {
  bool changed = false;
  const Links& links = parts_.follower.mirror().links();
  for (const Port& port : std::vector<Port>(parts_.ports.ports())) {
    if (port.device.present()) continue;
    const netlink::Link* link = find_link(links, port.config.device);
    if (link == nullptr) continue;
    const auto refused = refused_.find(port.number);
    if (retry || refused == refused_.end() || !(refused->second == *link)) changed |= gain(port, *link);
  }
  return changed;
}

void DeviceKeeper::lose(const Port& port, const std::string& absence) {
  complain_(fmt::format("port {}: {}", port.config.name, absence));
  parts_.changer.lose_device(port);
  parts_.ports.set_device(port.number, without_device(port, absence));
  refused_.erase(port.number);
}

bool DeviceKeeper::gain(Port port, const netlink::Link& link) {
  const std::uint16_t number = port.device.number;
  auto device = survey_device(port.config, {parts_.ports.frame_bytes(), parts_.pins}, parts_.follower.mirror().links());
  Status opened = device ? Status{} : Status(pass_on(device.error()));
  if (opened) {
    const Port before = port;
    port.device = std::move(*device);
    port.device.number = number;
    opened = parts_.changer.gain_device(port, parts_.image);
    if (!opened) port = before;
  }
  if (!opened) {
    refused_[port.number] = link;
    absent(port, fmt::format("device {} is there, but cannot be opened: {}; tried again each second",
                             port.config.device, opened.error().text));
    return false;
  }
  refused_.erase(port.number);
  parts_.ports.set_device(port.number, port.device);
  complain_(fmt::format("port {}: device {} is open again", port.config.name, port.config.device));
  return true;
}

void DeviceKeeper::absent(const Port& port, const std::string& absence) {
  if (port.device.absence != absence) complain_(fmt::format("port {}: {}", port.config.name, absence));
  parts_.ports.set_device(port.number, without_device(port, absence));
}

// The kernel takes a device that leaves its namespace out of tx_devices, also when it comes back.
bool DeviceKeeper::intact(const Device& device, const std::string& name) const {
  const std::uint32_t number = device.number;
  std::uint32_t ifindex = 0;
  return map_find(parts_.tables.maps().tx_devices, number, ifindex) && ifindex == device.link.ifindex &&
         parts_.hook.mode_of(name, static_cast<int>(device.link.ifindex)).has_value();
}

void DeviceKeeper::audit() {
  parts_.follower.catch_up();  // a device that is gone by what Linux has announced is not one that lost its program
  const std::vector<Port> ports = parts_.ports.ports();
  bool changed = false;
  for (std::size_t i = 0; i < std::min(ports.size(), kAuditedAtOnce); ++i) {
    audited_ = audited_ + 1 < ports.size() ? audited_ + 1 : 0;
    const Port& port = ports[audited_];
    if (!port.device.present()) continue;
    if (intact(port.device, port.config.device)) {
      changed |= recount(port);
      continue;
    }
    lose(port,
         fmt::format("the program of device {} was taken off by somebody: it is attached again", port.config.device));
    changed = true;
  }
  if (gain_devices(true) || changed) parts_.follower.take_over_devices();
}

}  // namespace twinpath
