#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

// The status of a gateway whose daemon is gone is what its pins say.
Outcome daemonless_status(const Global& global, const Instance& instance, const Error& error) {
  const std::vector<std::string> devices = left_devices(instance.name);
  if (!nobody_listens(error) || devices.empty()) return failed(error);
  Failure failure(error);
  failure.answer = {{"name", instance.name}, {"daemon", "gone"}, {"devices", devices}, {"problems", {error.text}}};
  if (global.json) return failed(std::move(failure));
  if (Outcome said = say(
          printable(fmt::format("{}: no daemon; forwarding on {}", instance.name, fmt::join(devices, ", "))) + "\n");
      !said)
    return said;
  return failed(std::move(failure));
}

// One question, one table.
Outcome show(const Global& global, std::string_view target, std::string (*render)(const json&),
             Outcome (*without_answer)(const Global&, const Instance&, const Error&) = nullptr) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<json> answer = api.get(target);
  if (!answer) {
    if (without_answer == nullptr) return failed(answer.error());
    return without_answer(global, api.instance(), answer.error());
  }
  return global.json ? say_json(*answer) : say(render(*answer));
}

}  // namespace

Outcome status(const Global& global) { return show(global, "/v1/status", render_status, daemonless_status); }
Outcome ports(const Global& global) { return show(global, "/v1/ports", render_ports); }
Outcome zones(const Global& global) { return show(global, "/v1/zones", render_zones); }
Outcome rules(const Global& global) { return show(global, "/v1/rules", render_rules); }

}  // namespace twinpath::cli
