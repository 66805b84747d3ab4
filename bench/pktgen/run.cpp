#include "bench/pktgen/run.hpp"

#include <algorithm>
#include <thread>

#include "bench/pktgen/netns.hpp"
#include "netlink/device.hpp"

namespace twinpath::pktgen {
namespace {

using std::chrono::steady_clock;

// A sink with what it had counted when the measured time began.
struct Observer {
  Sink sink;
  SinkResult before;
  SinkResult during;
};

Result<std::optional<Observer>> open_observer(bool wanted, const SinkOptions& options) {
  std::optional<Observer> observer;
  if (!wanted) return observer;
  auto sink = Sink::open(options);
  if (!sink) return pass_on(std::move(sink.error()));
  observer.emplace(Observer{std::move(*sink), {}, {}});
  return observer;
}

SinkOptions sink_options(const RunOptions& options) {
  SinkOptions sink;
  sink.device = options.sink_device;
  sink.netns = options.sink_netns;
  sink.traffic = options.generator.traffic;
  sink.reply = options.replies;
  sink.watched_flows = options.watched_flows;
  sink.checksum_every = options.checksum_every;
  sink.check_order = options.check_order;
  sink.measure_latency = options.measure_latency;
  return sink;
}

SinkOptions reply_options(const RunOptions& options) {
  SinkOptions sink = sink_options(options);
  sink.device = options.generator.device;
  sink.netns = options.generator.netns;
  sink.reply = false;
  sink.expects_replies = true;
  return sink;
}

// Returns early when told to, or when the sender has ended by itself.
void pass_time(double seconds, const Sender& sender, const std::atomic<bool>* stop) {
  const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
  while (steady_clock::now() < end && sender.running() && (stop == nullptr || !*stop))
    std::this_thread::sleep_for(
        std::min(std::chrono::duration<double>(0.01), std::chrono::duration<double>(end - steady_clock::now())));
}

SinkReport report_of(const Observer& observer, double seconds) {
  SinkReport report;
  report.total = observer.sink.result();
  report.measured = observer.during - observer.before;
  if (seconds > 0) {
    report.pps = static_cast<double>(report.measured.received) / seconds;
    report.bits_per_second = static_cast<double>(report.measured.bytes) * 8 / seconds;
  }
  report.flows_seen = observer.sink.flows_seen();
  report.native = observer.sink.native();
  return report;
}

class OwnGenerator : public Sender {
 public:
  explicit OwnGenerator(Generator generator) : generator_(std::move(generator)) {}
  Status start() override { return generator_.start(); }
  bool running() const override { return generator_.running(); }
  Status stop() override { return generator_.stop(); }
  GeneratorResult result() const override { return generator_.result(); }

 private:
  Generator generator_;
};

// Many a NIC takes its link down for a moment when an XDP program comes. A device that never gets one is used all the same.
constexpr std::chrono::seconds kLinkPatience{15};

void wait_for_link(const std::string& netns, const std::string& device, const std::atomic<bool>* stop) {
  const auto has_link = [&] {
    bool carrier = true;
    static_cast<void>(in_netns(netns, [&]() -> Status {
      if (const auto link = netlink::find_device(device)) carrier = link->carrier || !link->admin_up;
      return {};
    }));
    return carrier;
  };
  const auto deadline = steady_clock::now() + kLinkPatience;
  while (!has_link() && steady_clock::now() < deadline && (stop == nullptr || !*stop))
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
}

Result<MacAddress> mac_of(const std::string& netns, const std::string& device) {
  MacAddress mac{};
  auto found = in_netns(netns, [&]() -> Status {
    auto link = netlink::find_device(device);
    if (!link) return pass_on(std::move(link.error()));
    mac = link->mac;
    return {};
  });
  if (!found) return pass_on(std::move(found.error()));
  return mac;
}

}  // namespace

Result<RunOptions> with_addresses(RunOptions options) {
  Traffic& traffic = options.generator.traffic;
  if (traffic.source_mac == MacAddress{}) {
    auto mac = mac_of(options.generator.netns, options.generator.device);
    if (!mac) return pass_on(std::move(mac.error()));
    traffic.source_mac = *mac;
  }
  if (traffic.destination_mac != MacAddress{}) return options;
  if (options.sink_device.empty()) return refuse("without a sink device, a destination MAC is needed");
  auto mac = mac_of(options.sink_netns, options.sink_device);
  if (!mac) return pass_on(std::move(mac.error()));
  traffic.destination_mac = *mac;
  return options;
}

Result<Report> measure_with(Sender& sender, const RunOptions& options, const std::atomic<bool>* stop) {
  const bool has_sink = !options.sink_device.empty();
  auto sink = open_observer(has_sink, sink_options(options));
  if (!sink) return pass_on(std::move(sink.error()));
  auto replies = open_observer(has_sink && options.replies, reply_options(options));
  if (!replies) return pass_on(std::move(replies.error()));
  const auto each = [&](auto&& visit) {
    if (*sink) visit(**sink);
    if (*replies) visit(**replies);
  };

  wait_for_link(options.generator.netns, options.generator.device, stop);
  if (has_sink) wait_for_link(options.sink_netns, options.sink_device, stop);
  if (auto started = sender.start(); !started) return pass_on(std::move(started.error()));
  pass_time(options.warmup_seconds, sender, stop);
  const auto begin = steady_clock::now();
  const std::uint64_t sent_before = sender.result().sent;
  each([](Observer& observer) { observer.before = observer.sink.result(); });
  pass_time(options.seconds, sender, stop);
  each([](Observer& observer) { observer.during = observer.sink.result(); });
  const std::uint64_t sent_during = sender.result().sent - sent_before;
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
  if (auto stopped = sender.stop(); !stopped) return pass_on(std::move(stopped.error()));
  each([](Observer& observer) { static_cast<void>(observer.sink.wait_quiet()); });

  Report report;
  report.generator = sender.result();
  report.measured_seconds = seconds;
  report.sent_pps = seconds > 0 ? static_cast<double>(sent_during) / seconds : 0;
  if (*sink) {
    report.sink = report_of(**sink, seconds);
    report.lost = static_cast<std::int64_t>(report.generator.sent - report.generator.not_taken) -
                  static_cast<std::int64_t>(report.sink->total.received);
  }
  if (*replies) {
    report.replies = report_of(**replies, seconds);
    report.replies_lost = static_cast<std::int64_t>(report.sink->total.replied) -
                          static_cast<std::int64_t>(report.replies->total.received);
  }
  return report;
}

Result<Report> measure(const RunOptions& wanted, const std::atomic<bool>* stop) {
  auto options = with_addresses(wanted);
  if (!options) return pass_on(std::move(options.error()));
  // The replies' sink is a program on the sending device.
  options->generator.hold_device = !options->replies || options->sink_device.empty();
  auto generator = Generator::open(options->generator);
  if (!generator) return pass_on(std::move(generator.error()));
  OwnGenerator sender{std::move(*generator)};
  return measure_with(sender, *options, stop);
}

}  // namespace twinpath::pktgen
