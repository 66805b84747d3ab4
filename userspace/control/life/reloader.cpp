#include "control/life/reloader.hpp"

#include <algorithm>

#include "config/document.hpp"
#include "control/publish/rule_counters.hpp"

namespace twinpath {

Reloader::Reloader(boost::asio::io_context& io, Running& running, Datapath& datapath,
                   std::function<void(const std::string&)> complain)
    : running_(running), datapath_(datapath), complain_(std::move(complain)), worker_(io) {}

ReloadBase Reloader::base() const { return {running_.config, running_.image.numbers, datapath_.pins()}; }

void Reloader::plan(std::string text, bool keep_name, ReloadWorker::Done done) {
  auto work = [text = std::move(text), base = base(), keep_name]() -> ReloadWorker::Planned {
    auto next = parse_config(text, keep_name ? base.running.name : "");
    if (!next) return tl::unexpected(std::move(next.error()));
    return plan_reload(base, std::move(*next));
  };
  worker_.begin(std::move(work), std::move(done));
}

Status Reloader::restore(Config before) {
  auto plan = plan_reload(base(), std::move(before));
  if (!plan) return refuse("{}", plan.error().front().line());
  if (auto applied = apply(std::move(*plan)); !applied) return refuse("{}", applied.error().line());
  return {};
}

tl::expected<void, Fault> Reloader::apply(ReloadPlan plan) {
  PortSet& ports = datapath_.ports();
  PortChanger& changer = datapath_.changer();
  const NumberAllocation& numbers = running_.image.numbers;
  datapath_.heartbeat().control_lives();
  const bool ports_change = plan.touches_ports(running_.config);
  if (ports_change) datapath_.follower().catch_up();
  if (auto noted = note_numbers(plan.image.numbers); !noted) return tl::unexpected(Fault{"", noted.error().text});
  if (auto opened = changer.open(plan, numbers); !opened) {
    take_numbers_back();
    return opened;
  }
  const PortSet before = ports;
  ports.replace(changer.after(plan));
  if (auto published = publish(plan.image, ports_change); !published) {
    ports = before;
    if (ports_change) changer.apply_trust(running_.image);
    if (ports_change) datapath_.follower().take_over_links();
    changer.undo_open(plan);
    take_numbers_back();
    return tl::unexpected(Fault{"", published.error().text});
  }
  const bool starts_pickup_grace = !plan.added.empty() || std::ranges::any_of(plan.ports.kept, &PortPlan::Kept::moves);
  running_.config = std::move(plan.next);
  running_.image = std::move(plan.image);
  datapath_.settings().configure(running_.config, datapath_.clock().per_second());
  if (starts_pickup_grace) datapath_.begin_pickup_grace();
  if (ports_change || !running_.journal.reassigned_zones.empty()) finish_ports(before);
  return {};
}

Status Reloader::note_numbers(const NumberAllocation& next) {
  running_.journal.assign(next);
  auto saved = save_journal(running_.journal);
  if (!saved) take_numbers_back();
  return saved;
}

void Reloader::take_numbers_back() {
  running_.journal.numbers = running_.image.numbers;
  running_.journal.reassigned_zones.clear();
  if (auto saved = save_journal(running_.journal); !saved) complain_(saved.error().text);
}

// On failure the tables in force are as they were.
Status Reloader::publish(const TableImage& image, bool ports_change) {
  if (auto zeroed = zero_fresh_rules(image, datapath_.tables(), datapath_.engine()); !zeroed) return zeroed;
  if (!ports_change) return datapath_.publisher().publish(image);
  Follower& follower = datapath_.follower();
  datapath_.changer().restrict_trust(image);
  follower.take_over_links();
  follower.obtain_next_hops();
  return follower.publish(image);
}

// The new tables are in force: an error here is logged and does not undo the reload.
void Reloader::finish_ports(const PortSet& before) {
  if (auto waited = datapath_.publisher().wait_for_readers(); !waited) complain_(waited.error().text);
  datapath_.delete_flows_of_reassigned_zones();
  datapath_.follower().take_over_neighbours();
  datapath_.changer().apply_trust(running_.image);
  datapath_.changer().take_router_roles();
  const std::vector<Port>& kept = datapath_.ports().ports();
  for (const Port& port : before.ports())
    if (std::ranges::find(kept, port.number, &Port::number) == kept.end()) datapath_.changer().close(port);
}

}  // namespace twinpath
