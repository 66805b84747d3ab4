#include <algorithm>
#include <functional>

#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/render.hpp"

namespace twinpath::cli {
namespace {

constexpr std::size_t page_pairs_max = 1000;  // the most that one page has

std::string filters_of(const PoliciesOptions& options) {
  const std::pair<std::string_view, const std::string&> filters[] = {
      {"zone", options.zone},         {"source", options.source}, {"destination", options.destination},
      {"protocol", options.protocol}, {"port", options.port},     {"state", options.state},
      {"origin", options.origin}};
  std::string query;
  for (const auto& [key, value] : filters)
    if (!value.empty()) query += fmt::format("&{}={}", key, rest::percent_encode(value));
  return query;
}

// Gives every page to `take` until the end or the limit.
Status for_each_page(Api& api, const PoliciesOptions& options, const std::function<void(const json&)>& take) {
  const std::string filters = filters_of(options);
  std::size_t left = options.limit.value_or(static_cast<std::size_t>(-1));
  std::string cursor;
  while (left > 0) {
    const std::string at = cursor.empty() ? "" : "&cursor=" + rest::percent_encode(cursor);
    const Result<json> page =
        api.get(fmt::format("/v1/policies?limit={}{}{}", std::min(left, page_pairs_max), filters, at));
    if (!page) return pass_on(page.error());
    const json& pairs = member(*page, "policies");
    if (!pairs.is_array()) return refuse("the daemon's answer has no policies");
    take(pairs);
    left -= std::min(left, pairs.size());
    if (!member(*page, "cursor").is_string()) break;
    cursor = member(*page, "cursor");
  }
  return {};
}

// One document, one pair per line, written as the pages come.
Status print_json(Api& api, const PoliciesOptions& options) {
  std::string_view before = "{\"policies\": [\n";
  const Status status = for_each_page(api, options, [&](const json& pairs) {
    for (const json& pair : pairs) {
      say(fmt::format("{}{}", before, pair.dump()));
      before = ",\n";
    }
  });
  if (status) say(before == ",\n" ? "\n]}\n" : "{\"policies\": []}\n");
  return status;
}

Status print_table(Api& api, const PoliciesOptions& options) {
  Table table = policy_table();
  bool shown = false;
  const Status status = for_each_page(api, options, [&](const json& pairs) {
    for (const json& pair : pairs) add_policy(table, pair);
    if (!pairs.empty()) say(table.take_page());
    shown = shown || !pairs.empty();
  });
  if (status && !shown) say(table.take_page());
  return status;
}

}  // namespace

int policies(const Global& global, const PoliciesOptions& options) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  const Status status = global.json ? print_json(api, options) : print_table(api, options);
  return status ? exit_done : failed(status.error());
}

}  // namespace twinpath::cli
