// route.hpp - one route of the API: which requests it takes, what they must look like, and who answers.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "rest/gateway.hpp"
#include "rest/query.hpp"
#include "rest/response.hpp"

namespace twinpath::rest {

// A request as far as a route needs it. Views last for the call.
struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view content_type;  // empty: not given
  std::string_view body;
};

// What a handler is given: everything in it has been checked against its route.
struct Call {
  Gateway& gateway;
  const Query& query;
  std::string_view id;  // what stood for {id} in the path
  std::string_view body;
};

enum class Body { none, config };

struct Route {
  std::string_view method;
  std::string_view pattern;  // segments in braces match anything
  std::string_view summary;
  std::span<const QueryKey> keys;
  Body body;
  std::string_view content_type;  // of the response
  std::vector<unsigned> statuses;
  Response (*handle)(const Call& call);
};

}  // namespace twinpath::rest
