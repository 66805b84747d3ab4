#include "control/life/datapath.hpp"

#include <algorithm>

#include "base/bpffs.hpp"
#include "control/life/live_sender.hpp"
#include "control/publish/rule_counters.hpp"
#include "engine/env.hpp"
#include "flows/listing.hpp"
#include "flows/recovery.hpp"
#include "kernel/loss_watch.hpp"
#include "kernel/pins.hpp"

namespace twinpath {
namespace {

constexpr std::chrono::milliseconds kRecoveryWait{100};

// The engine's counters are pinned beside the kernel's, so that the sums that users see continue after a restart.
Result<std::shared_ptr<EngineCounters>> open_counters(const std::string& pins) {
  auto memory = open_pinned_memory(pins, "engine_counters", sizeof(EngineCounters));
  if (!memory) return pass_on(std::move(memory.error()));
  const auto owner = std::make_shared<Mapping>(std::move(*memory));
  return std::shared_ptr<EngineCounters>(owner, static_cast<EngineCounters*>(owner->data()));
}

}  // namespace

Datapath::Datapath(boost::asio::io_context& io, Running& running, Origin origin,
                   std::function<void(const std::string&)> complain, std::function<void(const std::string&)> note)
    : io_(io), running_(running), origin_(std::move(origin)), complain_(std::move(complain)), note_(std::move(note)) {}

Datapath::~Datapath() { stop(); }

Status Datapath::load() {
  if (auto loaded = load_tables(); !loaded) return loaded;
  if (auto opened = open_driver(); !opened) return opened;
  if (auto opened = open_engine(); !opened) return opened;
  return open_follower();
}

Status Datapath::load_tables() {
  const Config& config = running_.config;
  if (!origin_.adopting) remove_pins(pins());  // tables of an interrupted start, which no program reads
  if (auto made = make_pin_directory(find_bpffs(), config.name); !made) return pass_on(std::move(made.error()));
  auto tables = Tables::open(pins(), config.flows.max_pairs_v4, config.flows.max_pairs_v6);
  if (!tables) return pass_on(std::move(tables.error()));
  tables_ = std::make_unique<Tables>(std::move(*tables));
  auto hook = XdpHook::load(pins(), *tables_);
  if (!hook) return pass_on(std::move(hook.error()));
  hook_ = std::make_unique<XdpHook>(std::move(*hook));
  count_losses();
  if (auto saved = save_journal(running_.journal); !saved) return saved;
  const TableMemory& memory = tables_->memory();
  flows_ = std::make_unique<FlowTables>(memory.flows4.values(), memory.flows4_cold.values(), memory.flows6.values(),
                                        memory.flows6_cold.values(), memory.settings[0]);
  settings_ = std::make_unique<SettingsWriter>(tables_->memory().settings[0]);
  begin_settings();
  heartbeat_ = std::make_unique<Heartbeat>(*settings_, clock_, [this] { return hook_->tick(); });
  return {};
}

// A gateway whose losses are not counted forwards as well as another, and says so.
void Datapath::count_losses() {
  const auto netns = netlink::own_netns();
  Status watched = netns ? watch_losses(pins(), *tables_, *netns) : Status(pass_on(netns.error()));
  if (watched) return;
  problems_.push_back("packets that the kernel loses behind the programs are not counted: " + watched.error().text);
  complain_(problems_.back());
}

void Datapath::begin_settings() {
  if (const auto tick = hook_->tick()) clock_.calibrate(*tick);
  if (settings_->fresh()) {
    settings_->begin();
    begin_pickup_grace();
  }
  settings_->set_heartbeat(clock_.now());
  settings_->configure(running_.config, clock_.per_second());
}

void Datapath::begin_pickup_grace() {
  if (running_.config.flows.pickup != Pickup::grace) return;
  settings_->begin_pickup_grace(clock_.now(), running_.config.flows.pickup_grace_s * clock_.per_second());
}

Status Datapath::open_driver() {
  const EngineConfig& wanted = running_.config.engine;
  afxdp::DriverConfig config;
  config.frames = wanted.frames;
  config.frame_bytes = wanted.frame_bytes;
  config.busy_poll = wanted.busy_poll;
  for (const Port& port : origin_.ports.ports()) config.sockets_planned += port.sockets_wanted();
  auto driver = afxdp::Driver::create(config);
  if (!driver) return pass_on(std::move(driver.error()));
  driver_ = std::move(*driver);
  if (wanted.bursts) enable_bursts();
  return {};
}

// When it is not available, all packets leave through the sockets: slower, but not a reason to refuse the start.
void Datapath::enable_bursts() {
  auto transmit = LiveTransmit::create(tables_->maps().tx_devices);
  if (transmit)
    driver_->set_burst_sender(std::make_unique<LiveSender>(std::move(*transmit)));
  else
    complain_("bursts leave through the sockets: " + transmit.error().text);
}

Status Datapath::open_engine() {
  auto requests = NeighbourRequestQueue::create();
  if (!requests) return pass_on(std::move(requests.error()));
  neighbour_requests_ = std::move(*requests);
  env_ = std::make_unique<dp_env>(tables_of(tables_->memory()), tables_->maps().neighbours);
  auto counters = open_counters(pins());
  if (!counters) return pass_on(std::move(counters.error()));
  flows_->count_rules((*counters)->rules);
  const EngineLimits limits{.hold_per_neighbour = running_.config.engine.hold_per_neighbour};
  engine_ = std::make_unique<Engine>(*driver_, *env_, clock_, *neighbour_requests_, limits, std::move(*counters),
                                     driver_.get());
  if (!tables_->adopted()) return {};
  for (const std::uint8_t family : kFlowFamilies)
    recover_flows(flows_->view(family), [] { std::this_thread::sleep_for(kRecoveryWait); });
  return {};
}

Status Datapath::open_follower() {
  auto grace = GracePeriod::create();
  if (!grace) return pass_on(std::move(grace.error()));
  hops_ = std::make_unique<NextHopTable>(tables_->memory().next_hops.values(), tables_->maps().neighbours);
  publisher_ = std::make_unique<Publisher>(*tables_, *settings_, std::move(*grace),
                                           [this] { engine_->call(command::quiet_point()); });
  auto follower = Follower::open({io_, *tables_, ports(), *hops_, *publisher_, *engine_, *neighbour_requests_, *flows_},
                                 complain_, note_);
  if (!follower) return pass_on(std::move(follower.error()));
  follower_ = std::move(*follower);
  changer_ = std::make_unique<PortChanger>(
      PortChanger::Parts{*tables_, *hook_, *engine_, *follower_, ports(), running_.journal},
      [this](const EngineCommand& command) { return call_engine(command); }, complain_);
  for (const Port& port : ports().ports()) changer_->note_neighbours(port);
  keeper_ = std::make_unique<DeviceKeeper>(
      DeviceKeeper::Parts{io_, *tables_, *hook_, ports(), *changer_, *follower_, running_.image, pins()}, complain_);
  return {};
}

Status Datapath::publish() {
  const TableImage& image = running_.image;
  if (auto zeroed = zero_fresh_rules(image, *tables_, *engine_); !zeroed) return zeroed;
  const std::span<const dp_port> written = tables_->memory().ports.values();
  const std::vector<dp_port> before(written.begin(), written.end());
  changer_->restrict_trust(image);
  ports().follow(follower_->mirror(), *tables_, *hops_);
  auto published = follower_->publish_first(image);
  for (std::uint16_t number = 1; !published && number < DP_PORTS_MAX; ++number)
    set_trust(*tables_, number, {before[number].zone, before[number].source_check});
  if (published && origin_.adopting) published = publisher_->wait_for_readers();
  if (published) delete_flows_of_reassigned_zones();
  return published;
}

Status Datapath::open_ports() {
  if (auto opened = ports().open(changer_->opener(), running_.image); !opened) {
    changer_->apply_trust(running_.image);  // the adopted datapath keeps forwarding, by these tables
    return opened;
  }
  ports().retire_others(*tables_, *hook_);
  // A packet may still be in a program of an earlier load, whose tail calls need its prog array.
  if (auto waited = publisher_->wait_for_readers(); !waited) return waited;
  hook_->release_others();
  changer_->restore_others();
  return {};
}

std::vector<std::string> Datapath::problems() const {
  std::vector<std::string> all = problems_;
  const std::vector<std::string> of_linux = follower_->problems();
  all.insert(all.end(), of_linux.begin(), of_linux.end());
  return all;
}

void Datapath::run() {
  engine_->set_threaded(true);
  engine_thread_ = std::thread([this] { engine_->run(); });  // from here on only that thread uses the driver
  follower_->take_over_links();
  follower_->take_over_neighbours();
  keeper_->begin();
  follower_->settle();
  follower_->watch();
}

void Datapath::stop() {
  heartbeat_.reset();
  if (keeper_) keeper_->stop();
  if (follower_) follower_->stop();
  if (!engine_thread_.joinable()) return;
  engine_->stop();
  engine_thread_.join();
  engine_->set_threaded(false);
}

void Datapath::detach() {
  if (hook_) ports().close(*hook_);
}

EngineReply Datapath::call_engine(const EngineCommand& command) {
  heartbeat_->control_lives();
  return engine_->call(command);
}

void Datapath::delete_flows_of_reassigned_zones() {
  std::vector<std::uint8_t>& zones = running_.journal.reassigned_zones;
  if (zones.empty()) return;
  const auto listed = [&](std::uint8_t zone) { return std::ranges::find(zones, zone) != zones.end(); };
  for (const std::uint8_t family : kFlowFamilies) {
    const TableView view = flows_->view(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (listed(flow.forward.zone) || listed(flow.reverse.zone)) (void)delete_flow(view, flow.id);
    });
  }
  zones.clear();
  if (auto saved = save_journal(running_.journal); !saved) complain_(saved.error().text);
}

}  // namespace twinpath
