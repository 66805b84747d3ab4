// error_reply_stage.hpp - replies to refused packets with an ICMP error or a TCP reset (error_reply.hpp), which leaves
// by the port the packet came in by.
//
// Source   of an ICMP error is the address that Linux would send from to the refused packet's sender: that of the route to it,
//          else that of the route's port, else that of the ingress port (icmp_send, icmp6_send).
// Thread   the engine's; see stage.hpp for what a stage may do.
#pragma once

#include <vector>

#include "afxdp/frame_io.hpp"
#include "common/model/limits.h"
#include "engine/counters.hpp"
#include "engine/error_rate.hpp"
#include "engine/error_reply.hpp"
#include "engine/stage.hpp"

struct dp_env;

namespace twinpath {

class ErrorReplyStage final : public Stage {
 public:
  ErrorReplyStage(dp_env& env, afxdp::FrameIo& io, EngineCounters& counters)
      : env_(env), io_(io), counters_(counters) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "error_reply"; }
  void run(std::span<Item> burst, std::uint32_t now) noexcept override;
  void set_addresses(std::uint16_t port, const PortAddresses& addresses) noexcept { addresses_[port] = addresses; }
  // The address that paths call source `number`.
  void set_source(std::uint16_t number, const PortAddresses& address) noexcept { sources_[number] = address; }

 private:
  [[nodiscard]] const PortAddresses& source_for(const dp_context& context) noexcept;
  void reply(const Item& item, ErrorReplyKind kind, std::uint32_t now) noexcept;
  [[nodiscard]] bool may_send(const Item& item, ErrorReplyKind kind, std::uint32_t now) noexcept;
  [[nodiscard]] bool taken(const Item& item) const noexcept;

  dp_env& env_;
  afxdp::FrameIo& io_;
  EngineCounters& counters_;
  ErrorRate rate_;
  std::vector<PortAddresses> addresses_ = std::vector<PortAddresses>(DP_PORTS_MAX);  // by port
  std::vector<PortAddresses> sources_ = std::vector<PortAddresses>(kErrorSourcesMax);
};

}  // namespace twinpath
