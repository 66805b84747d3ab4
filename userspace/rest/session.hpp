// session.hpp - one client's connection. Internal to the server.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>
#include <unordered_set>

#include "rest/gateway.hpp"
#include "rest/limits.hpp"

namespace twinpath::rest {

class Session {
 public:
  virtual ~Session() = default;
  virtual void close() = 0;
};

// What a listener shares with its connections, which may outlive it by a few handlers.
struct SessionHost {
  Gateway* gateway = nullptr;  // null once the server is gone
  ServerLimits limits;
  bool guarded = false;  // HTTP: token, Host and Origin are checked
  std::string token;
  std::unordered_set<Session*> sessions;
};

// Lives until its connection ends; registers itself with `host` meanwhile.
void start_session(boost::asio::generic::stream_protocol::socket socket, std::shared_ptr<SessionHost> host);

}  // namespace twinpath::rest
