#include "rest/openapi.hpp"

#include <algorithm>

namespace twinpath::rest {
namespace {

using nlohmann::json;

template <class Table>
json words_json(const Table& table) {
  json list = json::array();
  for (const auto& choice : table) list.push_back(choice.word);
  return list;
}

json schema_of(Key key) {
  switch (key) {
    case Key::port: return {{"type", "integer"}, {"minimum", 0}, {"maximum", 65535}};
    case Key::limit:
      return {{"oneOf",
               {{{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}}, {{"type", "string"}, {"enum", {"all"}}}}},
              {"default", 100}};
    case Key::state: return {{"type", "string"}, {"enum", words_json(kFlowStates)}};
    case Key::origin: return {{"type", "string"}, {"enum", words_json(kFlowOrigins)}};
    case Key::dry_run:
    case Key::detach:
    case Key::steered: return {{"type", "string"}, {"enum", {"0", "1"}}};
    default: return {{"type", "string"}};
  }
}

json parameters_of(const Route& route) {
  json list = json::array();
  if (route.pattern.ends_with("{id}"))
    list.push_back({{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  for (const QueryKey& key : route.keys)
    list.push_back({{"name", key.name},
                    {"in", "query"},
                    {"required", false},
                    {"description", fmt::format("{}: {}", key.documentation, allowed(key.key))},
                    {"schema", schema_of(key.key)}});
  return list;
}

json content(std::string_view type, json schema) {
  return {{std::string(type.substr(0, type.find(';'))), {{"schema", std::move(schema)}}}};
}

std::string_view meaning_of(unsigned status) {
  switch (status) {
    case 200: return "done";
    case 202: return "begun";
    case 400: return "a query key, its value or the body is not as allowed";
    case 404: return "there is no such thing";
    case 409: return "it does not fit what waits, or does not wait, to be confirmed";
    case 413: return "the body is too large";
    case 415: return "the body is not JSON";
    case 422: return "the document has faults; they are listed, nothing was changed";
    default: return "failed";
  }
}

json responses_of(const Route& route) {
  json responses;
  for (const unsigned status : route.statuses) {
    const bool good = status < 300;
    json schema = good ? json{{"type", route.content_type == "application/json" ? "object" : "string"}}
                       : json{{"$ref", "#/components/schemas/Error"}};
    responses[std::to_string(status)] = {
        {"description", meaning_of(status)},
        {"content", content(good ? route.content_type : "application/json", std::move(schema))}};
  }
  // Unknown query keys everywhere, access over HTTP, and defects.
  responses["default"] = {{"description", "refused or failed"},
                          {"content", content("application/json", {{"$ref", "#/components/schemas/Error"}})}};
  return responses;
}

json operation_of(const Route& route) {
  json operation = {{"summary", route.summary}, {"responses", responses_of(route)}};
  if (json parameters = parameters_of(route); !parameters.empty()) operation["parameters"] = std::move(parameters);
  if (route.body == Body::config)
    operation["requestBody"] = {{"required", true}, {"content", content("application/json", {{"type", "object"}})}};
  return operation;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

json error_schema() {
  return json::parse(R"({
    "type": "object", "required": ["error"],
    "properties": {"error": {
      "type": "object", "required": ["code", "message"],
      "properties": {
        "code": {"type": "string"}, "message": {"type": "string"}, "path": {"type": "string"},
        "faults": {"type": "array", "items": {
          "type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}}}}}}}})");
}

}  // namespace

json openapi_document(std::span<const Route> table) {
  json paths;
  for (const Route& route : table) paths[std::string(route.pattern)][lower(route.method)] = operation_of(route);
  return {{"openapi", "3.0.3"},
          {"info", {{"title", "twinpath"}, {"version", "1"}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", {{"Error", error_schema()}}},
            {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
          {"security", {json::object(), {{"token", json::array()}}}}};
}

}  // namespace twinpath::rest
