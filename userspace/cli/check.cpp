#include "cli/commands.hpp"
#include "cli/document.hpp"
#include "cli/format.hpp"
#include "cli/output.hpp"
#include "config/document.hpp"

namespace twinpath::cli {
namespace {

int check_json(const CheckOptions& options) {
  const Result<std::string> text = read_file(options.file);
  if (!text) return failed(text.error());
  const auto config = parse_config(*text);
  nlohmann::json faults = nlohmann::json::array();
  if (!config)
    for (const Fault& fault : config.error()) faults.push_back({{"path", fault.path}, {"text", fault.text}});
  say_json({{"ok", config.has_value()}, {"faults", std::move(faults)}});
  return config ? exit_done : exit_failed;
}

}  // namespace

int check(const Global& global, const CheckOptions& options) {
  if (global.json) return check_json(options);
  const std::optional<Config> config = load_document(options.file);
  if (!config) return exit_failed;
  say(fmt::format("{}: ok: gateway \"{}\", {}, {}, {}\n", options.file, config->name,
                  counted(config->ports.size(), "port"), counted(config->zones.size(), "zone"),
                  counted(config->rules.size(), "rule")));
  return exit_done;
}

}  // namespace twinpath::cli
