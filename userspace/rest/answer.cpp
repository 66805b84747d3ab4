#include "rest/answer.hpp"

namespace twinpath::rest {
namespace {

// Names and addresses come from outside: bytes that are not UTF-8 are replaced rather than thrown on.
std::string text_of(const nlohmann::json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Answer answer_json(const nlohmann::json& body, unsigned status) {
  Answer answer;
  answer.status = status;
  answer.body = text_of(body);
  return answer;
}

Answer answer_error(unsigned status, std::string_view code, std::string_view message, std::string_view path) {
  nlohmann::json error = {{"code", code}, {"message", message}};
  if (!path.empty()) error["path"] = path;
  return answer_json({{"error", std::move(error)}}, status);
}

}  // namespace twinpath::rest
