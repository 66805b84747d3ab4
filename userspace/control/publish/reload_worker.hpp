// reload_worker.hpp - parses and compiles a document on a thread of its own, since that can take seconds.
//
// Order    One document at a time. `done` is called with the result on the io_context's thread, which applies it.
// Thread   The io_context's; `work` runs on the worker's, in the same network namespace.
// End      Destruction waits for the running work; its `done` is not called.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

#include "base/result.hpp"
#include "control/publish/reload_plan.hpp"

namespace twinpath {

class ReloadWorker {
 public:
  // A plan, or the faults of the document.
  using Planned = tl::expected<ReloadPlan, std::vector<Fault>>;
  // The Error is no fault of the document: an exception of `work`.
  using Done = std::function<void(Result<Planned>)>;

  explicit ReloadWorker(boost::asio::io_context& io) : io_(io) {}

  // From begin() until `done` has returned.
  [[nodiscard]] bool busy() const { return busy_; }
  // Precondition: not busy.
  void begin(std::function<Planned()> work, Done done);

 private:
  boost::asio::io_context& io_;
  bool busy_ = false;
  std::jthread thread_;
};

}  // namespace twinpath
