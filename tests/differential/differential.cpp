#include "differential/differential.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <cstring>
#include <random>

#include "common/decide/hit.h"
#include "common/flow/table.h"

namespace twinpath::test {
namespace {

constexpr const char* kReasonNames[] = {
#define DP_REASON(enumerator, name, verdict, documentation) name,
#include "common/model/reasons.def"
#undef DP_REASON
};

std::uint64_t bound_to_one_cpu(std::uint64_t seed) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
  ::sched_setaffinity(0, sizeof(one), &one);
  return seed;
}

std::string hex(const void* data, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", static_cast<const std::uint8_t*>(data)[i]);
  return text;
}

// Where two pieces of memory differ: the first few bytes.
std::string bytes_that_differ(const void* kernel, const void* twin, std::size_t size) {
  const auto *a = static_cast<const std::uint8_t*>(kernel), *b = static_cast<const std::uint8_t*>(twin);
  std::string text;
  std::size_t count = 0;
  for (std::size_t i = 0; i < size; ++i)
    if (a[i] != b[i] && ++count <= 12) text += fmt::format(" [{}] kernel {:02x} twin {:02x}", i, a[i], b[i]);
  return fmt::format("{} bytes differ:{}", count, text);
}

template <class Bucket>
std::string buckets_that_differ(std::span<const Bucket> kernel, std::span<const Bucket> twin, const char* name) {
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    if (std::memcmp(&kernel[i], &twin[i], sizeof(Bucket)) == 0) continue;
    for (std::size_t lane = 0; lane < DP_FLOW_LANES; ++lane) {
      if (kernel[i].control[lane] != twin[i].control[lane])
        return fmt::format("{} slot {}: control word kernel {:08x} twin {:08x}", name, i * DP_FLOW_LANES + lane,
                           kernel[i].control[lane], twin[i].control[lane]);
      if (std::memcmp(&kernel[i].entry[lane], &twin[i].entry[lane], sizeof(kernel[i].entry[lane])) != 0)
        return fmt::format(
            "{} slot {}: {}", name, i * DP_FLOW_LANES + lane,
            bytes_that_differ(&kernel[i].entry[lane], &twin[i].entry[lane], sizeof(kernel[i].entry[lane])));
    }
  }
  return {};
}

std::string cold_that_differs(std::span<const dp_flow_cold> kernel, std::span<const dp_flow_cold> twin,
                              const char* name) {
  for (std::size_t slot = 0; slot < kernel.size(); ++slot)
    if (std::memcmp(&kernel[slot], &twin[slot], sizeof(dp_flow_cold)) != 0)
      return fmt::format("{} slot {}: {}", name, slot,
                         bytes_that_differ(&kernel[slot], &twin[slot], sizeof(dp_flow_cold)));
  return {};
}

std::string counter_text(const char* name, std::uint32_t index, const void* kernel, const void* twin,
                         std::size_t size) {
  if (std::memcmp(kernel, twin, size) == 0) return {};
  return fmt::format("counter {}[{}]: {}", name, index, bytes_that_differ(kernel, twin, size));
}

}  // namespace

const char* reason_name(std::size_t reason) { return reason < DP_REASONS ? kReasonNames[reason] : "no reason"; }

std::uint64_t seed_of_run() {
  if (const char* seed = std::getenv("TWINPATH_SEED")) return std::strtoull(seed, nullptr, 0);
  return std::random_device{}();
}

Differential::Differential(const std::string& object_file, std::uint64_t seed)
    : seed_(bound_to_one_cpu(seed)),
      random_(seed),
      kernel_(object_file),
      world_(kernel_, random_),
      twin_(kernel_, world_.attachments()),
      generator_(world_, random_),
      reasons_(kernel_.map("reasons")),
      rule_hits_(kernel_.map("rule_hits")),
      port_counters_(kernel_.map("port_counters")) {}

// What happens between packets: the control plane's changes, flows that somebody else installs or deletes.
void Differential::disturb() {
  if (random_.below(400) == 0) {
    const Event& event = random_.pick(kEvents);
    event.apply(world_, random_);
    last_event_ = fmt::format("{} before frame {}", event.name, seen_.frames);
  }
  if (random_.below(400) == 0) plant();
  if (random_.below(2000) == 0) remove_one();
}

// A pair as NAT will install it: made in the twin's table, then both tables are made the same.
void Differential::plant() {
  const Flow& flow = generator_.translated_flow();
  const std::uint32_t flags = random_.percent(10) ? DP_FLOW_HELD : random_.percent(5) ? DP_FLOW_USER : 0;
  dp_flow_half forward = flow.half(false), reverse = flow.half(true);
  forward.zone = kernel_.ports[kNetworks[flow.client.network].port].zone;
  reverse.zone = kernel_.ports[kNetworks[flow.server.network].port].zone;
  forward.flags |= flags;
  reverse.flags |= flags;
  forward.stamp = reverse.stamp = kernel_.settings[0].stamp;
  forward.next_hop = static_cast<__u16>(random_.between(1, 250));
  reverse.next_hop = static_cast<__u16>(random_.between(1, 250));
  dp_install install{};
  install.now = twin_.context().now;
  install.family = static_cast<__u8>(flow.v6 ? DP_FAMILY_V6 : DP_FAMILY_V4);
  install.evict = 1;
  const auto counted = twin_.rule_hits;  // what is done here to both tables is counted by neither side
  const bool installed = dp_flow_install(twin_.env(), &forward, &reverse, &install) == DP_INSTALL_OK;
  const bool assure = random_.percent(80);
  dp_flow_view view;
  if (installed && assure && dp_flow_view_slot(twin_.env(), install.family, install.slot, install.control, &view))
    dp_flow_set_state(twin_.env(), install.family, &view, DP_FLOW_ASSURED);
  seen_.planted += installed ? 1 : 0;
  twin_.rule_hits = counted;
  copy_tables();  // a refused installation leaves its traces, too
}

// What the expiry scan does.
void Differential::remove_one() {
  const bool v6 = random_.percent(50);
  const std::uint32_t slot = random_.below((v6 ? kBuckets6 : kBuckets4) * DP_FLOW_LANES);
  const std::uint32_t control = v6 ? *dp_flow_control6(twin_.env(), slot) : *dp_flow_control4(twin_.env(), slot);
  const std::uint8_t family = v6 ? DP_FAMILY_V6 : DP_FAMILY_V4;
  dp_flow_view view;
  if (!dp_flow_view_slot(twin_.env(), family, slot, control, &view)) return;
  const auto counted = twin_.rule_hits;
  dp_flow_delete(twin_.env(), family, &view);
  twin_.rule_hits = counted;
  copy_tables();
}

void Differential::copy_tables() {
  std::memcpy(kernel_.flows4.values().data(), twin_.flows4.data(), kernel_.flows4.values().size_bytes());
  std::memcpy(kernel_.flows6.values().data(), twin_.flows6.data(), kernel_.flows6.values().size_bytes());
  std::ranges::copy(twin_.flows4_cold, kernel_.flows4_cold.values().begin());
  std::ranges::copy(twin_.flows6_cold, kernel_.flows6_cold.values().begin());
}

// The tick that the kernel side used: a plain hit leaves it in the entry, the slow path in the context. A plain hit that is
// steered needs none.
std::uint32_t Differential::tick_of(const Step& step, const struct dp_hit& hit) const {
  if (step.hit != DP_HIT_FORWARD) return kernel_.scratch().now;
  const std::uint32_t bucket = hit.slot / DP_FLOW_LANES, lane = hit.slot % DP_FLOW_LANES;
  return hit.family == DP_FAMILY_V4 ? kernel_.flows4[bucket].entry[lane].seen : kernel_.flows6[bucket].entry[lane].seen;
}

Differential::Step Differential::step() {
  Step step{.generated = generator_.next(), .kernel = {}, .twin = {}, .events = {}, .frame_of_hit = {}};
  const Arrival& arrival = step.generated.arrival;
  struct dp_hit hit {};
  step.hit = twin_.hits(arrival, hit);
  if (step.hit == DP_HIT_FORWARD) {
    step.frame_of_hit = TwinSide::frame_of_hit(hit, arrival);
    seen_.translated_hits += hit.link & DP_FLOW_REWRITE ? 1 : 0;
  }
  step.kernel = kernel_.run(arrival);
  step.events = kernel_.take_events();
  step.twin = twin_.run(arrival, tick_of(step, hit), step.hit);
  seen_.frames++;
  seen_.hits += step.hit == DP_HIT_FORWARD ? 1 : 0;
  seen_.user_hits += step.hit == DP_HIT_USER ? 1 : 0;
  seen_.by_reason[static_cast<std::size_t>(twin_.last().reason)]++;
  return step;
}

std::optional<std::string> Differential::run(std::uint64_t frames) {
  for (std::uint64_t i = 0; i < frames; ++i) {
    disturb();
    const Step made = step();
    if (const std::string what = difference(made); !what.empty()) return report(made, what);
  }
  return std::nullopt;
}

std::string Differential::difference(const Step& step) const {
  if (std::string what = outcome_difference(step); !what.empty()) return what;
  if (std::string what = event_difference(step); !what.empty()) return what;
  if (std::string what = counter_difference(); !what.empty()) return what;
  if (std::string what = table_difference(); !what.empty()) return what;
  const dp_context context = kernel_.scratch();
  if (std::memcmp(&context, &twin_.context(), sizeof(context)) == 0) return {};
  return "context of the slow path: " + bytes_that_differ(&context, &twin_.context(), sizeof(context));
}

std::string Differential::outcome_difference(const Step& step) const {
  const Outcome &kernel = step.kernel, &twin = step.twin;
  if (kernel.action != twin.action) return fmt::format("XDP action kernel {} twin {}", kernel.action, twin.action);
  if (kernel.metadata.has_value() != twin.metadata.has_value()) return "metadata on one side alone";
  if (kernel.metadata && std::memcmp(&*kernel.metadata, &*twin.metadata, sizeof(dp_metadata)) != 0)
    return "metadata: " + bytes_that_differ(&*kernel.metadata, &*twin.metadata, sizeof(dp_metadata));
  if (kernel.frame.size() != twin.frame.size())
    return fmt::format("frame of {} bytes, twin's of {}", kernel.frame.size(), twin.frame.size());
  if (step.hit == DP_HIT_FORWARD && step.frame_of_hit != twin.frame) return "the fast path writes another frame in C++";
  if (kernel.frame == twin.frame) return {};
  return "frame: " + bytes_that_differ(kernel.frame.data(), twin.frame.data(), kernel.frame.size());
}

std::string Differential::event_difference(const Step& step) const {
  const std::optional<dp_event>& wanted = twin_.last().event;
  if (step.events.size() != (wanted ? 1 : 0))
    return fmt::format("{} events, twin {}", step.events.size(), wanted ? 1 : 0);
  if (!wanted) return {};
  dp_event event = step.events[0];
  if (event.time_ns == 0) return "an event without a time";
  event.time_ns = 0;
  if (std::memcmp(&event, &*wanted, sizeof(dp_event)) == 0) return {};
  return "event: " + bytes_that_differ(&event, &*wanted, sizeof(dp_event));
}

std::string Differential::rule_difference(std::uint32_t rule) const {
  const auto counted = kernel_.counter<dp_rule_counters>(rule_hits_, rule);
  return counter_text("rule_hits", rule, &counted, &twin_.rule_hits[rule], sizeof(counted));
}

std::string Differential::counter_difference() const {
  const TwinSide::Last& last = twin_.last();
  const auto reason_index = static_cast<std::uint32_t>(last.reason);
  const auto reason = kernel_.counter<dp_counter>(reasons_, reason_index);
  std::string what = counter_text("reasons", reason_index, &reason, &twin_.reasons[reason_index], sizeof(reason));
  if (last.rule != 0 && what.empty()) what = rule_difference(last.rule);
  // flows that ended or changed their rule, whatever the packet's own rule was
  for (std::uint32_t rule = 1; rule < DP_RULE_IDS_MAX && what.empty() && seen_.frames % 1024 == 0; ++rule)
    if (twin_.rule_hits[rule].flows != 0) what = rule_difference(rule);
  for (const std::uint32_t number : {last.parent, last.ingress, last.egress}) {
    if (!what.empty()) break;
    const auto port = kernel_.counter<dp_port_counters>(port_counters_, number);
    what = counter_text("port_counters", number, &port, &twin_.port_counters[number], sizeof(port));
  }
  return what;
}

std::string Differential::table_difference() const {
  std::string what = buckets_that_differ<dp_flow_bucket4>(kernel_.flows4.values(), twin_.flows4, "flows4");
  if (what.empty()) what = buckets_that_differ<dp_flow_bucket6>(kernel_.flows6.values(), twin_.flows6, "flows6");
  if (what.empty()) what = cold_that_differs(kernel_.flows4_cold.values(), twin_.flows4_cold, "flows4_cold");
  if (what.empty()) what = cold_that_differs(kernel_.flows6_cold.values(), twin_.flows6_cold, "flows6_cold");
  return what;
}

std::string Differential::report(const Step& step, const std::string& what) const {
  const Arrival& arrival = step.generated.arrival;
  std::string story;
  for (const std::string& name : step.generated.story) story += (story.empty() ? "" : ", ") + name;
  return fmt::format(
      "{}\n  TWINPATH_SEED={} frame {} ({}), last event: {}\n  twin: reason {}, rule {}, ports {} -> {}, {}\n"
      "  arrived, port device {} queue {}: {}\n  kernel: action {} {}\n  twin:   action {} {}",
      what, seed_, seen_.frames, story, last_event_, kReasonNames[twin_.last().reason], twin_.last().rule,
      twin_.last().ingress, twin_.last().egress, step.hit != DP_HIT_NOT ? "hit" : "slow path", arrival.ifindex,
      arrival.queue, hex(arrival.frame.data(), arrival.frame.size()), step.kernel.action,
      hex(step.kernel.frame.data(), step.kernel.frame.size()), step.twin.action,
      hex(step.twin.frame.data(), step.twin.frame.size()));
}

}  // namespace twinpath::test
