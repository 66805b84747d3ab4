// expiry_timer.hpp - once a second: deletes the idle pairs of both flow tables, and tells the datapaths when a table is
// crowded.
//
// Crowded  all pairs are taken, or more than `half_open_share` of them are half-open: then new flows may replace expired and
//          half-open ones (dp_settings.crowded).
// Thread   The io_context's. How a pass works: flows/expiry.hpp.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "base/tick_clock.hpp"
#include "config/config.hpp"
#include "control/publish/settings_writer.hpp"
#include "flows/expiry.hpp"
#include "flows/flow_tables.hpp"

namespace twinpath {

class ExpiryTimer {
 public:
  // `flows_config` may change at a reload. `each_second` is called before each pass: the control thread works.
  ExpiryTimer(boost::asio::io_context& io, const FlowTables& flows, SettingsWriter& settings, const TickClock& clock,
              const FlowsConfig& flows_config, std::function<void()> each_second);

  // The first pass; the others follow in intervals of a second.
  void begin();
  void stop() { timer_.cancel(); }
  // One pass over both tables.
  void pass();

  // The pairs that the last pass found.
  [[nodiscard]] const ExpiryCounts& pairs4() const { return pairs4_; }
  [[nodiscard]] const ExpiryCounts& pairs6() const { return pairs6_; }

 private:
  [[nodiscard]] bool crowded(const ExpiryCounts& pairs, const dp_table_shape& shape) const;

  boost::asio::steady_timer timer_;
  const FlowTables& flows_;
  SettingsWriter& settings_;
  const TickClock& clock_;
  const FlowsConfig& config_;
  std::function<void()> each_second_;
  ExpiryCounts pairs4_;
  ExpiryCounts pairs6_;
  FlowExpiry expiry4_;
  FlowExpiry expiry6_;
};

}  // namespace twinpath
