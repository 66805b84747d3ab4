#include "bench/micro/rule_document.hpp"
#include "config/document.hpp"

#include <nlohmann/json.hpp>

namespace twinpath::bench {
namespace {

using nlohmann::json;

json value_of(std::uint32_t number, Differ differ) {
  if (differ == Differ::port) return 1024 + number;
  return fmt::format("10.{}.{}.0/24", number / 256, number % 256);
}

json rule_of(std::uint32_t first, std::uint32_t count, Differ differ) {
  json values = json::array();
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(value_of(first + i, differ));
  return {{"from", "inside"},
          {"to", "outside"},
          {"protocol", "udp"},
          {differ == Differ::port ? "destination_port" : "source", std::move(values)},
          {"action", "allow"}};
}

}  // namespace

std::string rule_document(std::uint32_t compiled, Differ differ) {
  const std::uint32_t at_once = compiled <= kRulesMax ? 1 : 4;
  json rules = json::array();
  for (std::uint32_t first = 0; first < compiled; first += at_once)
    rules.push_back(rule_of(first, std::min(at_once, compiled - first), differ));
  const json document = {
      {"name", "micro"},
      {"ports",
       {{{"name", "lan"}, {"device", "lan0"}, {"zone", "inside"}},
        {{"name", "wan"}, {"device", "wan0"}, {"zone", "outside"}}}},
      {"zones", {{"inside", {{"default", "drop"}}}, {"outside", {{"default", "drop"}}}}},
      {"rules", std::move(rules)},
  };
  return document.dump(2);
}

Result<Config> config_of(const std::string& document) {
  auto config = parse_config(document);
  if (!config) return refuse("{}: {}", config.error().front().path, config.error().front().text);
  return std::move(*config);
}

Result<TableImage> rule_image(std::uint32_t compiled, Differ differ) {
  const auto config = config_of(rule_document(compiled, differ));
  if (!config) return pass_on(config.error());
  auto image = compile(*config, NumberAllocation{});
  if (!image) return refuse("{}: {}", image.error().path, image.error().text);
  if (image->rules.size() != compiled) return refuse("{} compiled rules instead of {}", image->rules.size(), compiled);
  return std::move(*image);
}

}  // namespace twinpath::bench
