// world.hpp - the gateway that the frames of the differential test meet: ports, zones, rules, routes, next hops.
//
// Shape    six ports on four devices (one with VLAN devices on it, one of a local workload), networks that lie on their
//          links or behind gateways, one of them by equal-cost paths; every kind of route; random rules, another set in
//          each bank. Hosts of a network are numbered; some neighbours are unknown, some next hops not usable.
// Owner    the test case, inside a network namespace of its own: the devices are real, since the kernel asks for them.
// Changes  named events between frames (kEvents): what the control plane does while packets pass.
#pragma once

#include <sys/socket.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "differential/kernel_side.hpp"
#include "differential/random.hpp"
#include "differential/twin_side.hpp"
#include "harness/route_fixture.hpp"
#include "tests/harness/layers.hpp"

namespace twinpath::test {

enum PortNumber : std::uint32_t { kInside = 1, kOutside, kWorkload, kParent, kTagged, kDoubleTagged, kPortsEnd };

struct Network {
  const char* name;
  const char* prefix4;
  std::uint32_t bits4;
  const char* prefix6;
  std::uint32_t bits6;
  PortNumber port;  // its packets arrive here
  bool on_link;
};
inline constexpr Network kNetworks[] = {
    {"inside", "10.1.0.0", 24, "2001:db8:1::", 64, kInside, true},
    {"outside", "203.0.113.0", 24, "2001:db8:2::", 64, kOutside, true},
    {"workload", "10.3.0.0", 24, "2001:db8:3::", 64, kWorkload, true},
    {"parent", "10.4.0.0", 24, "2001:db8:4::", 64, kParent, true},
    {"tagged", "10.5.0.0", 24, "2001:db8:5::", 64, kTagged, true},
    {"double tagged", "10.6.0.0", 24, "2001:db8:6::", 64, kDoubleTagged, true},
    {"behind inside", "10.2.0.0", 16, "2001:db8:1000::", 48, kInside, false},
    {"internet", "1.0.0.0", 8, "2600::", 16, kOutside, false},
};
enum NetworkNumber : std::uint32_t { kNetBehind = 6, kNetInternet = 7, kNetworkCount = 8 };

// Hosts 1..kHosts of every network; the gateways of the routes have the numbers above.
enum : std::uint32_t { kHosts = 24, kGatewayFirst = 28, kHostSelf = 254 };

[[nodiscard]] Ip4 host4(const Network& network, std::uint32_t host);
[[nodiscard]] Ip6 host6(const Network& network, std::uint32_t host);
[[nodiscard]] dp_address address_of(const Ip4& address);
[[nodiscard]] dp_address address_of(const Ip6& address);
inline constexpr Mac kVirtualMac{
    {0x00, 0x00, 0x5e, 0x00, 0x01, 0x07}};  // of all ports, but port kOutside does not say so
[[nodiscard]] Mac port_mac(std::uint32_t port);
// Number of the device that a port is on: not the port's, and not those of its neighbours.
[[nodiscard]] constexpr std::uint16_t device_of(std::uint32_t port) {
  return static_cast<std::uint16_t>(DP_DEVICES_MAX - 3 * (port < kParent ? port : std::uint32_t{kParent}));
}

// Addresses that no network holds, each meant for another answer.
inline constexpr const char* kOddities4[] = {
    "10.1.0.254", "203.0.113.254", "10.1.0.255",  "198.18.1.1",  "198.19.1.1",      "172.16.1.1",
    "224.0.0.5",  "224.0.0.1",     "169.254.1.1", "127.0.0.1",   "255.255.255.255", "0.0.0.0",
    "240.0.0.1",  "169.254.7.254", "0.1.2.3",     "192.0.2.254", "10.2.7.9",        "10.9.9.9",
};
inline constexpr const char* kOddities6[] = {
    "2001:db8:1::fe",
    "2001:db8:2::fe",
    "fe80::1",
    "fe80::fe",
    "fe80::1:fe",
    "fe80::5",
    "ff02::1",
    "ff02::1:ff00:1",
    "2001:db8:dead::1",
    "2001:db8:beef::1",
    "2001:db8:face::1",
    "::1",
    "::",
    "::ffff:1.2.3.4",
    "2001:db8:1000:7::9",
    "3fff::1",
};

// Sockets of the host, for its own traffic: what a connected one waits for passes even when a rule refuses it.
struct HostSocket {
  bool v6;
  int type;
  const char* own;
  std::uint16_t own_port;
  const char* far;
  std::uint16_t far_port;
  bool waits;  // connected; otherwise bound, and listening when it is TCP
};
inline constexpr HostSocket kHostSockets[] = {
    {false, SOCK_DGRAM, "10.1.0.254", 5353, "1.0.3.3", 53, true},
    {false, SOCK_DGRAM, "10.1.0.254", 5354, "1.0.4.4", 53, false},
    {false, SOCK_STREAM, "10.1.0.254", 4022, "1.0.3.3", 443, true},
    {false, SOCK_STREAM, "10.1.0.254", 22, "1.0.4.4", 443, false},
    {true, SOCK_DGRAM, "2001:db8:1::fe", 5353, "2600:0:0:3::3", 53, true},
    {true, SOCK_STREAM, "2001:db8:1::fe", 4022, "2600:0:0:3::3", 443, true},
};

class World {
 public:
  // Makes the devices in the caller's namespace and fills the kernel side's tables.
  World(KernelSide& kernel, Random& random);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] const Attachments& attachments() const { return attachments_; }
  // Devices by the port on it; [0] is a device that is no port.
  [[nodiscard]] std::uint32_t ifindex(std::uint32_t port) const { return ifindexes_[port]; }

  void change_rules(Random& random);
  void change_generation();
  void change_epoch();
  void change_next_hop(Random& random);
  void change_neighbour(Random& random);
  void change_timeouts(Random& random);
  void change_budgets(Random& random);
  dp_settings& settings() { return kernel_.settings[0]; }

 private:
  void make_devices();
  void open_host_socket(const HostSocket& wanted);
  void fill_settings();
  void fill_ports();
  void fill_device(std::uint32_t number);
  void fill_next_hops(Random& random);
  void fill_routes(std::uint32_t bank);
  [[nodiscard]] static std::vector<dp_route_rule> route_rules(std::uint8_t family);
  void fill_rules(std::uint32_t bank, Random& random);
  void fill_sockets();
  void set_neighbour(std::uint32_t network, std::uint32_t host, std::uint8_t family, bool known);

  KernelSide& kernel_;
  RouteFixture routes_;
  Attachments attachments_;
  std::array<std::uint32_t, kPortsEnd> ifindexes_{};
  UniqueFd socket_;
  std::vector<UniqueFd> host_sockets_;
};

struct Event {
  const char* name;
  void (*apply)(World&, Random&);
};
extern const std::span<const Event> kEvents;

}  // namespace twinpath::test
