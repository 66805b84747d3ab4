// reload_worker.hpp - reads and compiles a document on a thread of its own, since that may take seconds.
//
// Order    one document at a time. The result comes back to the io_context's thread, where it is applied.
// Thread   the io_context's; `work` runs on the worker's, in the same network namespace.
// End      destruction waits for the work that is under way; its `done` is not called any more.
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
  // Not while busy. What `work` throws becomes a fault without a path.
  void begin(std::function<Planned()> work, std::function<void(Planned)> done);

 private:
  boost::asio::io_context& io_;
  bool busy_ = false;
  std::jthread thread_;
};

}  // namespace twinpath
