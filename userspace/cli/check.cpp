#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/format.hpp"
#include "cli/output.hpp"

namespace twinpath::cli {

Outcome check(const Global& global, const CheckOptions& options) {
  auto document = load_document(options.file);
  if (!document) {
    Failure& failure = document.error();
    failure.answer = {{"ok", false}, {"faults", json::array()}};
    for (const Fault& fault : failure.faults)
      failure.answer["faults"].push_back({{"path", fault.path}, {"text", fault.text}});
    return failed(std::move(failure));
  }
  if (global.json) return say_json({{"ok", true}, {"faults", json::array()}});
  const Config& config = document->config;
  return say(printable(fmt::format("{}: ok: gateway \"{}\", {}, {}, {}", document_name(options.file), config.name,
                                   counted(config.ports.size(), "port"), counted(config.zones.size(), "zone"),
                                   counted(config.rules.size(), "rule"))) +
             "\n");
}

}  // namespace twinpath::cli
