// port_set.hpp - the gateway's devices: surveyed, opened, attached, watched.
//
// Order    survey() touches nothing and finds every reason to refuse. open() then makes sockets first and attaches XDP
//          last, so that the first packet that XDP sees finds everything in place.
// Thread   the control thread's. Sockets belong to the driver.
// Undo     close() detaches XDP; offloads are undone from the journal by the caller.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "afxdp/driver.hpp"
#include "control/next_hop_book.hpp"
#include "kernel/kernel_datapath.hpp"
#include "netlink/device.hpp"
#include "netlink/mirror.hpp"
#include "netlink/offloads.hpp"
#include "policy/compile.hpp"
#include "policy/config.hpp"

namespace twinpath {

struct PortSocket {
  std::uint16_t queue = 0;
  afxdp::SocketReport report;
};

struct Port {
  std::uint16_t number = 0;
  PortConfig config;
  netlink::Link link;
  std::uint32_t queue_count = 0;
  AttachMode attach = AttachMode::native;
  std::vector<PortSocket> sockets;
  bool takes_redirects = true;
  bool has_peer = false;
  bool peer_reached = false;
  std::vector<std::string> problems;

  [[nodiscard]] std::uint32_t sockets_wanted() const { return config.queues != 0 ? config.queues : queue_count; }
};

class PortSet {
 public:
  // Looks every configured device up and checks it: presence, kind, MTU, queues, XDP hook free or ours by a link in
  // `pins`. Touches nothing.
  [[nodiscard]] static Result<PortSet> survey(const Config& config, const PolicyImage& image, const std::string& pins);

  // Called with what fix_offloads changed on a device, before XDP is attached to it: the journal must know first.
  using NoteOffloads = std::function<Status(const std::vector<netlink::OffloadChange>&)>;

  [[nodiscard]] Status open(KernelDatapath& datapath, afxdp::Driver& driver, const PolicyImage& image,
                            const NoteOffloads& note);
  // Ends what an adopted datapath has on devices that are no ports any more.
  void retire_others(KernelDatapath& datapath, const std::string& pins);
  // Takes over what Linux now says of the links; `hops` learns what matters for frames that leave.
  void follow(const netlink::Mirror& mirror, KernelDatapath& datapath, NextHopBook& hops);
  // A device takes redirects or does not, as of now. True when that is news.
  bool set_redirects(std::uint32_t ifindex, bool takes, NextHopBook& hops);
  void close(KernelDatapath& datapath);

  [[nodiscard]] const std::vector<Port>& ports() const { return ports_; }
  [[nodiscard]] std::uint16_t number_of(std::uint32_t ifindex) const;

 private:
  [[nodiscard]] Status open_port(Port& port, KernelDatapath& datapath, afxdp::Driver& driver, const PolicyImage& image,
                                 const NoteOffloads& note);
  [[nodiscard]] Status open_sockets(Port& port, KernelDatapath& datapath, afxdp::Driver& driver);
  [[nodiscard]] Status fix(Port& port, const NoteOffloads& note);
  [[nodiscard]] Status attach(Port& port, KernelDatapath& datapath);
  void write_port(const Port& port, std::uint8_t zone, KernelDatapath& datapath);
  void tell_hops(const Port& port, NextHopBook& hops) const;

  std::vector<Port> ports_;
};

}  // namespace twinpath
