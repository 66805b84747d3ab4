#include "rest/response.hpp"

namespace twinpath::rest {

// Names and addresses come from outside, and dump() throws on what is not UTF-8 unless it is told to replace it.
std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Response json_response(const nlohmann::json& body, unsigned status) {
  Response response;
  response.status = status;
  response.body = json_text(body) + "\n";
  return response;
}

Response error_response(unsigned status, std::string_view code, std::string_view message, std::string_view path) {
  nlohmann::json error = {{"code", code}, {"message", message}};
  if (!path.empty()) error["path"] = path;
  return json_response({{"error", std::move(error)}}, status);
}

}  // namespace twinpath::rest
