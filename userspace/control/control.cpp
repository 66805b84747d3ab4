#include "control/control.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <random>

#include "common/datapath/hash.h"
#include "pipeline/env.hpp"
#include "policy/diff.hpp"
#include "telemetry/policy_json.hpp"
#include "control/policy_filter.hpp"

namespace twinpath {
namespace {

constexpr const char* kBpfFs = "/sys/fs/bpf";
constexpr std::uint32_t kHeartbeatLimit_s = 3;
constexpr std::chrono::milliseconds kRecoveryWait{100};

std::uint64_t random_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

std::string socket_path(const Config& config) {
  return config.api.unix_path.empty() ? fmt::format("/run/twinpath/{}.sock", config.name) : config.api.unix_path;
}

}  // namespace

Result<std::unique_ptr<Control>> Control::start(boost::asio::io_context& io, const Config& config, ControlOptions options) {
  std::unique_ptr<Control> control(new Control(io, config, std::move(options)));
  if (auto begun = control->begin(); !begun) {
    control->stop(control->adopting_ ? OnExit::keep : OnExit::detach);
    return pass_on(std::move(begun.error()));
  }
  return control;
}

Control::Control(boost::asio::io_context& io, const Config& config, ControlOptions options)
    : io_(io), config_(config), options_(std::move(options)), timer_(io), exit_(config.safety.on_exit) {}

Control::~Control() { stop(exit_); }

// Refusals first: nothing of the host is touched before load_tables().
Status Control::begin() {
  auto saved = load_journal(config_.name);
  if (!saved) return pass_on(std::move(saved.error()));
  if (*saved) journal_ = std::move(**saved);
  journal_.name = config_.name;
  journal_.netns = options_.netns;
  journal_.socket = socket_path(config_);
  journal_.pid = ::getpid();
  auto image = compile(config_, journal_.numbers);
  if (!image) return pass_on(std::move(image.error()));
  image_ = std::move(*image);
  journal_.numbers = image_.numbers;
  auto ports = PortSet::survey(config_, image_);
  if (!ports) return pass_on(std::move(ports.error()));
  ports_ = std::move(*ports);
  if (auto loaded = load_tables(); !loaded) return loaded;
  if (auto opened = open_engine(); !opened) return opened;
  if (auto opened = open_follower(); !opened) return opened;
  if (auto published = publish_first(); !published) return published;
  const auto note = [this](const std::vector<netlink::OffloadChange>& changes) {
    journal_.offloads.insert(journal_.offloads.end(), changes.begin(), changes.end());
    return save_journal(journal_);
  };
  if (auto opened = ports_.open(*datapath_, *driver_, image_, note); !opened) return opened;
  engine_thread_ = std::thread([this] { engine_->run(); });  // from here on the driver is that thread's
  follower_->take_over_links();
  follower_->take_over_neighbours();
  follower_->watch();
  every_second();
  return {};
}

Status Control::load_tables() {
  auto pins = make_pin_directory(kBpfFs, config_.name);
  if (!pins) return pass_on(std::move(pins.error()));
  pins_ = *pins;
  adopting_ = !pinned_devices(pins_).empty();
  auto datapath = KernelDatapath::load(pins_, config_.flows.max_pairs_v4, config_.flows.max_pairs_v6);
  if (!datapath) return pass_on(std::move(datapath.error()));
  datapath_ = std::make_unique<KernelDatapath>(std::move(*datapath));
  if (auto saved = save_journal(journal_); !saved) return saved;
  calibrate();
  write_settings(datapath_->memory().settings[0].layout_version == 0);
  return {};
}

// Numbers and seeds of adopted tables stay: entries were made with them.
void Control::write_settings(bool fresh) {
  dp_settings& settings = datapath_->memory().settings[0];
  if (fresh) {
    settings.stamp = 1U << 16 | 1;
    settings.v4.seed = random_seed();
    settings.v6.seed = random_seed();
    settings.ecmp_seed = random_seed();
    settings.pickup_until = clock_.now() + config_.flows.pickup_grace_s * clock_.per_second();
  }
  settings.v4.set_count = sets_for(config_.flows.max_pairs_v4);
  settings.v4.max_pairs = config_.flows.max_pairs_v4;
  settings.v6.set_count = sets_for(config_.flows.max_pairs_v6);
  settings.v6.max_pairs = config_.flows.max_pairs_v6;
  settings.ticks_per_second = clock_.per_second();
  settings.heartbeat_limit = kHeartbeatLimit_s * clock_.per_second();
  settings.heartbeat = clock_.now();
  settings.pickup = config_.flows.pickup == Pickup::loose ? DP_PICKUP_LOOSE : DP_PICKUP_STRICT;
  settings.pickup_grace = config_.flows.pickup == Pickup::grace ? 1 : 0;
  settings.timeouts = ticks_of(config_.flows.timeouts, clock_.per_second());
  const BudgetConfig& budget = config_.engine.budget_pps;
  settings.budget[DP_BUDGET_FRAGMENT] = budget.fragment;
  settings.budget[DP_BUDGET_TTL] = budget.ttl;
  settings.budget[DP_BUDGET_ICMP_ERROR] = budget.icmp_error;
  settings.budget[DP_BUDGET_HOST] = budget.host;
  settings.budget[DP_BUDGET_LINK] = budget.host;
  settings.budget[DP_BUDGET_NEIGHBOUR] = budget.neighbour;
  settings.layout_version = DP_LAYOUT_VERSION;
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
  auto desk = NeighbourDesk::create();
  if (!desk) return pass_on(std::move(desk.error()));
  desk_ = std::move(*desk);
  TableMemory& memory = datapath_->memory();
  const MapFds& maps = datapath_->maps();
  env_ = std::make_unique<dp_env>();
  env_->settings = &memory.settings[0];
  env_->zone_pairs = memory.zone_pairs.values();
  env_->rules = memory.rules.values();
  env_->paths = memory.paths.values();
  env_->ports = memory.ports.values();
  env_->next_hops = memory.next_hops.values();
  env_->flows4 = memory.flows4.values();
  env_->flows6 = memory.flows6.values();
  std::copy(std::begin(maps.routes4), std::end(maps.routes4), env_->routes4.begin());
  std::copy(std::begin(maps.routes6), std::end(maps.routes6), env_->routes6.begin());
  env_->neighbours = maps.neighbours;
  const EngineLimits limits{.hold_per_neighbour = config_.engine.hold_per_neighbour};
  engine_ = std::make_unique<Engine>(*driver_, *env_, clock_, *desk_, limits);
  if (datapath_->adopted()) {
    for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6})
      recover_flows(table(family), [] { std::this_thread::sleep_for(kRecoveryWait); });
  }
  return {};
}

Status Control::open_follower() {
  auto grace = GracePeriod::create();
  if (!grace) return pass_on(std::move(grace.error()));
  hops_ = std::make_unique<NextHopBook>(datapath_->memory().next_hops.values(), datapath_->maps().neighbours);
  publisher_ = std::make_unique<Publisher>(*datapath_, std::move(*grace), [this] { wait_for_engine(); });
  auto follower = Follower::open({io_, *datapath_, ports_, *hops_, *publisher_, *engine_, *desk_}, options_.complain);
  if (!follower) return pass_on(std::move(follower.error()));
  follower_ = std::move(*follower);
  return {};
}

Status Control::publish_first() {
  ports_.follow(follower_->mirror(), *datapath_, *hops_);
  const RoutePlan routes = follower_->plan();
  return publisher_->publish(&image_, &routes);
}

void Control::wait_for_engine() {
  if (!engine_thread_.joinable()) return;
  std::promise<void> passed;
  engine_->post([&passed] { passed.set_value(); });
  passed.get_future().wait();
}

void Control::calibrate() {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  if (bpf_prog_test_run_opts(datapath_->tick_program(), &run) == 0) clock_.calibrate(run.retval);
}

void Control::every_second() {
  calibrate();
  dp_settings& settings = datapath_->memory().settings[0];
  std::atomic_ref<std::uint32_t>(settings.heartbeat).store(clock_.now(), std::memory_order_relaxed);
  expire();
  timer_.expires_after(std::chrono::seconds{1});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) every_second();
  });
}

void Control::expire() {
  dp_settings& settings = datapath_->memory().settings[0];
  pairs4_ = expire_flows(table(DP_FAMILY_V4), clock_.now(), settings.timeouts, settings.stamp);
  pairs6_ = expire_flows(table(DP_FAMILY_V6), clock_.now(), settings.timeouts, settings.stamp);
  settings.evict_expired = pairs4_.live > settings.v4.max_pairs || pairs6_.live > settings.v6.max_pairs ? 1 : 0;
}

TableView Control::table(std::uint8_t family) {
  const dp_settings& settings = datapath_->memory().settings[0];
  if (family == DP_FAMILY_V4) return {family, datapath_->memory().flows4.values(), {}, settings.v4};
  return {family, {}, datapath_->memory().flows6.values(), settings.v6};
}

void Control::stop(OnExit how) {
  if (stopped_) return;
  stopped_ = true;
  timer_.cancel();
  if (follower_) follower_->stop();
  if (engine_thread_.joinable()) {
    engine_->stop();
    engine_thread_.join();
  }
  if (how == OnExit::keep) return;
  if (datapath_) ports_.close(*datapath_);
  datapath_.reset();
  driver_.reset();
  if (auto cleaned = clean_up(config_.name); !cleaned) options_.complain(cleaned.error().text);
}

Status clean_up(const std::string& name) {
  auto journal = load_journal(name);
  if (!journal) return pass_on(std::move(journal.error()));
  remove_pins(fmt::format("{}/twinpath/{}", kBpfFs, name));
  Status restored;
  if (*journal) restored = netlink::restore_offloads((*journal)->offloads);
  remove_journal(name);
  return restored;
}

// --- what users ask ----------------------------------------------------------------------------------------------

ReportSources Control::sources() {
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
  return {config_, image_, ports_, *datapath_, *driver_, *engine_, pairs4_, pairs6_, options_.netns, uptime};
}

nlohmann::json Control::status() { return report_status(sources()); }
nlohmann::json Control::config() { return to_json(config_); }
nlohmann::json Control::ports() { return report_ports(sources()); }
nlohmann::json Control::zones() { return report_zones(sources()); }
nlohmann::json Control::rules() { return report_rules(sources()); }
nlohmann::json Control::drops() { return report_drops(sources()); }
nlohmann::json Control::engines() { return report_engines(sources()); }
std::string Control::metrics() { return report_metrics(sources()); }

namespace {

PolicyNames names_of(const PolicyImage& image, KernelDatapath& datapath, const TickClock& clock) {
  return {.zones = image.zone_names,
          .ports = image.port_names,
          .rules = image.rule_names,
          .next_hops = datapath.memory().next_hops.values(),
          .now = clock.now(),
          .ticks_per_second = clock.per_second()};
}

}  // namespace

Result<rest::PolicyPage> Control::policies(const rest::PolicyQuery& query) {
  auto filter = PolicyFilter::make(query, image_);
  if (!filter) return pass_on(std::move(filter.error()));
  auto cursor = PolicyCursor::parse(query.cursor);
  if (!cursor) return pass_on(std::move(cursor.error()));
  const PolicyNames names = names_of(image_, *datapath_, clock_);
  rest::PolicyPage page;
  const auto collect = [&](const FlowSnapshot& flow) {
    if (filter->matches(flow)) page.pairs.push_back(policy_json(flow, names));
  };
  // A rare match must not hold the thread for a whole table: a page ends after so many pairs looked at, perhaps empty.
  std::size_t looked = 0;
  while (!cursor->done() && page.pairs.size() < query.limit && looked < PolicyCursor::kLookMost) {
    const TableView view = table(cursor->family);
    const std::size_t step = query.limit - page.pairs.size();
    cursor->slot = walk_flows(view, cursor->slot, step, collect);
    looked += step;
    if (cursor->slot >= view.slot_count()) cursor->next_family();
  }
  page.cursor = cursor->text();
  return page;
}

std::optional<nlohmann::json> Control::policy(std::string_view id) {
  std::uint8_t family = 0;
  std::uint64_t number = 0;
  if (!parse_id(id, family, number)) return std::nullopt;
  const auto flow = flow_at(table(family), number);
  if (!flow) return std::nullopt;
  return policy_json(*flow, names_of(image_, *datapath_, clock_));
}

bool Control::remove_policy(std::string_view id) {
  std::uint8_t family = 0;
  std::uint64_t number = 0;
  return parse_id(id, family, number) && delete_flow(table(family), number);
}

Result<std::size_t> Control::remove_policies(const rest::PolicyQuery& query) {
  auto filter = PolicyFilter::make(query, image_);
  if (!filter) return pass_on(std::move(filter.error()));
  std::size_t removed = 0;
  for (const std::uint8_t family : {DP_FAMILY_V4, DP_FAMILY_V6}) {
    const TableView view = table(family);
    walk_flows(view, 0, view.slot_count(), [&](const FlowSnapshot& flow) {
      if (filter->matches(flow) && delete_flow(view, flow.id)) ++removed;
    });
  }
  return removed;
}

Result<PolicyImage> Control::compile_next(const Config& next) const {
  if (next.name != config_.name) return refuse("name: the name of a running gateway cannot change");
  if (next.flows.max_pairs_v4 != config_.flows.max_pairs_v4 || next.flows.max_pairs_v6 != config_.flows.max_pairs_v6)
    return refuse("flows.max_pairs_v4, flows.max_pairs_v6: table sizes change only by down and up");
  const auto same_port = [](const PortConfig& a, const PortConfig& b) {
    return a.name == b.name && a.device == b.device && a.zone == b.zone && a.attach == b.attach && a.sockets == b.sockets &&
           a.workload == b.workload && a.offloads == b.offloads && a.queues == b.queues && a.source_check == b.source_check;
  };
  if (!std::equal(next.ports.begin(), next.ports.end(), config_.ports.begin(), config_.ports.end(), same_port))
    return refuse("ports: ports change only by down and up");
  return compile(next, image_.numbers);
}

Result<rest::ConfigAnswer> Control::put_config(std::string_view text, bool dry_run) {
  rest::ConfigAnswer answer;
  auto next = parse_config(text);
  if (!next) {
    for (const Fault& fault : next.error()) answer.faults.push_back({fault.path, fault.text});
    return answer;
  }
  auto image = compile_next(*next);
  if (!image) return pass_on(std::move(image.error()));
  const PolicyDiff changes = diff(image_, *image);
  answer.changes = {{"added", changes.added},
                    {"removed", changes.removed},
                    {"changed", changes.changed},
                    {"reordered", changes.reordered},
                    {"defaults", changes.defaults}};
  answer.generation = publisher_->generation() + (dry_run ? 1U : 0U);
  if (dry_run) return answer;
  if (auto published = publisher_->publish(&*image, nullptr); !published) return pass_on(std::move(published.error()));
  config_ = std::move(*next);
  image_ = std::move(*image);
  write_settings(false);
  exit_ = config_.safety.on_exit;
  journal_.numbers = image_.numbers;
  if (auto saved = save_journal(journal_); !saved) options_.complain(saved.error().text);
  answer.generation = publisher_->generation();
  return answer;
}

void Control::shut_down(bool detach) {
  exit_ = detach ? OnExit::detach : exit_;
  io_.stop();
}

}  // namespace twinpath
