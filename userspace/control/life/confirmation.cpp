#include "control/life/confirmation.hpp"

#include <cassert>
#include <utility>

namespace twinpath {

Confirmation::Confirmation(boost::asio::io_context& io, std::function<void(PendingChange)> on_timeout)
    : timer_(io), on_timeout_(std::move(on_timeout)) {}

void Confirmation::begin(PendingChange change) {
  assert(!waiting());
  pending_ = std::move(change);
  ++begin_count_;
  timer_.expires_after(pending_->within);
  timer_.async_wait([this, begun = begin_count_](const boost::system::error_code& error) {
    if (error || begun != begin_count_) return;
    if (auto change = end()) on_timeout_(std::move(*change));
  });
}

std::optional<PendingChange> Confirmation::end() {
  if (waiting()) timer_.cancel();
  return std::exchange(pending_, std::nullopt);
}

std::uint32_t Confirmation::seconds_left() const {
  if (!waiting()) return 0;
  const auto left = timer_.expiry() - std::chrono::steady_clock::now();
  if (left <= left.zero()) return 0;
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(left).count());
}

}  // namespace twinpath
