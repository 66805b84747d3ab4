// api.hpp - requests to the daemon. A refusal becomes an Error of one line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/instance.hpp"
#include "rest/client.hpp"

namespace twinpath::cli {

class Api {
 public:
  explicit Api(Instance instance);

  [[nodiscard]] const Instance& instance() const { return instance_; }
  [[nodiscard]] rest::Client& client() { return client_; }

  // The answer's JSON. Any status of 400 and above is an Error with the daemon's message.
  [[nodiscard]] Result<nlohmann::json> get(std::string_view target) { return send("GET", target); }
  [[nodiscard]] Result<nlohmann::json> send(std::string_view method, std::string_view target);
  // As rest::Client::stream().
  [[nodiscard]] Result<rest::Reply> stream(std::string_view target, const rest::Client::Take& take);
  // The answer whatever its status is.
  [[nodiscard]] Result<rest::Reply> request(std::string_view method, std::string_view target,
                                            std::string_view body = {});

 private:
  // Says which gateway is not there, when nobody listens.
  [[nodiscard]] Result<rest::Reply> named(Result<rest::Reply> reply) const;

  Instance instance_;
  rest::Client client_;
};

// "{"error": {"message"}}" as an Error; other bodies are named by their status.
[[nodiscard]] Error error_of(const rest::Reply& reply);

// Discarded when it is no JSON, or nested so deep that nothing of this API can be meant.
[[nodiscard]] nlohmann::json parse_answer(std::string_view body);

// True when the error says that nobody listens: the daemon is dead or was never there.
[[nodiscard]] bool nobody_listens(const Error& error);

}  // namespace twinpath::cli
