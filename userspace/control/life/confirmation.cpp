#include "control/life/confirmation.hpp"

#include <cassert>
#include <utility>

namespace twinpath {

Confirmation::Confirmation(boost::asio::io_context& io, std::function<void(Unconfirmed)> late)
    : timer_(io), late_(std::move(late)) {}

void Confirmation::begin(Unconfirmed trial) {
  assert(!waiting());
  trial_ = std::move(trial);
  ++round_;
  timer_.expires_after(trial_->within);
  timer_.async_wait([this, round = round_](const boost::system::error_code& error) {
    if (error || round != round_) return;
    if (auto late = end()) late_(std::move(*late));
  });
}

std::optional<Unconfirmed> Confirmation::end() {
  if (waiting()) timer_.cancel();
  return std::exchange(trial_, std::nullopt);
}

std::uint32_t Confirmation::seconds_left() const {
  if (!waiting()) return 0;
  const auto left = timer_.expiry() - std::chrono::steady_clock::now();
  if (left <= left.zero()) return 0;
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(left).count());
}

nlohmann::json Confirmation::report() const {
  if (!waiting()) return {{"waiting", false}};
  return {{"waiting", true}, {"seconds_left", seconds_left()}, {"undo", trial_->before ? "rollback" : "down"}};
}

}  // namespace twinpath
