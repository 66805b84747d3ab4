#include "cli/api.hpp"

#include <cerrno>

#include "cli/format.hpp"

namespace twinpath::cli {

Api::Api(Instance instance) : instance_(std::move(instance)), client_(instance_.socket) {}

Result<rest::Reply> Api::request(std::string_view method, std::string_view target, std::string_view body) {
  Result<rest::Reply> reply = client_.request(method, target, body);
  if (!reply && nobody_listens(reply.error()))
    return tl::unexpected(
        Error{reply.error().code, fmt::format("no gateway \"{}\" is running: {}", instance_.name, reply.error().text)});
  return reply;
}

Result<nlohmann::json> Api::get(std::string_view target) {
  const Result<rest::Reply> reply = request("GET", target);
  if (!reply) return pass_on(reply.error());
  if (reply->status >= 400) return pass_on(error_of(*reply));
  nlohmann::json body = nlohmann::json::parse(reply->body, nullptr, false);
  if (body.is_discarded()) return refuse("the daemon's answer to {} is not JSON", target);
  return body;
}

Error error_of(const rest::Reply& reply) {
  const json body = json::parse(reply.body, nullptr, false);
  const json& message = member(member(body, "error"), "message");
  if (message.is_string()) return Error{0, message.get<std::string>()};
  return Error{0, fmt::format("the daemon answered with status {}", reply.status)};
}

bool nobody_listens(const Error& error) { return error.code == ENOENT || error.code == ECONNREFUSED; }

}  // namespace twinpath::cli
