#include <chrono>
#include <thread>

#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

constexpr std::chrono::seconds watch_interval{1};

std::string_view target_of(const DropsOptions& options) {
  return options.steered ? "/v1/drops?steered=1" : "/v1/drops";
}

void show_tables(const json& answer, const json& before, const DropsOptions& options) {
  say(render_drops(answer, before));
  if (options.steered) say("\n" + render_steered(answer, before));
}

// Each second, the packets of that second, until the daemon goes or the user interrupts.
int watch(const Global& global, Api& api, const DropsOptions& options, json before) {
  while (true) {
    std::this_thread::sleep_for(watch_interval);
    Result<json> answer = api.get(target_of(options));
    if (!answer) return failed(answer.error());
    if (global.json) {
      say(answer->dump() + "\n");
    } else {
      say("\n");
      show_tables(*answer, before, options);
    }
    before = std::move(*answer);
  }
}

}  // namespace

int drops(const Global& global, const DropsOptions& options) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  Result<json> answer = api.get(target_of(options));
  if (!answer) return failed(answer.error());
  if (!global.json)
    show_tables(*answer, nullptr, options);
  else if (options.watch)
    say(answer->dump() + "\n");  // a line each second
  else
    say_json(*answer);
  return options.watch ? watch(global, api, options, std::move(*answer)) : exit_done;
}

}  // namespace twinpath::cli
