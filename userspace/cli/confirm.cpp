#include "cli/confirm.hpp"

#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/format.hpp"
#include "cli/output.hpp"

namespace twinpath::cli {

std::string confirm_hint(std::string_view name, std::uint64_t seconds, std::string_view otherwise) {
  return printable(
             fmt::format("{0}: in {1} s {2}, unless you keep it: twinpath -n {0} confirm", name, seconds, otherwise)) +
         "\n";
}

std::string waiting_text(std::string_view name, const json& confirm) {
  if (const json& waiting = member(confirm, "waiting"); !waiting.is_boolean() || !waiting.get<bool>()) return "";
  const bool rollback = text_cell(member(confirm, "undo")) == "rollback";
  return confirm_hint(name, number_or_zero(member(confirm, "seconds_left")),
                      rollback ? "the previous configuration is restored" : "everything is undone");
}

json find_waiting(const Global& global, const std::string& name) {
  Global named = global;
  named.name = name;
  Result<Instance> instance = find_instance(named);
  if (!instance) return nullptr;
  const Result<json> status = Api(std::move(*instance)).get("/v1/status");
  return status ? member(*status, "confirm") : json();
}

Outcome confirm(const Global& global) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<json> body = api.send("POST", "/v1/confirm");
  if (!body) return failed(body.error());
  if (global.json) return say_json(*body);
  return say(printable(fmt::format("{}: generation {} is confirmed", api.instance().name,
                                   count_cell(member(*body, "generation")))) +
             "\n");
}

}  // namespace twinpath::cli
