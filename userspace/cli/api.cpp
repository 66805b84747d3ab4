#include "cli/api.hpp"

#include <cerrno>

#include "cli/format.hpp"

namespace twinpath::cli {
namespace {

constexpr int depth_max = 32;  // answers have less than ten levels

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

Api::Api(Instance instance) : instance_(std::move(instance)), client_(instance_.socket) {}

Result<rest::Reply> Api::named(Result<rest::Reply> reply) const {
  if (!reply && nobody_listens(reply.error()))
    return tl::unexpected(Error{reply.error().code, absence(instance_.name, reply.error())});
  return reply;
}

Result<rest::Reply> Api::request(std::string_view method, std::string_view target, std::string_view body) {
  return named(client_.request(method, target, body));
}

Result<rest::Reply> Api::stream(std::string_view target, const rest::Client::Take& take) {
  return named(client_.stream(target, take));
}

Result<json> Api::send(std::string_view method, std::string_view target) {
  const Result<rest::Reply> reply = request(method, target);
  if (!reply) return pass_on(reply.error());
  if (reply->status >= 400) return pass_on(error_of(*reply));
  json body = parse_answer(reply->body);
  if (body.is_discarded()) return refuse("the daemon's answer to {} is not JSON", target);
  return body;
}

Error error_of(const rest::Reply& reply) {
  const json body = parse_answer(reply.body);
  const json& message = member(member(body, "error"), "message");
  if (message.is_string()) return Error{0, message.get<std::string>()};
  return Error{0, fmt::format("the daemon answered with status {}", reply.status)};
}

json parse_answer(std::string_view body) {
  bool deep = false;
  const auto look = [&deep](int depth, json::parse_event_t, json&) {
    deep = deep || depth > depth_max;
    return !deep;
  };
  json value = json::parse(body, look, false);
  return deep ? json(json::value_t::discarded) : value;
}

bool nobody_listens(const Error& error) { return error.code == ENOENT || error.code == ECONNREFUSED; }

}  // namespace twinpath::cli
