// running_server.hpp - a REST server before a fake gateway, on a unix socket in a folder of its own.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>
#include <type_traits>

#include "harness/fake_gateway.hpp"
#include "rest/server.hpp"

namespace twinpath::rest {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char pattern[] = "/tmp/rest-test-XXXXXX";
    path_ = ::mkdtemp(pattern);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// A server that runs in its own thread for as long as it lives.
class Running {
 public:
  explicit Running(ServerLimits limits = {}, std::string http = "", std::string token = "") {
    Result<std::unique_ptr<Server>> opened =
        Server::open(context_, gateway, {socket(), std::move(http), std::move(token), limits});
    REQUIRE_MESSAGE(opened, opened.error().text);
    server_ = std::move(*opened);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Running() {
    boost::asio::post(context_, [this] {
      server_.reset();
      context_.stop();
    });
    thread_.join();
  }

  [[nodiscard]] std::string socket() const { return folder_.file("api.sock"); }
  [[nodiscard]] std::uint16_t http_port() const { return server_->http_port(); }

  // True as soon as no client is connected any more.
  bool becomes_unconnected() {
    return becomes([this](const FakeGateway&) { return server_->connection_count() == 0; });
  }

  // Calls work(gateway) on the server's thread, where the gateway is read; its result. While no request is under way,
  // and only before the first, a test may look at `gateway` itself.
  template <class Work>
  auto with(Work work) {
    std::promise<decltype(work(gateway))> done;
    boost::asio::post(context_, [&] {
      if constexpr (std::is_void_v<decltype(work(gateway))>) {
        work(gateway);
        done.set_value();
      } else {
        done.set_value(work(gateway));
      }
    });
    return done.get_future().get();
  }

  // What the server does after an answer has left, only its own thread may look at: true as soon as `holds(gateway)`
  // does, false when it does not within a long time.
  template <class Predicate>
  bool becomes(Predicate holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    bool held = false;
    while (!held && std::chrono::steady_clock::now() < end) {
      held = with(holds);
    }
    return held;
  }

  FakeGateway gateway;

 private:
  TemporaryFolder folder_;
  boost::asio::io_context context_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace twinpath::rest
