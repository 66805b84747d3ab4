#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/confirm.hpp"
#include "cli/document.hpp"
#include "cli/format.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

// The daemon finds faults that `check` cannot: of devices, sockets and other programs on the host.
int say_refusal(const std::string& file, const rest::Reply& reply) {
  const json body = json::parse(reply.body, nullptr, false);
  const json& list = member(member(body, "error"), "faults");
  if (!list.is_array() || list.empty()) return failed(error_of(reply));
  std::vector<Fault> faults;
  for (const json& fault : list)
    faults.push_back(
        {member(fault, "path").is_string() ? text_cell(member(fault, "path")) : "", text_cell(member(fault, "text"))});
  say_faults(file, faults);
  return exit_failed;
}

void say_result(const std::string& name, const json& body, bool dry_run) {
  if (dry_run)
    return say(fmt::format("{}{}: would become generation {}; nothing was changed\n",
                           render_changes(member(body, "changes")), name, count_cell(member(body, "generation"))));
  say(fmt::format("{}: generation {} in force\n", name, count_cell(member(body, "generation"))));
  if (const std::uint64_t within_s = number_or_zero(member(body, "confirm_within_s")); within_s > 0)
    say(confirm_hint(name, within_s, "the previous configuration is restored"));
}

}  // namespace

int reload(const Global& global, const ReloadOptions& options) {
  const std::optional<Config> config = load_document(options.file);
  if (!config) return exit_failed;
  Global named = global;
  if (!named.name) named.name = config->name;
  Result<Instance> instance = find_instance(named);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<rest::Reply> reply =
      api.request("PUT", options.dry_run ? "/v1/config?dry_run=1" : "/v1/config", config->source);
  if (!reply) return failed(reply.error());
  if (reply->status >= 400) return say_refusal(options.file, *reply);
  const json body = json::parse(reply->body, nullptr, false);
  if (global.json)
    say_json(body);
  else
    say_result(api.instance().name, body, options.dry_run);
  return exit_done;
}

}  // namespace twinpath::cli
