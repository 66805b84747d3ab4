// Which devices can be ports, by their type and by what Linux has joined to them.
#include "control/ports/device_fit.hpp"

#include <doctest/doctest.h>
#include <linux/if_arp.h>

using namespace twinpath;
using netlink::Link;

namespace {

Link device(std::uint32_t ifindex, const char* name, const char* kind = "", std::uint16_t hardware = ARPHRD_ETHER) {
  Link link;
  link.ifindex = ifindex;
  link.name = name;
  link.kind = kind;
  link.hardware = hardware;
  return link;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Device 2, `lan0`, with another device beside it.
class Host {
 public:
  explicit Host(const Link& other) {
    links_[2] = device(2, "lan0");
    links_[other.ifindex] = other;
  }
  Link& lan0() { return links_[2]; }
  [[nodiscard]] DeviceFit judge() const { return DeviceJudge{links_}.judge(links_.at(2)); }

 private:
  std::map<std::uint32_t, Link> links_;
};

}  // namespace

TEST_CASE("a device without Ethernet is no port, and the refusal names it, its kind and the cure") {
  const struct {
    Link link;
    const char* said;
  } cases[] = {
      {device(2, "vpn0", "tun", ARPHRD_NONE), "vpn0 carries no Ethernet (link/none, tun)"},
      {device(2, "ppp0", "", ARPHRD_PPP), "ppp0 carries no Ethernet (link/ppp)"},
      {device(2, "gre1", "gre", ARPHRD_IPGRE), "gre1 carries no Ethernet (link/gre, gre)"},
      {device(2, "sit1", "sit", ARPHRD_SIT), "link/sit"},
      {device(2, "wg0", "wireguard", ARPHRD_NONE), "link/none, wireguard"},
      {device(2, "ib0", "", ARPHRD_INFINIBAND), "link/infiniband"},
      {device(2, "odd0", "", 4711), "link/[4711]"},
  };
  for (const auto& c : cases) {
    const std::string refusal = DeviceJudge{{}}.judge(c.link).refusal;
    CAPTURE(refusal);
    CHECK(has(refusal, c.said));
    CHECK(has(refusal, "make the near end of a veth"));
  }
  CHECK(DeviceJudge{{}}.judge(device(2, "tap0", "tun")).refusal.empty());
  CHECK(DeviceJudge{{}}.judge(device(2, "eth0")).refusal.empty());
}

TEST_CASE("a member of a device that would get none of its frames is no port; a member of a VRF is") {
  const struct {
    const char* kind;
    const char* said;
  } cases[] = {
      {"bridge",
       "lan0 is a member of the bridge master0, which would get none of its frames: ip link set lan0 nomaster"},
      {"bond", "make master0 the port, or ip link set lan0 nomaster"},
      {"team", "make master0 the port"},
      {"openvswitch", "ovs-vsctl del-port lan0"},
      {"", "a member of the device master0"},
      {"vrf", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.kind);
    Host host{device(7, "master0", c.kind)};
    host.lan0().master_ifindex = 7;
    const std::string refusal = host.judge().refusal;
    CAPTURE(refusal);
    CHECK(has(refusal, c.said));
    CHECK(refusal.empty() == (*c.said == '\0'));
  }
  Host host{device(7, "other0")};
  host.lan0().master_ifindex = 8;
  CHECK(has(host.judge().refusal, "a member of device number 8"));
}

TEST_CASE("devices above a port that lose their frames are named; tunnels over it lose none") {
  const struct {
    const char* kind;
    bool starves;
  } cases[] = {{"vlan", true},   {"macvlan", false}, {"macvtap", false}, {"ipvlan", true},
               {"ipvtap", true}, {"macsec", true},   {"gre", false},     {"ip6tnl", false}};
  for (const auto& c : cases) {
    CAPTURE(c.kind);
    Link above = device(9, "above0", c.kind);
    above.parent_ifindex = 2;
    const DeviceFit fit = Host{above}.judge();
    CHECK(fit.refusal.empty());
    REQUIRE(fit.warnings.size() == (c.starves ? 1 : 0));
    if (c.starves) CHECK(has(fit.warnings[0], "no frames reach above0 on lan0: "));
    above.parent_ifindex = 3;
    CHECK(Host{above}.judge().warnings.empty());
  }
  Link port = device(9, "swp0", "dsa");
  port.parent_ifindex = 2;
  CHECK(has(Host{port}.judge().refusal, "lan0 carries the frames of the switch ports swp0"));
}
