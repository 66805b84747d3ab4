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
Failure refusal(const std::string& file, const rest::Reply& reply) {
  const json body = parse_answer(reply.body);
  const json& list = member(member(body, "error"), "faults");
  if (!list.is_array() || list.empty()) return error_of(reply);
  std::vector<Fault> faults;
  for (const json& fault : list)
    faults.push_back(
        {member(fault, "path").is_string() ? text_cell(member(fault, "path")) : "", text_cell(member(fault, "text"))});
  return document_failure(document_name(file), std::move(faults));
}

std::string result_text(const std::string& name, const json& body, bool dry_run) {
  const std::string generation = count_cell(member(body, "generation"));
  if (dry_run)
    return render_changes(member(body, "changes")) +
           printable(fmt::format("{}: would become generation {}; nothing was changed", name, generation)) + "\n";
  std::string text = printable(fmt::format("{}: generation {} in force", name, generation)) + "\n";
  if (const std::uint64_t within_s = number_or_zero(member(body, "confirm_within_s")); within_s > 0)
    text += confirm_hint(name, within_s, "the previous configuration is restored");
  return text;
}

}  // namespace

Outcome reload(const Global& global, const ReloadOptions& options) {
  const auto document = load_document(options.file);
  if (!document) return failed(document.error());
  Global named = global;
  if (!named.name) named.name = document->config.name;
  Result<Instance> instance = find_instance(named);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Result<rest::Reply> reply =
      api.request("PUT", options.dry_run ? "/v1/config?dry_run=1" : "/v1/config", document->config.source);
  if (!reply) return failed(reply.error());
  if (reply->status >= 400) return failed(refusal(options.file, *reply));
  const json body = parse_answer(reply->body);
  if (body.is_discarded()) return failed(Failure("the daemon's answer to the document is not JSON", exit_failed));
  return global.json ? say_json(body) : say(result_text(api.instance().name, body, options.dry_run));
}

}  // namespace twinpath::cli
