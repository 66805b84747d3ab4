#include <chrono>
#include <thread>

#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

constexpr std::chrono::seconds watch_interval{1};

void show(const Global& global, const json& answer, const json& before) {
  if (global.json)
    say(answer.dump() + "\n");
  else
    say(render_drops(answer, before));
}

// Each second, what that second dropped, until the daemon goes or the user interrupts.
int watch(const Global& global, Api& api, json before) {
  while (true) {
    std::this_thread::sleep_for(watch_interval);
    Result<json> answer = api.get("/v1/drops");
    if (!answer) return failed(answer.error());
    if (!global.json) say("\n");
    show(global, *answer, before);
    before = std::move(*answer);
  }
}

}  // namespace

int drops(const Global& global, const DropsOptions& options) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  Result<json> answer = api.get("/v1/drops");
  if (!answer) return failed(answer.error());
  if (!options.watch && global.json)
    say_json(*answer);
  else
    show(global, *answer, nullptr);
  return options.watch ? watch(global, api, std::move(*answer)) : exit_done;
}

}  // namespace twinpath::cli
