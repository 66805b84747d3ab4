#include "control/life/expiry_timer.hpp"

#include <utility>

namespace twinpath {

ExpiryTimer::ExpiryTimer(boost::asio::io_context& io, const FlowTables& flows, SettingsWriter& settings,
                         const TickClock& clock, const FlowsConfig& flows_config, std::function<void()> each_second)
    : timer_(io),
      flows_(flows),
      settings_(settings),
      clock_(clock),
      config_(flows_config),
      each_second_(std::move(each_second)) {}

void ExpiryTimer::begin() {
  each_second_();
  pass();
  timer_.expires_after(std::chrono::seconds{1});
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) begin();
  });
}

void ExpiryTimer::pass() {
  const dp_settings& settings = settings_.view();
  pairs4_ = expiry4_.pass(flows_.view(DP_FAMILY_V4), clock_.now(), settings.timeouts, settings.stamp);
  pairs6_ = expiry6_.pass(flows_.view(DP_FAMILY_V6), clock_.now(), settings.timeouts, settings.stamp);
  settings_.end_pickup_grace(clock_.now());
  settings_.set_crowded(crowded(pairs4_, settings.v4), crowded(pairs6_, settings.v6));
}

bool ExpiryTimer::crowded(const ExpiryCounts& pairs, const dp_table_shape& shape) const {
  const double half_open_max = config_.half_open_share * shape.max_pairs;
  return pairs.live >= shape.max_pairs || static_cast<double>(pairs.half_open) > half_open_max;
}

}  // namespace twinpath
