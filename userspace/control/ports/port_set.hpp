// port_set.hpp - the gateway's devices: surveyed, opened, attached, watched.
//
// Order    survey() touches nothing and finds every reason to refuse, then open().
// Thread   the control thread's. Sockets belong to the driver.
// Undo     close() detaches XDP; offloads are undone from the journal by the caller.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/compile.hpp"
#include "config/config.hpp"
#include "control/follow/next_hop_table.hpp"
#include "control/ports/port.hpp"
#include "control/ports/port_opener.hpp"
#include "netlink/mirror.hpp"

namespace twinpath {

class PortSet {
 public:
  // Looks every configured device up and checks it: presence, kind, MTU, queues, XDP hook free or ours by a link in
  // `pins`. Touches nothing.
  [[nodiscard]] static Result<PortSet> survey(const Config& config, const TableImage& image, const std::string& pins);

  // One device of it.
  [[nodiscard]] static Result<Port> survey(const PortConfig& wanted, std::uint16_t number, std::uint32_t frame_bytes,
                                           const std::string& pins);

  [[nodiscard]] Status open(PortOpener& opener, const TableImage& image);
  // Ends what an adopted datapath has on devices that are no ports any more.
  void retire_others(Tables& tables, XdpHook& hook);
  // Takes over what Linux now says of the links; `hops` learns what matters for frames that leave.
  void follow(const netlink::Mirror& mirror, Tables& tables, NextHopTable& hops);
  // A device takes redirects or does not, as of now. True when that is news.
  bool set_redirects(std::uint32_t ifindex, bool takes, NextHopTable& hops, Engine& engine);
  void close(XdpHook& hook);

  [[nodiscard]] const std::vector<Port>& ports() const { return ports_; }
  // What a reload made of them; all are open.
  void replace(std::vector<Port> ports) { ports_ = std::move(ports); }
  [[nodiscard]] std::uint16_t number_of(std::uint32_t ifindex) const;

 private:
  void tell_hops(const Port& port, NextHopTable& hops) const;

  std::vector<Port> ports_;
};

}  // namespace twinpath
