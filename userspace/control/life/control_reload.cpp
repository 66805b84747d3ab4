// Another configuration in the place of the one that runs, ports and zones included, in one transaction.
//
// Order     what may fail comes first: ports that come are opened, with XDP attached, while they are of no zone yet, so
//           that they forward nothing. Then ports that go or change zone are held back, the tables flip, and nobody works
//           on the old ones any more; only then ports get the zone they are to have, and those that go are closed. So
//           every packet that is forwarded was judged wholly by one of the two configurations. Ports that neither come,
//           go nor change zone lose none; one that changes its zone forwards nothing meanwhile, some ten milliseconds.
// Undo      until the flip, everything is taken back and the fault says where. After it nothing can fail.
// Numbers   port_plan.hpp. Flow entries hold numbers of zones: when one is given to another zone, the flows of the earlier
//           one are deleted before a port is in the new one. Its other numbers: rules (zero_fresh_rules), and next hops,
//           which are never believed under another generation.
// Driver    belongs to the engine's thread, which opens and closes sockets between two bursts; packets of other ports wait
//           in their rings, and the kernel forwards the rest meanwhile.
#include <algorithm>

#include "control/life/control.hpp"

namespace twinpath {
EngineReply Control::ask_engine(const EngineCommand& command) {
  heartbeat_->control_lives();
  return engine_->call(command);
}

// The fault has no path when it is no fault of the document.
tl::expected<void, Fault> Control::apply(ReloadPlan plan) {
  heartbeat_->control_lives();
  const bool ports_change = plan.touches_ports(config_);
  if (ports_change) follower_->catch_up();
  if (auto opened = changer_->open(plan, image_.numbers); !opened) return opened;
  const PortSet before = ports_;
  ports_.replace(changer_->after(plan));
  if (auto published = publish_change(plan.image, ports_change); !published) {
    ports_ = before;
    if (ports_change) changer_->release(image_);
    if (ports_change) follower_->take_over_links();
    changer_->give_back(plan, image_.numbers);
    return tl::unexpected(Fault{"", published.error().text});
  }
  const std::vector<std::uint8_t> reassigned_zones = find_reassigned_zones(image_.numbers, plan.image.numbers);
  const bool begins = !plan.added.empty() || std::ranges::any_of(plan.ports.kept, &PortPlan::Kept::moves);
  config_ = std::move(plan.next);
  image_ = std::move(plan.image);
  exit_ = config_.safety.on_exit;
  settings_->configure(config_, clock_.per_second());
  if (begins) begin_pickup_grace();
  if (ports_change || !reassigned_zones.empty()) finish_ports(before, reassigned_zones);
  journal_.numbers = image_.numbers;
  if (auto saved = save_journal(journal_); !saved) options_.complain(saved.error().text);
  return {};
}

// On failure the tables in force are as they were.
Status Control::publish_change(const TableImage& image, bool ports_change) {
  if (auto zeroed = zero_fresh_rules(image); !zeroed) return zeroed;
  if (!ports_change) return publisher_->publish(image);
  changer_->hold_back(image);
  follower_->take_over_links();
  follower_->obtain_next_hops();
  const RoutePlan routes = follower_->plan();
  return publisher_->publish(image, routes);
}

// The tables are in force; nothing here fails.
void Control::finish_ports(const PortSet& before, const std::vector<std::uint8_t>& reassigned_zones) {
  if (auto waited = publisher_->wait_for_readers(); !waited) options_.complain(waited.error().text);
  delete_flows_of_zones(reassigned_zones);
  follower_->take_over_neighbours();
  changer_->release(image_);
  for (const Port& port : before.ports())
    if (std::ranges::find(ports_.ports(), port.number, &Port::number) == ports_.ports().end()) changer_->close(port);
}

void Control::delete_flows_of_zones(const std::vector<std::uint8_t>& zones) {
  if (zones.empty()) return;
  const auto strange = [&](std::uint8_t zone) { return std::ranges::find(zones, zone) != zones.end(); };
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    const TableView view = table(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (strange(flow.forward.zone) || strange(flow.reverse.zone)) (void)delete_flow(view, flow.id);
    });
  }
}

// Connections that ran around the port, or through it in its old zone, are taken over as at the first attach.
void Control::begin_pickup_grace() {
  settings_->set_pickup_until(clock_.now() + config_.flows.pickup_grace_s * clock_.per_second());
}

}  // namespace twinpath
