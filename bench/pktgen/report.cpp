#include "bench/pktgen/report.hpp"

#include <algorithm>

namespace twinpath::pktgen {
namespace {

using nlohmann::json;

json latency_json(const Histogram& latency) {
  return {{"samples", latency.count()},
          {"p50_ns", latency.quantile(0.5)},
          {"p99_ns", latency.quantile(0.99)},
          {"max_ns", latency.max()}};
}

// Without stamps nothing is known of order and latency: no numbers then, rather than zeros.
json sink_json(const SinkReport& sink, const RunOptions& options) {
  const SinkResult& total = sink.total;
  const bool stamps = options.generator.traffic.stamps;
  json out{{"received", total.received},
           {"bytes", total.bytes},
           {"foreign", total.foreign},
           {"pps", sink.pps},
           {"bits_per_second", sink.bits_per_second},
           {"checksums_checked", total.checksums_checked},
           {"bad_ip_checksums", total.bad_ip_checksums},
           {"bad_l4_checksums", total.bad_l4_checksums},
           {"mode", sink.native ? "native" : "generic"},
           {"order", nullptr},
           {"latency", nullptr}};
  if (stamps && options.check_order)
    out["order"] = {{"flows_watched", options.watched_flows},
                    {"flows_seen", sink.flows_seen},
                    {"checked", total.order_checked},
                    {"reordered", total.reordered},
                    {"duplicated", total.duplicated}};
  if (stamps && options.measure_latency) out["latency"] = latency_json(sink.measured.latency);
  return out;
}

json traffic_json(const Traffic& traffic) {
  json out{{"family", static_cast<int>(traffic.family)},
           {"protocol", name_of(traffic.protocol)},
           {"flows", traffic.flows},
           {"order", traffic.order == Order::random ? "random" : "sequence"},
           {"frame_bytes", frame_sizes(traffic).front()},
           {"imix", traffic.imix},
           {"stamps", traffic.stamps},
           {"new_flows_per_second", traffic.new_flows_per_second}};
  if (traffic.every_packet_new) out["new_flows_per_second"] = "all";
  return out;
}

json generator_json(const Report& report, const GeneratorOptions& options) {
  const GeneratorResult& result = report.generator;
  return {{"sent", result.sent},        {"not_taken", result.not_taken}, {"bytes", result.bytes},
          {"flows", result.flows},      {"pps", report.sent_pps},        {"rate_pps", options.rate_pps},
          {"threads", options.threads}, {"seconds", result.seconds},     {"cpu_seconds", result.cpu_seconds}};
}

std::string row(std::string_view title, const std::string& value) { return fmt::format("  {:<22} {}\n", title, value); }

// 12,345,678
std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string rate(double pps, double bits) { return fmt::format("{:.3f} Mpps, {:.3f} Gbit/s", pps / 1e6, bits / 1e9); }
std::string micro(std::uint64_t ns) { return fmt::format("{:.1f}", static_cast<double>(ns) / 1000); }

std::string latency_rows(const Histogram& latency) {
  if (latency.count() == 0) return {};
  return row("latency p50/p99/max",
             fmt::format("{} / {} / {} us, {} samples", micro(latency.quantile(0.5)), micro(latency.quantile(0.99)),
                         micro(latency.max()), grouped(latency.count())));
}

std::string sink_rows(std::string_view title, const SinkReport& sink, std::int64_t lost, const RunOptions& options) {
  const SinkResult& total = sink.total;
  std::string text = fmt::format("{} ({})\n", title, sink.native ? "native XDP" : "generic XDP");
  text += row("received", grouped(total.received));
  text += row("rate", rate(sink.pps, sink.bits_per_second));
  text += row("lost", fmt::format("{}", lost));
  if (options.generator.traffic.stamps && options.check_order)
    text +=
        row("order", fmt::format("{} reordered, {} duplicated of {} checked, {} flows seen", grouped(total.reordered),
                                 grouped(total.duplicated), grouped(total.order_checked), grouped(sink.flows_seen)));
  if (options.checksum_every != 0)
    text += row("checksums", fmt::format("{} bad IP, {} bad L4 of {} verified", grouped(total.bad_ip_checksums),
                                         grouped(total.bad_l4_checksums), grouped(total.checksums_checked)));
  return text + latency_rows(sink.measured.latency);
}

}  // namespace

json report_json(const Report& report, const RunOptions& options, std::string_view driver) {
  json out{{"driver", driver},
           {"traffic", traffic_json(options.generator.traffic)},
           {"generator", generator_json(report, options.generator)},
           {"measured_seconds", report.measured_seconds},
           {"sink", nullptr},
           {"replies", nullptr},
           {"lost", nullptr}};
  if (report.sink) {
    out["sink"] = sink_json(*report.sink, options);
    out["lost"] = report.lost;
  }
  if (report.replies) {
    out["replies"] = sink_json(*report.replies, options);
    out["replies_lost"] = report.replies_lost;
  }
  return out;
}

std::string report_table(const Report& report, const RunOptions& options, std::string_view driver) {
  const GeneratorResult& sent = report.generator;
  std::string text =
      fmt::format("generator ({}, {} threads, {:.2f} s)\n", driver, options.generator.threads, sent.seconds);
  text += row("sent", fmt::format("{} packets of {} flows", grouped(sent.sent), grouped(sent.flows)));
  if (sent.not_taken != 0) text += row("not taken by device", grouped(sent.not_taken));
  text += row("rate", fmt::format("{:.3f} Mpps", report.sent_pps / 1e6));
  text += row("CPU", fmt::format("{:.2f} s", sent.cpu_seconds));
  if (report.sink) text += sink_rows("sink", *report.sink, report.lost, options);
  if (report.replies) text += sink_rows("replies", *report.replies, report.replies_lost, options);
  if (report.sink && report.sink->total.received == 0 && sent.sent != 0)
    text +=
        "nothing arrived: is all up, and does the device at the other end of the first wire take XDP redirects (an "
        "XDP\n"
        "program on it, or ethtool -K DEVICE gro on)?\n";
  return text;
}

}  // namespace twinpath::pktgen
