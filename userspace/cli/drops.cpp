#include <fmt/chrono.h>

#include <chrono>
#include <thread>

#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds watch_interval{1};

std::string_view target_of(const DropsOptions& options) {
  return options.steered ? "/v1/drops?steered=1" : "/v1/drops";
}

std::string tables(const json& answer, const DropsOptions& options) {
  return render_drops(answer) + (options.steered ? "\n" + render_steered(answer) : "");
}

// What one look at the counters shows: all that was counted so far, or what was counted since the look before.
struct Look {
  json counted;
  std::optional<double> interval_s;  // absent: so far
};

// --json: one line, {"time", "interval_s", "drops", "steered"?}; interval_s is null where the packets are all so far.
Outcome show(const Global& global, const DropsOptions& options, const Look& look) {
  const std::time_t now = std::time(nullptr);
  if (global.json) {
    json line = look.counted;
    line["time"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
    line["interval_s"] = look.interval_s ? json(*look.interval_s) : json();
    return say(line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  }
  const std::string what = look.interval_s ? fmt::format("in the last {:.1f} s", *look.interval_s) : "so far";
  return say(fmt::format("{}{:%H:%M:%S}, {}:\n{}", look.interval_s ? "\n" : "", fmt::localtime(now), what,
                         tables(look.counted, options)));
}

// What was counted so far, then the packets of each second, until the daemon goes or the user interrupts.
Outcome watch(const Global& global, Api& api, const DropsOptions& options, json before) {
  auto seen = Clock::now();
  if (Outcome shown = show(global, options, {before, std::nullopt}); !shown) return shown;
  while (true) {
    std::this_thread::sleep_for(watch_interval);
    Result<json> answer = api.get(target_of(options));
    if (!answer) return failed(answer.error());
    const auto now = Clock::now();
    const double interval_s = std::round(std::chrono::duration<double>(now - seen).count() * 1000) / 1000;
    if (Outcome shown = show(global, options, {counted_since(*answer, before), interval_s}); !shown) return shown;
    before = std::move(*answer);
    seen = now;
  }
}

}  // namespace

Outcome drops(const Global& global, const DropsOptions& options) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  Result<json> answer = api.get(target_of(options));
  if (!answer) return failed(answer.error());
  if (options.watch) return watch(global, api, options, std::move(*answer));
  return global.json ? say_json(*answer) : say(tables(*answer, options));
}

}  // namespace twinpath::cli
