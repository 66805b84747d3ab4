// xdp_hook.hpp - the loaded programs of the XDP hook, and the devices they are attached to.
//
// Programs  one load of the gateway's BPF object over the shared Tables. The prog array of its tail calls belongs to the load
//           and is pinned as programs_<map id>, since the kernel empties a prog array that no process and no pin holds;
//           another load has its own, so that stages of two versions never call each other. release_others() unpins the
//           arrays of earlier loads, once no link runs their programs.
// Links     pinned as link_<device>. A link of an earlier load is given the new program without a gap, unless it is to be
//           in another mode: then it is taken off and the device attached anew.
// Owner     the daemon's control thread. Destruction closes descriptors; attached programs go on.
// Errors    a hook held by somebody else's program is refused, with the holder's name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "kernel/pins.hpp"
#include "kernel/tables.hpp"

struct gateway_bpf;

namespace twinpath {

enum class AttachMode { native, generic };

[[nodiscard]] constexpr std::string_view name_of(AttachMode mode) {
  return mode == AttachMode::native ? "native" : "generic";
}

class XdpHook {
 public:
  [[nodiscard]] static Result<XdpHook> load(const std::string& pins, const Tables& tables);
  XdpHook(XdpHook&&) noexcept;
  XdpHook& operator=(XdpHook&&) noexcept;
  ~XdpHook();

  // The mode of the link that is pinned for a device and sits on it, of this load or of an earlier one; absent: none.
  [[nodiscard]] std::optional<AttachMode> mode_of(const std::string& device, int ifindex) const;
  // Attaches to a device by a pinned link, or gives the link that is pinned for it this load's program. When a link in
  // another mode had to go and the attachment fails, the device has this load's program in its former mode.
  [[nodiscard]] Status attach(const std::string& device, int ifindex, AttachMode mode);
  // Has the driver put the program on the device again: a veth runs none on queues that it gets later, and the kernel
  // does nothing when a link is given the program it has. In between, a program that drops every packet is on it.
  [[nodiscard]] Status renew(const std::string& device);
  // Detaches and forgets the link of a device.
  void detach(const std::string& device);
  // Devices that have a pinned link, of this load or of an earlier one.
  [[nodiscard]] std::vector<std::string> devices() const { return pinned_devices(pins_); }
  // Every link that stays has this load's program now: earlier loads are released.
  void release_others();

  // The kernel's tick, asked of the kernel now. Absent when it cannot be asked.
  [[nodiscard]] std::optional<std::uint32_t> tick() const;

 private:
  XdpHook() = default;
  [[nodiscard]] Status share_maps(const Tables& tables);
  [[nodiscard]] Status fill_programs();
  [[nodiscard]] Status pin_programs();
  [[nodiscard]] int entry_program() const;
  [[nodiscard]] bool update_link(const std::string& device);
  [[nodiscard]] Status create_link(const std::string& device, int ifindex, AttachMode mode);

  struct Destroy {
    void operator()(gateway_bpf* skeleton) const noexcept;
  };
  std::unique_ptr<gateway_bpf, Destroy> skeleton_;
  std::string pins_;
  std::string programs_pin_;  // empty: not pinned yet
  bool attached_ = false;     // some link runs this load's program
};

// Refuses, naming the holder, a device whose XDP hook is held by anything but the link pinned for it here. Touches
// nothing.
[[nodiscard]] Status check_hook(const std::string& pins, const std::string& device, int ifindex);

}  // namespace twinpath
