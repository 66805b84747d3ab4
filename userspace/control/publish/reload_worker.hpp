// reload_worker.hpp - parses and compiles a document on a thread of its own, since that can take seconds.
//
// Order    One document at a time. `done` is called with the result on the io_context's thread, which applies it.
// Thread   The io_context's; `work` runs on the worker's, in the same network namespace.
// End      Destruction waits for the running work; its `done` is not called.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

#include "control/publish/reload_plan.hpp"

namespace twinpath {

class ReloadWorker {
 public:
  using Planned = tl::expected<ReloadPlan, std::vector<Fault>>;

  explicit ReloadWorker(boost::asio::io_context& io) : io_(io) {}

  // From begin() until `done` has returned.
  [[nodiscard]] bool busy() const { return busy_; }
  // Precondition: not busy. An exception of `work` becomes a fault without a path.
  void begin(std::function<Planned()> work, std::function<void(Planned)> done);

 private:
  boost::asio::io_context& io_;
  bool busy_ = false;
  std::jthread thread_;
};

}  // namespace twinpath
