#include "config/document.hpp"

#include <limits>

#include "base/name.hpp"
#include "config/compile.hpp"
#include "config/json_text.hpp"
#include "config/object_reader.hpp"
#include "config/sections.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

constexpr std::string_view kNotYet[] = {"nat", "services", "pools", "mss", "overlays"};

void read_instance_name(ObjectReader& root, std::string& name) {
  const json* value = root.find("name");
  if (value == nullptr) return;
  const std::string text = value->is_string() ? value->get<std::string>() : "";
  if (is_gateway_name(text))
    name = text;
  else
    root.fault("name", *value, fmt::format("must be {}", kGatewayNameText));
}

Config read_document(const json& document, std::string_view name, FaultList& faults) {
  Config config;
  ObjectReader root(document, "", faults);
  read_instance_name(root, config.name);
  if (!name.empty()) config.name = name;
  read_ports(root, config);
  read_zones(root, config);
  read_rules(root, config);
  read_flows(root, config.flows);
  read_engine(root, config.engine);
  root.section("check", [&](ObjectReader& reader) {
    reader.integer("one_in", config.check_one_in, 0, std::numeric_limits<std::uint32_t>::max());
    if (config.check_one_in != 0) reader.fault("one_in", "must be 0: the check is not supported by this version");
  });
  read_api(root, config.name, config.api);
  read_safety(root, config.safety);
  for (std::string_view key : kNotYet) root.refuse_unless_empty(key);
  root.finish();
  return config;
}

}  // namespace

tl::expected<Config, std::vector<Fault>> parse_config(std::string_view text, std::string_view name) {
  FaultList faults;
  const auto document = read_json(text, faults);
  if (!document) return tl::unexpected(faults.take());
  if (!document->is_object()) {
    faults.add("", shown(*document) + ": the document must be an object");
    return tl::unexpected(faults.take());
  }
  Config config = read_document(*document, name, faults);
  if (!faults.empty()) return tl::unexpected(faults.take());
  config.source = text;
  return config;
}

tl::expected<Config, std::vector<Fault>> check_document(std::string_view text, std::string_view name) {
  auto config = parse_config(text, name);
  if (!config) return config;
  if (auto image = compile(*config, NumberAllocation{}); !image)
    return tl::unexpected(std::vector<Fault>{std::move(image.error())});
  return config;
}

}  // namespace twinpath
