// rest_fuzz.cpp - a request to the REST API, behind HTTP: path, query, body.
//
// Input    method, target, content type, each on a line of its own; then the body.
// Promises every request is answered with a status of HTTP, an answer that says JSON is JSON; a body that the check of
//          bodies takes is JSON to the library as well.
#include <nlohmann/json.hpp>

#include "base/prefix.hpp"
#include "fuzz/fuzz.hpp"
#include "harness/fake_gateway.hpp"
#include "rest/json_check.hpp"
#include "rest/routes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twinpath;
  fuzz::Input input{data, size};
  rest::Request request;
  request.method = input.line();
  request.target = input.line();
  request.content_type = input.line();
  request.body = input.rest();
  (void)parse_prefix(request.target);
  rest::FakeGateway gateway;
  gateway.add_pairs(3);
  rest::Response response = rest::dispatch(gateway, request);
  fuzz::promise(response.status >= 200 && response.status < 600, "no status of HTTP");
  std::string& body = response.body;
  for (bool more = response.source != nullptr; more;) {
    response.source->next([&](std::optional<std::string> piece) {
      more = piece.has_value();
      body += piece.value_or("");
    });
  }
  if (response.content_type == "application/json" && !response.body.empty())
    fuzz::promise(nlohmann::json::accept(response.body), "an answer that is no JSON:", response.body);
  if (!rest::check_json(request.body))
    fuzz::promise(nlohmann::json::accept(request.body, true), "a body that only the check takes");
  return 0;
}
