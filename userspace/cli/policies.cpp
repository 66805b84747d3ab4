#include <algorithm>

#include "cli/api.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/pair_splitter.hpp"
#include "cli/render.hpp"
#include "cli/terminal.hpp"
#include "rest/gateway.hpp"

namespace twinpath::cli {
namespace {

constexpr std::size_t rows_shown_at_once = 1000;
constexpr std::size_t say_bytes = 64 * 1024;

std::string target_of(const PoliciesOptions& options) {
  const bool one_page = options.limit && *options.limit <= rest::page_pairs_max;
  std::string target = fmt::format("/v1/policies?limit={}", one_page ? std::to_string(*options.limit) : "all");
  for (const auto& [key, value] : options.filters) target += fmt::format("&{}={}", key, rest::percent_encode(value));
  return target;
}

// Gives each pair to `take`, up to the limit. `take` fails when its output is no longer wanted.
Outcome for_each_pair(Api& api, const PoliciesOptions& options, const std::function<Outcome(std::string_view)>& take) {
  std::size_t left = options.limit.value_or(static_cast<std::size_t>(-1));
  Outcome taken;
  PairSplitter splitter([&](std::string_view pair) {
    taken = take(pair);
    return taken && --left > 0;
  });
  const Result<rest::Reply> reply =
      api.stream(target_of(options), [&](std::string_view piece) { return splitter.add(piece); });
  if (!taken) return taken;
  if (!reply) return failed(reply.error());
  if (reply->status >= 400) return failed(error_of(*reply));
  return {};
}

// One document, one pair per line, as the daemon writes it. It is a document, too, when the daemon ends in the middle.
Outcome print_json(Api& api, const PoliciesOptions& options) {
  std::string text = "{\"policies\": [";
  bool begun = false;
  bool said = false;
  Outcome listed = for_each_pair(api, options, [&](std::string_view pair) -> Outcome {
    text += begun ? ",\n" : "\n";
    text += pair;
    begun = true;
    if (text.size() < say_bytes) return {};
    said = true;
    return say(std::exchange(text, {}));
  });
  if (!listed && !said && !begun) return listed;
  text += begun ? "\n]" : "]";
  if (!listed) text += ", \"error\": " + error_json(listed.error()).dump(-1, ' ', true, json::error_handler_t::replace);
  if (Outcome ended = say(text + "}\n"); !ended) return ended;
  if (!listed) listed.error().told = true;
  return listed;
}

// A table for each family: the addresses of one are three times as long as those of the other.
Outcome print_tables(Api& api, const PoliciesOptions& options) {
  PolicyTables tables(terminal_columns());
  Outcome listed = for_each_pair(api, options, [&](std::string_view pair) -> Outcome {
    json read = json::parse(pair, nullptr, false);
    tables.add(read);
    return tables.rows() < rows_shown_at_once ? Outcome{} : say(tables.take());
  });
  if (!listed && tables.empty()) return listed;
  if (Outcome said = say(tables.take_last()); !said) return said;
  return listed;
}

}  // namespace

Outcome policies(const Global& global, const PoliciesOptions& options) {
  Result<Instance> instance = find_instance(global);
  if (!instance) return failed(instance.error());
  Api api(std::move(*instance));
  return global.json ? print_json(api, options) : print_tables(api, options);
}

}  // namespace twinpath::cli
