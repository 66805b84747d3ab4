// response.hpp - what a route answers, before it is written as HTTP/1.1.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "rest/body_source.hpp"

namespace twinpath::rest {

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::unique_ptr<BodySource> source;  // instead of `body`: sent in chunks, while it is made; null: none
  std::string allow;                   // the Allow header; empty: none
  // Instead of all of the above: the response comes later, on the same thread. To be called once, with where it is wanted.
  std::function<void(std::function<void(Response)> respond)> later;
  std::function<void()> afterwards;  // run once the response has left, or could not be sent; may be empty
};

// Without a newline. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string json_text(const nlohmann::json& value);

[[nodiscard]] Response json_response(const nlohmann::json& body, unsigned status = 200);

// {"error": {"code", "message", "path"?}}; `path` names the query key or the place in the document.
[[nodiscard]] Response error_response(unsigned status, std::string_view code, std::string_view message,
                                      std::string_view path = {});

}  // namespace twinpath::rest
