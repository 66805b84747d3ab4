// answer.hpp - what a route answers, before it becomes HTTP.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace twinpath::rest {

struct Answer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;                 // the Allow header; empty: none
  std::function<void()> afterwards;  // run once the answer has left, or could not be sent; may be empty
};

[[nodiscard]] Answer answer_json(const nlohmann::json& body, unsigned status = 200);

// {"error": {"code", "message", "path"?}}; `path` names the query key or the place in the document.
[[nodiscard]] Answer answer_error(unsigned status, std::string_view code, std::string_view message,
                                  std::string_view path = {});

}  // namespace twinpath::rest
