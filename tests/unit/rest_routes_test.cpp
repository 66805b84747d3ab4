// What each route answers, without a connection.
#include "rest/routes.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <set>

#include "harness/fake_gateway.hpp"
#include "rest/openapi.hpp"

using namespace twinpath;
using namespace twinpath::rest;
using nlohmann::json;

namespace {

json body_of(const Response& response) { return json::parse(response.body); }

std::vector<std::string> pieces_of(BodySource& source) {
  std::vector<std::string> pieces;
  for (bool more = true; more;) {
    source.next([&](std::optional<std::string> piece) {
      more = piece.has_value();
      if (piece) pieces.push_back(std::move(*piece));
    });
  }
  return pieces;
}

}  // namespace

TEST_CASE("every request gets the status that fits it") {
  FakeGateway gateway;
  gateway.add_pairs(3);
  const struct {
    const char* method;
    const char* target;
    unsigned status;
    const char* code;  // of the error; empty: none
  } cases[] = {
      {"GET", "/v1/status", 200, ""},
      {"HEAD", "/v1/status", 200, ""},
      {"GET", "/v1/ports", 200, ""},
      {"GET", "/v1/zones", 200, ""},
      {"GET", "/v1/rules", 200, ""},
      {"GET", "/v1/drops", 200, ""},
      {"GET", "/v1/config", 200, ""},
      {"GET", "/metrics", 200, ""},
      {"GET", "/v1/openapi.json", 200, ""},
      {"GET", "/v1/policies", 200, ""},
      {"GET", "/v1/policies?", 200, ""},
      {"GET", "/v1/policies/2", 200, ""},
      {"GET", "/v1/policies/99", 404, "not_found"},
      {"DELETE", "/v1/policies/2", 200, ""},
      {"DELETE", "/v1/policies/99", 404, "not_found"},
      {"DELETE", "/v1/policies?state=closing", 200, ""},
      {"POST", "/v1/shutdown", 202, ""},
      {"POST", "/v1/confirm", 409, "nothing_to_confirm"},
      {"GET", "/v1/confirm", 405, "method_not_allowed"},
      {"POST", "/v1/confirm?now=1", 400, "bad_query"},
      {"GET", "/v1/engines", 500, "internal"},
      {"GET", "/", 404, "not_found"},
      {"GET", "/v1", 404, "not_found"},
      {"GET", "/v1/status/", 404, "not_found"},
      {"GET", "/v1/policies/", 404, "not_found"},
      {"GET", "/v1/policies/1/2", 404, "not_found"},
      {"GET", "/v2/status", 404, "not_found"},
      {"GET", "status", 400, "bad_target"},
      {"GET", "/v1/%zz", 400, "bad_target"},
      {"GET", "/v1/status%00", 400, "bad_target"},
      {"POST", "/v1/status", 405, "method_not_allowed"},
      {"HEAD", "/v1/shutdown", 405, "method_not_allowed"},
      {"BREW", "/v1/config", 405, "method_not_allowed"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.method);
    CAPTURE(c.target);
    const Response response = dispatch(gateway, {c.method, c.target, {}, {}});
    CHECK(response.status == c.status);
    if (*c.code == '\0') continue;
    CHECK(body_of(response)["error"]["code"] == c.code);
    CHECK(body_of(response)["error"]["message"].is_string());
  }
}

TEST_CASE("a wrong method is answered with the methods that are allowed") {
  FakeGateway gateway;
  CHECK(dispatch(gateway, {"POST", "/v1/config", {}, {}}).allow == "GET, HEAD, PUT");
  CHECK(dispatch(gateway, {"GET", "/v1/shutdown", {}, {}}).allow == "POST");
}

TEST_CASE("a query key that is unknown, repeated or malformed is named together with what is allowed") {
  FakeGateway gateway;
  const struct {
    const char* query;
    const char* path;
    const char* allowed;
  } cases[] = {
      {"zoen=a", "zoen", "unknown query key \"zoen\"; allowed: zone, source"},
      {"zone=", "zone", "zone: \"\": must be 1 to 32 of A-Z"},
      {"zone=a%1bb", "zone", "zone: \"a\\x1bb\": must be 1 to 32 of A-Z"},
      {"source=10.0.0.0/33", "source", "source: \"10.0.0.0/33\": prefix length must be 0..32"},
      {"source=10.0.0.1/8", "source", "has host bits set"},
      {"source=", "source", "source: \"\": must be an IPv4 or IPv6 address or a prefix of one"},
      {"destination=web", "destination", "destination: \"web\": must be an IPv4 or IPv6 address or a prefix of one"},
      {"protocol=tpc", "protocol", "must be one of tcp, udp, icmp, icmpv6, or a whole number 0..255"},
      {"protocol=256", "protocol", "a whole number 0..255"},
      {"protocol=06", "protocol", "a whole number 0..255"},
      {"port=65536", "port", "port: \"65536\": must be a whole number 0..65535"},
      {"port=-1", "port", "must be a whole number 0..65535"},
      {"port=080", "port", "must be a whole number 0..65535"},
      {"port=80x", "port", "must be a whole number 0..65535"},
      {"state=open", "state", "must be one of half-open, assured, closing"},
      {"origin=nic", "origin", "must be one of kernel, engine"},
      {"limit=0", "limit", "limit: \"0\": must be a whole number 1..1000, or all"},
      {"limit=1001", "limit", "1..1000"},
      {"limit=99999999999999999999", "limit", "1..1000"},
      {"limit", "limit", "1..1000"},
      {"cursor=", "cursor", "the page before"},
      {"zone=a&zone=b", "zone", "zone: is given twice"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.query);
    const Response response = dispatch(gateway, {"GET", std::string("/v1/policies?") + c.query, {}, {}});
    CHECK(response.status == 400);
    const json error = body_of(response)["error"];
    CHECK(error["path"] == c.path);
    CHECK(error["message"].get<std::string>().find(c.allowed) != std::string::npos);
  }
}

TEST_CASE("paging keys are refused where pairs are removed, and every key where none is known") {
  FakeGateway gateway;
  CHECK(dispatch(gateway, {"DELETE", "/v1/policies?limit=5", {}, {}}).status == 400);
  CHECK(dispatch(gateway, {"GET", "/v1/status?x=1", {}, {}}).status == 400);
}

TEST_CASE("filters reach the gateway decoded and typed") {
  FakeGateway gateway;
  const Response response =
      dispatch(gateway, {"GET",
                         "/v1/policies?zone=in%73ide&source=10.1.0.0%2F16&destination=2001:db8::/32&"
                         "protocol=udp&port=53&state=half-open&origin=engine&limit=1000&cursor=5",
                         {},
                         {}});
  CHECK(response.status == 200);
  const PolicyQuery& query = gateway.last_query;
  CHECK(query.zone == "inside");
  CHECK(query.source->base.family == DP_FAMILY_V4);
  CHECK(query.source->bits == 16);
  CHECK(query.source->base.address.word[0] == htonl(0x0a010000));
  CHECK(query.destination->base.family == DP_FAMILY_V6);
  CHECK(query.protocol == 17);
  CHECK(query.port == 53);
  CHECK(query.state == DP_FLOW_HALF_OPEN);
  CHECK(query.origin == FlowOrigin::engine);
  CHECK(query.limit == 1000);
  CHECK(query.cursor == "5");
}

TEST_CASE("without keys the page has 100 pairs and filters nothing") {
  FakeGateway gateway;
  gateway.add_pairs(101);
  const json page = body_of(dispatch(gateway, {"GET", "/v1/policies", {}, {}}));
  CHECK(page["policies"].size() == 100);
  CHECK(page["cursor"] == "100");
  CHECK_FALSE(gateway.last_query.zone);
  CHECK_FALSE(gateway.last_query.source);
  CHECK_FALSE(gateway.last_query.protocol);
}

TEST_CASE("following the cursor visits every pair once and ends with null") {
  FakeGateway gateway;
  gateway.add_pairs(25);
  std::set<std::string> ids;
  json page = {{"cursor", ""}};
  for (int pages = 0; !page["cursor"].is_null(); ++pages) {
    REQUIRE(pages < 10);
    const std::string cursor = page["cursor"];
    page = body_of(
        dispatch(gateway, {"GET", "/v1/policies?limit=10" + (cursor.empty() ? "" : "&cursor=" + cursor), {}, {}}));
    for (const json& pair : page["policies"]) ids.insert(pair["id"]);
  }
  CHECK(ids.size() == 25);
}

TEST_CASE("what the gateway refuses in a query is a bad request") {
  FakeGateway gateway;
  gateway.refusal = "no such zone: dmz";
  for (const char* target : {"/v1/policies?zone=dmz", "/v1/policies?zone=dmz&limit=all"}) {
    CAPTURE(target);
    const Response response = dispatch(gateway, {"GET", target, {}, {}});
    CHECK(response.status == 400);
    CHECK(body_of(response)["error"]["message"] == "no such zone: dmz");
  }
}

TEST_CASE("limit=all gives every pair in one document, made page by page") {
  FakeGateway gateway;
  for (const int pairs : {0, 1, 199, 200, 201, 1000}) {
    CAPTURE(pairs);
    gateway.pairs.clear();
    gateway.add_pairs(pairs);
    gateway.pages_asked = 0;
    const Response response = dispatch(gateway, {"GET", "/v1/policies?limit=all&state=assured", {}, {}});
    CHECK(response.status == 200);
    REQUIRE(response.source);
    CHECK(gateway.pages_asked == 1);  // the others are asked for when the client has taken this one
    std::vector<std::string> pieces = pieces_of(*response.source);
    CHECK(gateway.pages_asked == static_cast<int>(pieces.size()));
    CHECK(gateway.last_query.state.has_value());
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    const json document = json::parse(text);
    CHECK(document["policies"].size() == static_cast<std::size_t>(pairs));
    CHECK(document["cursor"].is_null());
  }
}

TEST_CASE("limit=all starts at the cursor that is given") {
  FakeGateway gateway;
  gateway.add_pairs(25);
  const Response response = dispatch(gateway, {"GET", "/v1/policies?limit=all&cursor=20", {}, {}});
  REQUIRE(response.source);
  CHECK(json::parse(pieces_of(*response.source).front())["policies"].size() == 5);
}

TEST_CASE("lists come in an object under their name") {
  FakeGateway gateway;
  const char* const names[] = {"ports", "zones", "rules", "drops"};
  for (const char* name : names) {
    CAPTURE(name);
    const json body = body_of(dispatch(gateway, {"GET", std::string("/v1/") + name, {}, {}}));
    CHECK(body.is_object());
    CHECK(body[name].is_array());
    CHECK(body[name].size() == 1);
  }
}

TEST_CASE("drops show steered packets when they are asked for") {
  FakeGateway gateway;
  CHECK_FALSE(body_of(dispatch(gateway, {"GET", "/v1/drops", {}, {}})).contains("steered"));
  CHECK_FALSE(body_of(dispatch(gateway, {"GET", "/v1/drops?steered=0", {}, {}})).contains("steered"));
  const json body = body_of(dispatch(gateway, {"GET", "/v1/drops?steered=1", {}, {}}));
  CHECK(body["drops"][0]["reason"] == "no_route");
  CHECK(body["steered"][0]["reason"] == "fragment");
  CHECK(dispatch(gateway, {"GET", "/v1/drops?steered=yes", {}, {}}).status == 400);
}

TEST_CASE("a configuration answers the new generation, and with dry_run what would change") {
  FakeGateway gateway;
  const Response put = dispatch(gateway, {"PUT", "/v1/config", "application/json", "{} // fine"});
  CHECK(put.status == 200);
  CHECK(body_of(put)["generation"] == 8);
  CHECK_FALSE(gateway.last_dry_run);
  CHECK(gateway.last_config == "{} // fine");
  const Response dry = dispatch(gateway, {"PUT", "/v1/config?dry_run=1", "application/json; charset=utf-8", "{}"});
  CHECK(gateway.last_dry_run);
  CHECK(body_of(dry)["changes"][0] == "rules: 1 added");
}

TEST_CASE("a configuration with faults lists them all and names the first") {
  FakeGateway gateway;
  gateway.faults = {{"ports[0].zone", "required"}, {"rules[1].from", "no such zone"}};
  const Response response = dispatch(gateway, {"PUT", "/v1/config", {}, "{}"});
  CHECK(response.status == 422);
  const json error = body_of(response)["error"];
  CHECK(error["code"] == "invalid_config");
  CHECK(error["path"] == "ports[0].zone");
  CHECK(error["message"] == "ports[0].zone: required (and 1 more)");
  CHECK(error["faults"].size() == 2);
  CHECK(error["faults"][1] == json{{"path", "rules[1].from"}, {"text", "no such zone"}});
}

TEST_CASE("a good configuration that the host refuses is an error of the server") {
  FakeGateway gateway;
  gateway.refusal = "attach lan0: Operation not permitted";
  const Response response = dispatch(gateway, {"PUT", "/v1/config", {}, "{}"});
  CHECK(response.status == 500);
  CHECK(body_of(response)["error"]["code"] == "not_applied");
}

TEST_CASE("confirming keeps what waits, once") {
  FakeGateway gateway;
  gateway.waiting_s = 12;
  const Response first = dispatch(gateway, {"POST", "/v1/confirm", {}, {}});
  CHECK(first.status == 200);
  CHECK(body_of(first) == json{{"confirmed", true}, {"generation", 7}});
  const Response second = dispatch(gateway, {"POST", "/v1/confirm", {}, {}});
  CHECK(second.status == 409);
  CHECK(body_of(second)["error"]["code"] == "nothing_to_confirm");
  CHECK(gateway.confirmed == 1);
}

TEST_CASE("a configuration that is put while another one is under way is refused") {
  FakeGateway gateway;
  gateway.busy = true;
  const Response response = dispatch(gateway, {"PUT", "/v1/config", {}, "{}"});
  CHECK(response.status == 409);
  CHECK(body_of(response)["error"]["code"] == "reload_running");
}

TEST_CASE("a configuration that takes its time is answered when it is done") {
  FakeGateway gateway;
  gateway.answer_later = true;
  const Response promise = dispatch(gateway, {"PUT", "/v1/config", {}, "{}"});
  REQUIRE(promise.later);
  std::vector<Response> responses;
  promise.later([&](Response response) { responses.push_back(std::move(response)); });
  CHECK(responses.empty());
  ConfigAnswer answer;
  answer.generation = 9;
  gateway.waiting_done(answer);
  REQUIRE(responses.size() == 1);
  CHECK(responses[0].status == 200);
  CHECK(body_of(responses[0])["generation"] == 9);
}

TEST_CASE("a configuration that is put while another waits to be confirmed is refused with the way out") {
  FakeGateway gateway;
  gateway.waiting_s = 12;
  const Response response = dispatch(gateway, {"PUT", "/v1/config", {}, "{}"});
  CHECK(response.status == 409);
  CHECK(body_of(response)["error"]["code"] == "confirm_first");
  const std::string message = body_of(response)["error"]["message"];
  CHECK(message.find("in 12 s: confirm it first") != std::string::npos);
}

TEST_CASE("who puts a configuration that has to be confirmed is told how long it waits") {
  FakeGateway gateway;
  CHECK_FALSE(body_of(dispatch(gateway, {"PUT", "/v1/config", {}, "{}"})).contains("confirm_within_s"));
  gateway.confirm_within_s = 30;
  CHECK(body_of(dispatch(gateway, {"PUT", "/v1/config", {}, "{}"}))["confirm_within_s"] == 30);
  CHECK_FALSE(body_of(dispatch(gateway, {"PUT", "/v1/config?dry_run=1", {}, "{}"})).contains("confirm_within_s"));
}

TEST_CASE("a body that is no JSON never reaches the gateway") {
  FakeGateway gateway;
  const struct {
    const char* name;
    const char* content_type;
    const char* body;
    unsigned status;
  } cases[] = {
      {"empty", "application/json", "", 400},
      {"cut", "application/json", "{\"a\": ", 400},
      {"two values", "application/json", "{} {}", 400},
      {"text", "text/plain", "{}", 415},
      {"xml", "application/xml; charset=utf-8", "<a/>", 415},
      {"what curl says unasked", "application/x-www-form-urlencoded", "{}", 200},
      {"in capitals", "Application/JSON", "{}", 200},
      {"a JSON dialect", "application/merge-patch+json", "{}", 200},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    gateway.last_config = "untouched";
    const Response response = dispatch(gateway, {"PUT", "/v1/config", c.content_type, c.body});
    CHECK(response.status == c.status);
    CHECK((gateway.last_config == "untouched") == (c.status != 200));
  }
}

TEST_CASE("broken JSON is answered with its line and column") {
  FakeGateway gateway;
  const Response response = dispatch(gateway, {"PUT", "/v1/config", {}, "{\n  \"name\": edge1\n}"});
  CHECK(response.status == 400);
  const std::string message = body_of(response)["error"]["message"];
  CAPTURE(message);
  CHECK(message == "line 2, column 11: invalid literal; last read: '\"name\": e'");
  const auto message_of = [&](std::string_view body) {
    return body_of(dispatch(gateway, {"PUT", "/v1/config", {}, body}))["error"]["message"];
  };
  CHECK(message_of("") == "the document is empty");
  CHECK(message_of(std::string_view("{}\0", 3)) == "line 1, column 3: a NUL byte: the document must be text, in UTF-8");
}

TEST_CASE("a document nested without end is refused") {
  FakeGateway gateway;
  CHECK(dispatch(gateway, {"PUT", "/v1/config", {}, std::string(1'000'000, '[')}).status == 400);
}

TEST_CASE("the gateway is shut down only after the answer has left") {
  FakeGateway gateway;
  const Response response = dispatch(gateway, {"POST", "/v1/shutdown?detach=1", {}, {}});
  CHECK(gateway.shut_downs == 0);
  REQUIRE(response.afterwards);
  response.afterwards();
  CHECK(gateway.shut_downs == 1);
  CHECK(gateway.detached);
}

TEST_CASE("bytes that are not UTF-8 do not break an answer") {
  FakeGateway gateway;
  CHECK(dispatch(gateway, {"GET", "/v1/%ff%fe", {}, {}}).status == 404);
  CHECK(dispatch(gateway, {"GET", "/v1/policies/%ff", {}, {}}).status == 404);
  CHECK(dispatch(gateway, {"GET", "/v1/policies?%ff=1", {}, {}}).status == 400);
}

TEST_CASE("the OpenAPI document describes exactly the routes that are served") {
  const json document = openapi_document(routes());
  CHECK(document["openapi"] == "3.0.3");
  std::size_t operations = 0;
  for (const auto& [path, methods] : document["paths"].items()) operations += methods.size();
  CHECK(operations == routes().size());
  const json& listing = document["paths"]["/v1/policies"]["get"];
  CHECK(listing["parameters"].size() == 9);
  CHECK(listing["parameters"][0]["name"] == "zone");
  CHECK(listing["responses"]["400"]["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/Error");
  CHECK(document["paths"]["/v1/policies/{id}"]["get"]["parameters"][0]["in"] == "path");
  CHECK(document["paths"]["/v1/config"]["put"]["requestBody"]["required"] == true);
  CHECK(document["paths"]["/metrics"]["get"]["responses"]["200"]["content"].contains("text/plain"));
}

namespace {

std::string rest_document() {
  std::ifstream file(TWINPATH_SOURCE_DIR "/docs/rest.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// A request that the route takes.
Request request_for(const Route& route, std::string& target) {
  target = route.pattern;
  if (const std::size_t at = target.find("{id}"); at != std::string::npos) target.replace(at, 4, "2");
  return {route.method, target, {}, route.body == Body::config ? "{}" : ""};
}

}  // namespace

TEST_CASE("every answer has a status and a type that the OpenAPI document names") {
  const json document = openapi_document(routes());
  for (const Route& route : routes()) {
    CAPTURE(route.method);
    CAPTURE(route.pattern);
    FakeGateway gateway;
    gateway.add_pairs(3);
    std::string target;
    const Request request = request_for(route, target);
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const json& responses = document["paths"][std::string(route.pattern)][method]["responses"];
    const auto agrees = [&](const Response& response) {
      const std::string status = std::to_string(response.status);
      const json& named = responses.contains(status) ? responses[status] : responses["default"];
      CHECK((responses.contains(status) || response.status >= 400));
      CHECK(named["content"].contains(response.content_type.substr(0, response.content_type.find(';'))));
      if (response.status >= 400) CHECK(body_of(response)["error"]["code"].is_string());
      return response.status;
    };
    const unsigned good = agrees(dispatch(gateway, request));
    if (route.pattern != "/v1/confirm" && route.pattern != "/v1/engines") CHECK(good < 300);
    gateway.waiting_s = 9;
    agrees(dispatch(gateway, request));
    const std::string odd = target + "?x=1";
    CHECK(agrees(dispatch(gateway, {request.method, odd, {}, request.body})) == 400);
    for (const json& parameter :
         document["paths"][std::string(route.pattern)][method].value("parameters", json::array())) {
      if (parameter["in"] != "query") continue;
      const std::string bad = target + "?" + parameter["name"].get<std::string>() + "=";
      CHECK(agrees(dispatch(gateway, {request.method, bad, {}, request.body})) == 400);
    }
  }
}

TEST_CASE("docs/rest.md names every route, query key and error code") {
  const std::string text = rest_document();
  const auto documented = [&](const std::string& what) { return text.find(what) != std::string::npos; };
  for (const Route& route : routes()) {
    const std::string pattern(route.pattern);
    const std::string last = pattern.substr(pattern.rfind('/'));
    CAPTURE(pattern);
    CHECK((documented("`" + std::string(route.method) + " " + pattern) || documented("`" + last + "`")));
    for (const QueryKey& key : route.keys) {
      CAPTURE(key.name);
      CHECK((documented("`" + std::string(key.name) + "`") || documented(std::string(key.name) + "=")));
    }
  }
  for (const char* code :
       {"bad_target", "bad_request", "bad_query", "bad_json", "unauthorized", "foreign_origin", "wrong_host",
        "not_found", "method_not_allowed", "nothing_to_confirm", "confirm_first", "reload_running", "too_large",
        "not_json", "invalid_config", "header_too_large", "not_applied", "internal", "too_many_connections"})
    CHECK(documented("`" + std::string(code) + "`"));
}
