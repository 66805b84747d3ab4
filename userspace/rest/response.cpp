#include "rest/response.hpp"

namespace twinpath::rest {
namespace {

// Names and addresses come from outside: bytes that are not UTF-8 are replaced rather than thrown on.
std::string text_of(const nlohmann::json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Response json_response(const nlohmann::json& body, unsigned status) {
  Response response;
  response.status = status;
  response.body = text_of(body);
  return response;
}

Response error_response(unsigned status, std::string_view code, std::string_view message, std::string_view path) {
  nlohmann::json error = {{"code", code}, {"message", message}};
  if (!path.empty()) error["path"] = path;
  return json_response({{"error", std::move(error)}}, status);
}

}  // namespace twinpath::rest
