#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

// The status of a gateway whose daemon is gone is what its pins say.
int daemonless_status(const Global& global, const Instance& instance, const Error& error) {
  const std::vector<std::string> devices = left_devices(instance.name);
  if (!nobody_listens(error) || devices.empty()) return failed(error);
  if (global.json)
    say_json({{"name", instance.name}, {"daemon", "gone"}, {"devices", devices}, {"problems", {error.text}}});
  else
    say(printable(fmt::format("{}: no daemon; forwarding on {}", instance.name, fmt::join(devices, ", "))) + "\n");
  return failed(error);
}

// One question, one table.
int show(const Global& global, std::string_view target, std::string (*render)(const json&),
         int (*without_answer)(const Global&, const Instance&, const Error&) = nullptr) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<json> answer = api.get(target);
  if (!answer) return without_answer ? without_answer(global, api.instance(), answer.error()) : failed(answer.error());
  if (global.json)
    say_json(*answer);
  else
    say(render(*answer));
  return exit_done;
}

}  // namespace

int status(const Global& global) { return show(global, "/v1/status", render_status, daemonless_status); }
int ports(const Global& global) { return show(global, "/v1/ports", render_ports); }
int zones(const Global& global) { return show(global, "/v1/zones", render_zones); }
int rules(const Global& global) { return show(global, "/v1/rules", render_rules); }

}  // namespace twinpath::cli
