#include "control/publish/reload_worker.hpp"

#include <boost/asio/post.hpp>
#include <cassert>
#include <memory>

namespace twinpath {
namespace {

Result<ReloadWorker::Planned> guarded(const std::function<ReloadWorker::Planned()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return refuse("{}", error.what());
  }
}

}  // namespace

void ReloadWorker::begin(std::function<Planned()> work, Done done) {
  assert(!busy_);
  busy_ = true;
  thread_ = std::jthread([this, work = std::move(work), done = std::move(done)]() mutable {
    auto planned = std::make_shared<Result<Planned>>(guarded(work));
    boost::asio::post(io_, [this, planned, done = std::move(done)] {
      done(std::move(*planned));
      busy_ = false;
    });
  });
}

}  // namespace twinpath
