#include "rest/routes.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "rest/json_check.hpp"
#include "rest/openapi.hpp"
#include "rest/policy_stream.hpp"

namespace twinpath::rest {
namespace {

using nlohmann::json;

constexpr std::string_view json_type = "application/json";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

// The filters stand first: DELETE allows these alone, GET the paging keys behind them as well.
constexpr std::array policy_keys{
    QueryKey{"zone", Key::zone, "zone the flow's first packet came from"},
    QueryKey{"source", Key::source, "source address of the flow's first packet"},
    QueryKey{"destination", Key::destination, "destination address of the flow's first packet"},
    QueryKey{"protocol", Key::protocol, "IP protocol"},
    QueryKey{"port", Key::port, "source or destination port"},
    QueryKey{"state", Key::state, "state of the pair"},
    QueryKey{"origin", Key::origin, "which datapath installed the pair"},
    QueryKey{"limit", Key::limit, "pairs in a page, 100 unless given; all: every pair in one response"},
    QueryKey{"cursor", Key::cursor, "where the page starts"},
};
constexpr std::span<const QueryKey> page_keys{policy_keys};
constexpr std::span<const QueryKey> filter_keys = page_keys.first(7);
constexpr std::array dry_run_keys{QueryKey{"dry_run", Key::dry_run, "only say what would change"}};
constexpr std::array steered_keys{
    QueryKey{"steered", Key::steered, "show the packets that were sent to the engine too"}};
constexpr std::array detach_keys{QueryKey{"detach", Key::detach, "take programs and pins away too"}};

Response refused(const Error& error) { return error_response(400, "bad_query", error.text); }

Response no_such_policy(std::string_view id) {
  return error_response(404, "not_found", fmt::format("no live policy pair has the id \"{}\"", id));
}

// What is JSON text already.
Response text_response(std::string text) {
  Response response;
  response.body = std::move(text);
  return response;
}

Response get_all_policies(const Call& call) {
  auto source = stream_policies(call.gateway, call.query.policy);
  if (!source) return refused(source.error());
  Response response;
  response.source = std::move(*source);
  return response;
}

Response get_policies(const Call& call) {
  if (call.query.all_pairs) return get_all_policies(call);
  Result<PolicyPage> page = call.gateway.policies(call.query.policy);
  if (!page) return refused(page.error());
  const json cursor = page->cursor.empty() ? json(nullptr) : json(page->cursor);
  return text_response(
      fmt::format("{{\"policies\":[{}],\"cursor\":{}}}\n", fmt::join(page->pairs, ",\n"), json_text(cursor)));
}

Response remove_policies(const Call& call) {
  const Result<std::size_t> removed = call.gateway.remove_policies(call.query.policy);
  if (!removed) return refused(removed.error());
  return json_response({{"removed", *removed}});
}

Response get_policy(const Call& call) {
  const std::optional<std::string> pair = call.gateway.policy(call.id);
  return pair ? text_response(*pair + "\n") : no_such_policy(call.id);
}

Response remove_policy(const Call& call) {
  return call.gateway.remove_policy(call.id) ? json_response({{"removed", 1}}) : no_such_policy(call.id);
}

Response config_faults(const std::vector<ConfigFault>& faults) {
  json list = json::array();
  for (const ConfigFault& fault : faults) list.push_back({{"path", fault.path}, {"text", fault.text}});
  const ConfigFault& first = faults.front();
  std::string message = fmt::format("{}: {}", first.path, first.text);
  if (faults.size() > 1) message += fmt::format(" (and {} more)", faults.size() - 1);
  return json_response({{"error",
                         {{"code", "invalid_config"},
                          {"message", std::move(message)},
                          {"path", first.path},
                          {"faults", std::move(list)}}}},
                       422);
}

Response confirm_first(std::uint32_t seconds_left) {
  return error_response(
      409, "confirm_first",
      fmt::format("the configuration in force waits to be confirmed, or is undone in {} s: confirm it "
                  "first, or wait",
                  seconds_left));
}

Response config_response(const Result<ConfigAnswer>& answer, bool dry_run) {
  if (!answer) return error_response(500, "not_applied", answer.error().text);
  if (!answer->faults.empty()) return config_faults(answer->faults);
  if (answer->waiting_s > 0) return confirm_first(answer->waiting_s);
  if (answer->busy)
    return error_response(409, "reload_running", "another configuration is being compiled or applied: try again");
  json body = {{"generation", answer->generation}, {"dry_run", dry_run}};
  if (!answer->changes.is_null()) body["changes"] = answer->changes;
  if (answer->confirm_within_s > 0) body["confirm_within_s"] = answer->confirm_within_s;
  return json_response(body);
}

// The gateway answers before its call returns, or later.
Response put_config(const Call& call) {
  struct Handover {
    std::optional<Response> ready;
    std::function<void(Response)> respond;
  };
  const auto handover = std::make_shared<Handover>();
  call.gateway.put_config(call.body, call.query.dry_run,
                          [handover, dry_run = call.query.dry_run](const Result<ConfigAnswer>& answer) {
                            Response response = config_response(answer, dry_run);
                            if (handover->respond)
                              handover->respond(std::move(response));
                            else
                              handover->ready = std::move(response);
                          });
  if (handover->ready) return std::move(*handover->ready);
  Response promise;
  promise.later = [handover](std::function<void(Response)> respond) { handover->respond = std::move(respond); };
  return promise;
}

Response confirm(const Call& call) {
  const std::optional<std::uint32_t> generation = call.gateway.confirm();
  if (!generation)
    return error_response(409, "nothing_to_confirm", "nothing to confirm: no configuration waits for it");
  return json_response({{"confirmed", true}, {"generation", *generation}});
}

Response get_metrics(const Call& call) {
  Response response;
  response.content_type = metrics_type;
  response.body = call.gateway.metrics();
  return response;
}

Response shut_down(const Call& call) {
  Response response = json_response({{"shutting_down", true}, {"detach", call.query.detach}}, 202);
  response.afterwards = [&gateway = call.gateway, detach = call.query.detach] { gateway.shut_down(detach); };
  return response;
}

// Lists are wrapped in an object, so that fields can be added beside them.
template <json (Gateway::*Read)()>
Response list_as(std::string_view name, const Call& call) {
  return json_response({{std::string(name), (call.gateway.*Read)()}});
}

Response get_status(const Call& call) { return json_response(call.gateway.status()); }
Response get_config(const Call& call) { return json_response(call.gateway.config()); }
Response get_ports(const Call& call) { return list_as<&Gateway::ports>("ports", call); }
Response get_zones(const Call& call) { return list_as<&Gateway::zones>("zones", call); }
Response get_rules(const Call& call) { return list_as<&Gateway::rules>("rules", call); }
Response get_drops(const Call& call) {
  json body = {{"drops", call.gateway.drops()}};
  if (call.query.steered) body["steered"] = call.gateway.steered();
  return json_response(body);
}
Response get_engines(const Call& call) { return list_as<&Gateway::engines>("engines", call); }
Response get_openapi(const Call&) { return json_response(openapi_document(routes())); }

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

// Compares segment by segment; what stands for a parameter is put into `id`.
bool matches(std::string_view pattern, const std::vector<std::string>& segments, std::string_view& id) {
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);
    const std::string_view part = pattern.substr(0, pattern.find('/'));
    if (is_parameter(part) && !segment.empty())
      id = segment;
    else if (part != segment)
      return false;
    pattern.remove_prefix(part.size());
  }
  return pattern.empty();
}

struct Found {
  const Route* route = nullptr;
  std::string_view id;
  std::string allow;  // methods of this path; empty: there is no such path
};

Found find_route(std::string_view method, const Target& target) {
  Found found;
  const std::string_view sought = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes()) {
    std::string_view id;
    if (!matches(route.pattern, target.segments, id)) continue;
    fmt::format_to(std::back_inserter(found.allow), "{}{}", found.allow.empty() ? "" : ", ", route.method);
    if (route.method == "GET") found.allow += ", HEAD";
    if (route.method != sought) continue;
    found.route = &route;
    found.id = id;
  }
  return found;
}

Response wrong_method(const Request& request, std::string allow) {
  Response response =
      error_response(405, "method_not_allowed", fmt::format("{} is not one of {}", request.method, allow));
  response.allow = std::move(allow);
  return response;
}

// application/x-www-form-urlencoded is what curl sends unless told otherwise: such a body goes on to the JSON check.
bool may_be_json(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type.empty() || type == json_type || type.ends_with("+json") || type == "application/x-www-form-urlencoded";
}

std::optional<Response> fault_of_body(const Route& route, const Request& request) {
  if (route.body == Body::none) return std::nullopt;
  if (!may_be_json(request.content_type))
    return error_response(415, "not_json",
                          fmt::format("the body is {}; allowed: application/json", request.content_type));
  const std::optional<std::string> fault = check_json(request.body);
  if (!fault) return std::nullopt;  // faults of the content are found by the gateway
  return error_response(400, "bad_json", *fault);
}

Response run(Gateway& gateway, const Request& request) {
  const Result<Target> target = parse_target(request.target);
  if (!target) return error_response(400, "bad_target", target.error().text);
  Found found = find_route(request.method, *target);
  if (found.allow.empty()) return error_response(404, "not_found", fmt::format("no such path: {}", request.target));
  if (found.route == nullptr) return wrong_method(request, std::move(found.allow));
  Query query;
  if (const auto fault = read_query(*target, found.route->keys, query))
    return error_response(400, "bad_query", fault->text, fault->key);
  if (auto fault = fault_of_body(*found.route, request)) return std::move(*fault);
  return found.route->handle({gateway, query, found.id, request.body});
}

}  // namespace

std::span<const QueryKey> policy_filters() { return filter_keys; }

std::span<const Route> routes() {
  static const std::vector<Route> table{
      {"GET", "/v1/status", "the whole gateway at a glance", {}, Body::none, json_type, {200}, get_status},
      {"GET",
       "/v1/policies",
       "a page of the policy table, or all of it",
       page_keys,
       Body::none,
       json_type,
       {200, 400},
       get_policies},
      {"DELETE",
       "/v1/policies",
       "remove the pairs that match; all of them when no filter is given",
       filter_keys,
       Body::none,
       json_type,
       {200, 400},
       remove_policies},
      {"GET", "/v1/policies/{id}", "one policy pair", {}, Body::none, json_type, {200, 404}, get_policy},
      {"DELETE", "/v1/policies/{id}", "remove one policy pair", {}, Body::none, json_type, {200, 404}, remove_policy},
      {"GET", "/v1/ports", "ports with counters", {}, Body::none, json_type, {200}, get_ports},
      {"GET", "/v1/zones", "zones and their defaults", {}, Body::none, json_type, {200}, get_zones},
      {"GET", "/v1/rules", "rules with hits", {}, Body::none, json_type, {200}, get_rules},
      {"GET", "/v1/drops", "dropped packets by reason", steered_keys, Body::none, json_type, {200}, get_drops},
      {"GET", "/v1/engines", "packet workers with counters", {}, Body::none, json_type, {200}, get_engines},
      {"GET", "/v1/config", "the configuration in force", {}, Body::none, json_type, {200}, get_config},
      {"PUT",
       "/v1/config",
       "replace the configuration in one transaction",
       dry_run_keys,
       Body::config,
       json_type,
       {200, 400, 409, 413, 415, 422},
       put_config},
      {"POST",
       "/v1/confirm",
       "keep the configuration that waits for it",
       {},
       Body::none,
       json_type,
       {200, 409},
       confirm},
      {"POST", "/v1/shutdown", "end the daemon", detach_keys, Body::none, json_type, {202}, shut_down},
      {"GET", "/v1/openapi.json", "this API as an OpenAPI 3 document", {}, Body::none, json_type, {200}, get_openapi},
      {"GET", "/metrics", "counters in Prometheus text format", {}, Body::none, metrics_type, {200}, get_metrics},
  };
  return table;
}

Response dispatch(Gateway& gateway, const Request& request) {
  try {
    return run(gateway, request);
  } catch (const std::exception& error) {
    return error_response(500, "internal", error.what());
  }
}

}  // namespace twinpath::rest
