#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

// One question, one table.
int show(const Global& global, std::string_view target, std::string (*render)(const json&)) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<json> answer = api.get(target);
  if (!answer) return failed(answer.error());
  if (global.json)
    say_json(*answer);
  else
    say(render(*answer));
  return exit_done;
}

}  // namespace

int status(const Global& global) { return show(global, "/v1/status", render_status); }
int ports(const Global& global) { return show(global, "/v1/ports", render_ports); }
int zones(const Global& global) { return show(global, "/v1/zones", render_zones); }
int rules(const Global& global) { return show(global, "/v1/rules", render_rules); }

}  // namespace twinpath::cli
