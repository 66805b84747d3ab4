#include "cli/api.hpp"

#include <cerrno>

#include "cli/format.hpp"

namespace twinpath::cli {

Api::Api(Instance instance) : instance_(std::move(instance)), client_(instance_.socket) {}

namespace {

// A non-root user sees no pins, so files may be all there is to see of a datapath.
std::string absence(const std::string& name, const Error& error) {
  switch (what_is_left(name)) {
    case Left::datapath:
      return fmt::format(
          "the daemon of gateway \"{0}\" is gone, and the kernel goes on forwarding: \"twinpath -n {0} up -c FILE\" "
          "adopts it, \"twinpath -n {0} down\" removes it",
          name);
    case Left::files:
      return fmt::format("the daemon of gateway \"{0}\" is gone: \"twinpath -n {0} down\" removes what it left", name);
    default: return fmt::format("no gateway \"{}\" is running: {}", name, error.text);
  }
}

}  // namespace

Result<rest::Reply> Api::request(std::string_view method, std::string_view target, std::string_view body) {
  Result<rest::Reply> reply = client_.request(method, target, body);
  if (!reply && nobody_listens(reply.error()))
    return tl::unexpected(Error{reply.error().code, absence(instance_.name, reply.error())});
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
