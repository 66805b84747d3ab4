#include "control/life/control.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/paths.hpp"
#include "common/flow/hash.h"
#include "control/life/live_sender.hpp"
#include "engine/env.hpp"
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

Result<std::unique_ptr<Control>> Control::start(boost::asio::io_context& io, const Config& config,
                                                ControlOptions options) {
  std::unique_ptr<Control> control(new Control(io, config, std::move(options)));
  if (auto begun = control->begin(); !begun) {
    control->abort_start();
    return pass_on(std::move(begun.error()));
  }
  return control;
}

Control::Control(boost::asio::io_context& io, const Config& config, ControlOptions options)
    : io_(io),
      config_(config),
      options_(std::move(options)),
      timer_(io),
      confirmation_(io, [this](PendingChange change) { confirmation_timed_out(std::move(change)); }),
      worker_(io),
      exit_(config.safety.on_exit) {}

Control::~Control() { stop(exit_); }

// Checks come first: nothing on the host is changed before load_tables().
Status Control::begin() {
  pins_ = pin_directory(kBpfFs, config_.name);
  adopting_ = !pinned_devices(pins_).empty();
  if (auto taken = take_over_journal(); !taken) return taken;
  if (auto surveyed = survey(); !surveyed) return surveyed;
  if (auto loaded = load_tables(); !loaded) return loaded;
  if (auto opened = open_engine(); !opened) return opened;
  if (auto opened = open_follower(); !opened) return opened;
  auto log = EventLog::open(io_, tables_->maps().events, image_, options_.note);
  if (!log) return pass_on(std::move(log.error()));
  event_log_ = std::move(*log);
  if (auto zeroed = zero_fresh_rules(image_); !zeroed) return zeroed;
  if (auto published = publish_first(); !published) return published;
  if (auto opened = ports_.open(changer_->opener(), image_); !opened) {
    changer_->apply_trust(image_);  // the adopted datapath keeps forwarding, by these tables
    return opened;
  }
  ports_.retire_others(*tables_, *hook_);
  hook_->release_others();
  changer_->restore_others();
  engine_->set_threaded(true);
  engine_thread_ = std::thread([this] { engine_->run(); });  // from here on only that thread uses the driver
  follower_->take_over_links();
  follower_->take_over_neighbours();
  follower_->watch();
  every_second();
  await_start_confirmation();
  return {};
}

// An adopted datapath needs its journal: the journal says which zone, port and rule each number in the tables means,
// and which changes to the host have to be undone.
Status Control::take_over_journal() {
  auto saved = load_journal(config_.name);
  if (!saved) return pass_on(std::move(saved.error()));
  if (adopting_ && !*saved)
    return refuse("a datapath of this name is forwarding, but {} is gone: run \"twinpath -n {} down\" first",
                  journal_path(config_.name), config_.name);
  if (adopting_ && (*saved)->netns != options_.netns)
    return refuse(
        "a datapath of this name is forwarding in network namespace \"{}\", not in \"{}\": give --netns, or run "
        "\"twinpath -n {} down\" first",
        (*saved)->netns, options_.netns, config_.name);
  if (*saved) journal_ = std::move(**saved);
  if (!adopting_) journal_.confirmed = nullptr;  // no longer in force, so nothing can be rolled back to it
  journal_.name = config_.name;
  journal_.netns = options_.netns;
  journal_.socket = config_.api.unix_path;
  journal_.pid = ::getpid();
  return {};
}

Status Control::survey() {
  auto image = compile(config_, journal_.numbers);
  if (!image) return pass_on(std::move(image.error()));
  image_ = std::move(*image);
  reassigned_zones_ = find_reassigned_zones(journal_.numbers, image_.numbers);
  journal_.numbers = image_.numbers;
  auto ports = PortSet::survey(config_, image_, pins_);
  if (!ports) return pass_on(std::move(ports.error()));
  ports_ = std::move(*ports);
  return {};
}

Status Control::load_tables() {
  touched_ = true;
  if (!adopting_) remove_pins(pins_);  // tables of an interrupted start, which no program reads
  if (auto pins = make_pin_directory(kBpfFs, config_.name); !pins) return pass_on(std::move(pins.error()));
  auto tables = Tables::open(pins_, config_.flows.max_pairs_v4, config_.flows.max_pairs_v6);
  if (!tables) return pass_on(std::move(tables.error()));
  tables_ = std::make_unique<Tables>(std::move(*tables));
  auto hook = XdpHook::load(pins_, *tables_);
  if (!hook) return pass_on(std::move(hook.error()));
  hook_ = std::make_unique<XdpHook>(std::move(*hook));
  if (auto saved = save_journal(journal_); !saved) return saved;
  settings_ = std::make_unique<SettingsWriter>(tables_->memory().settings[0]);
  begin_settings();
  heartbeat_ = std::make_unique<Heartbeat>(*settings_, clock_, [this] { return hook_->tick(); });
  return {};
}

void Control::begin_settings() {
  if (const auto tick = hook_->tick()) clock_.calibrate(*tick);
  if (settings_->fresh()) {
    settings_->begin();
    begin_pickup_grace();
  }
  settings_->set_heartbeat(clock_.now());
  settings_->configure(config_, clock_.per_second());
}

Status Control::open_engine() {
  afxdp::DriverConfig driver_config;
  driver_config.frames = config_.engine.frames;
  driver_config.frame_bytes = config_.engine.frame_bytes;
  driver_config.busy_poll = config_.engine.busy_poll;
  for (const Port& port : ports_.ports()) driver_config.sockets_planned += port.sockets_wanted();
  auto driver = afxdp::Driver::create(driver_config);
  if (!driver) return pass_on(std::move(driver.error()));
  driver_ = std::move(*driver);
  if (config_.engine.bursts) enable_bursts();
  auto requests = NeighbourRequestQueue::create();
  if (!requests) return pass_on(std::move(requests.error()));
  neighbour_requests_ = std::move(*requests);
  const MapFds& maps = tables_->maps();
  const RouteMaps routes{std::to_array(maps.routes4), std::to_array(maps.routes6), maps.neighbours};
  env_ = std::make_unique<dp_env>(tables_of(tables_->memory()), routes);
  const EngineLimits limits{.hold_per_neighbour = config_.engine.hold_per_neighbour};
  auto counters = open_counters(pins_);
  if (!counters) return pass_on(std::move(counters.error()));
  engine_ = std::make_unique<Engine>(*driver_, *env_, clock_, *neighbour_requests_, limits, std::move(*counters),
                                     driver_.get());
  if (tables_->adopted()) {
    for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6})
      recover_flows(table(family), [] { std::this_thread::sleep_for(kRecoveryWait); });
  }
  return {};
}

// When it is not available, all packets leave through the sockets: slower, but not a reason to refuse the start.
void Control::enable_bursts() {
  auto transmit = LiveTransmit::create(tables_->maps().tx_devices);
  if (transmit)
    driver_->set_burst_sender(std::make_unique<LiveSender>(std::move(*transmit)));
  else if (options_.complain)
    options_.complain("bursts leave through the sockets: " + transmit.error().text);
}

Status Control::open_follower() {
  auto grace = GracePeriod::create();
  if (!grace) return pass_on(std::move(grace.error()));
  hops_ = std::make_unique<NextHopTable>(tables_->memory().next_hops.values(), tables_->maps().neighbours);
  publisher_ = std::make_unique<Publisher>(*tables_, *settings_, std::move(*grace), [this] { wait_for_engine(); });
  auto follower =
      Follower::open({io_, *tables_, ports_, *hops_, *publisher_, *engine_, *neighbour_requests_}, options_.complain);
  if (!follower) return pass_on(std::move(follower.error()));
  follower_ = std::move(*follower);
  changer_ = std::make_unique<PortChanger>(
      PortChanger::Parts{*tables_, *hook_, *engine_, *follower_, ports_, journal_},
      [this](const EngineCommand& command) { return call_engine(command); }, options_.complain);
  return {};
}

// Adopted ports that change zone forward nothing until ports_.open() writes them, when the new tables are in force.
Status Control::publish_first() {
  const std::vector<dp_port> before(tables_->memory().ports.values().begin(), tables_->memory().ports.values().end());
  changer_->restrict_trust(image_);
  ports_.follow(follower_->mirror(), *tables_, *hops_);
  const RoutePlan routes = follower_->plan();
  auto published = publisher_->publish(image_, routes);
  for (std::uint16_t number = 1; !published && number < DP_PORTS_MAX; ++number)
    set_trust(*tables_, number, {before[number].zone, before[number].source_check});
  if (published && adopting_) published = publisher_->wait_for_readers();
  if (published) delete_flows_of_zones(reassigned_zones_);
  return published;
}

void Control::wait_for_engine() { engine_->call(command::quiet_point()); }

void Control::every_second() {
  heartbeat_->control_lives();
  expire();
  timer_.expires_after(std::chrono::seconds{1});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) every_second();
  });
}

void Control::expire() {
  const dp_settings& settings = settings_->view();
  pairs4_ = expiry4_.pass(table(DP_FAMILY_V4), clock_.now(), settings.timeouts, settings.stamp);
  pairs6_ = expiry6_.pass(table(DP_FAMILY_V6), clock_.now(), settings.timeouts, settings.stamp);
  const auto crowded = [&](const ExpiryCounts& pairs, const dp_table_shape& shape) {
    const double half_open_max = config_.flows.half_open_share * shape.max_pairs;
    return pairs.live >= shape.max_pairs || static_cast<double>(pairs.half_open) > half_open_max;
  };
  settings_->set_crowded(crowded(pairs4_, settings.v4), crowded(pairs6_, settings.v6));
}

TableView Control::table(std::uint8_t family) {
  const TableMemory& memory = tables_->memory();
  const dp_settings& settings = settings_->view();
  if (family == DP_FAMILY_V4) return {family, memory.flows4.values(), {}, memory.flows4_cold.values(), settings.v4};
  return {family, {}, memory.flows6.values(), memory.flows6_cold.values(), settings.v6};
}

void Control::abort_start() {
  if (!touched_) stopped_ = true;
  stop(adopting_ ? OnExit::keep : OnExit::detach);
}

void Control::stop(OnExit how) {
  if (stopped_) return;
  stopped_ = true;
  timer_.cancel();
  heartbeat_.reset();
  if (follower_) follower_->stop();
  if (engine_thread_.joinable()) {
    engine_->stop();
    engine_thread_.join();
    engine_->set_threaded(false);
  }
  if (how == OnExit::keep) return;
  if (hook_) ports_.close(*hook_);
  close_all();
  if (auto cleaned = clean_up(config_.name); !cleaned) options_.complain(cleaned.error().text);
}

// Each object is destroyed before the objects that it refers to.
void Control::close_all() {
  event_log_.reset();
  changer_.reset();
  follower_.reset();
  publisher_.reset();
  hops_.reset();
  engine_.reset();
  env_.reset();
  neighbour_requests_.reset();
  driver_.reset();
  settings_.reset();
  hook_.reset();
  tables_.reset();
}

Status clean_up(const std::string& name) {
  auto journal = load_journal(name);
  remove_pins(pin_directory(kBpfFs, name));
  Status restored;
  if (!journal)
    restored = pass_on(std::move(journal.error()).in("programs and pins are gone, but offloads are not restored"));
  else if (*journal)
    restored = netlink::restore_offloads((*journal)->offloads);
  remove_journal(name);
  return restored;
}

}  // namespace twinpath
