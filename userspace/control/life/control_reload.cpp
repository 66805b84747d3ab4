// A reload: replaces the running configuration, ports and zones included, in one transaction.
//
// Order     The steps that can fail come first. Added ports are opened and attached without a zone, so they forward
//           nothing. Removed ports and ports that change zone lose their zone, then the banks are flipped. When no
//           datapath uses the old tables any more, ports get their new zones, and removed ports are closed. So every
//           forwarded packet was decided wholly by one of the two configurations. Ports that are kept in their zone
//           lose no packet; a port that changes zone forwards nothing for some ten milliseconds.
// Undo      Before the flip every step can be undone, and the fault names the failed one. After the flip the reload
//           cannot fail: later errors are logged.
// Numbers   Flow entries hold numbers of zones: when a number is reassigned to another zone, the flows of the earlier
//           zone are deleted before a port is in the new one. They also hold numbers of rules (zero_fresh_rules) and
//           next hops, which are not used under another generation. Numbers of ports: port_plan.hpp.
// Driver    Belongs to the engine's thread, which opens and closes sockets between two bursts. Meanwhile steered
//           packets of other ports wait in their rings, and the kernel forwards the rest.
#include <algorithm>

#include "control/life/control.hpp"

namespace twinpath {

EngineReply Control::call_engine(const EngineCommand& command) {
  heartbeat_->control_lives();
  return engine_->call(command);
}

// A fault without a path is a failure on the host, not a fault of the document.
tl::expected<void, Fault> Control::apply(ReloadPlan plan) {
  heartbeat_->control_lives();
  const bool ports_change = plan.touches_ports(config_);
  if (ports_change) follower_->catch_up();
  if (auto opened = changer_->open(plan, image_.numbers); !opened) return opened;
  const PortSet before = ports_;
  ports_.replace(changer_->after(plan));
  if (auto published = publish_change(plan.image, ports_change); !published) {
    ports_ = before;
    if (ports_change) changer_->apply_trust(image_);
    if (ports_change) follower_->take_over_links();
    changer_->undo_open(plan, image_.numbers);
    return tl::unexpected(Fault{"", published.error().text});
  }
  const std::vector<std::uint8_t> reassigned_zones = find_reassigned_zones(image_.numbers, plan.image.numbers);
  const bool starts_pickup_grace = !plan.added.empty() || std::ranges::any_of(plan.ports.kept, &PortPlan::Kept::moves);
  config_ = std::move(plan.next);
  image_ = std::move(plan.image);
  exit_ = config_.safety.on_exit;
  settings_->configure(config_, clock_.per_second());
  if (starts_pickup_grace) begin_pickup_grace();
  if (ports_change || !reassigned_zones.empty()) finish_ports(before, reassigned_zones);
  journal_.numbers = image_.numbers;
  if (auto saved = save_journal(journal_); !saved) options_.complain(saved.error().text);
  return {};
}

// On failure the tables in force are as they were.
Status Control::publish_change(const TableImage& image, bool ports_change) {
  if (auto zeroed = zero_fresh_rules(image); !zeroed) return zeroed;
  if (!ports_change) return publisher_->publish(image);
  changer_->restrict_trust(image);
  follower_->take_over_links();
  follower_->obtain_next_hops();
  const RoutePlan routes = follower_->plan();
  return publisher_->publish(image, routes);
}

// The new tables are in force: an error here is logged and does not undo the reload.
void Control::finish_ports(const PortSet& before, const std::vector<std::uint8_t>& reassigned_zones) {
  if (auto waited = publisher_->wait_for_readers(); !waited) options_.complain(waited.error().text);
  delete_flows_of_zones(reassigned_zones);
  follower_->take_over_neighbours();
  changer_->apply_trust(image_);
  for (const Port& port : before.ports())
    if (std::ranges::find(ports_.ports(), port.number, &Port::number) == ports_.ports().end()) changer_->close(port);
}

void Control::delete_flows_of_zones(const std::vector<std::uint8_t>& zones) {
  if (zones.empty()) return;
  const auto listed = [&](std::uint8_t zone) { return std::ranges::find(zones, zone) != zones.end(); };
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    const TableView view = table(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (listed(flow.forward.zone) || listed(flow.reverse.zone)) (void)delete_flow(view, flow.id);
    });
  }
}

// Connections that existed before, by another path or through the port in its old zone, are picked up as after a start.
void Control::begin_pickup_grace() {
  settings_->set_pickup_until(clock_.now() + config_.flows.pickup_grace_s * clock_.per_second());
}

}  // namespace twinpath
