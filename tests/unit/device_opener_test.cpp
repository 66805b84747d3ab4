// What a device's opener does to a device, and in which order, with a veth of Linux.
#include "control/ports/device_opener.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <unistd.h>

#include "harness/namespace.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

// A gateway with one device, and programs to attach to it. Everything that needs the device runs inside `gateway`.
class Lab {
 public:
  Lab() {
    gateway.veth("lan0", far, "eth0");
    auto made = make_pin_directory("/sys/fs/bpf", "opener-" + std::to_string(::getpid()));
    REQUIRE(made);
    pins = *made;
    auto opened = Tables::open(pins, 64, 64);
    REQUIRE(opened);
    tables = std::make_unique<Tables>(std::move(*opened));
    load();
  }
  ~Lab() {
    gateway.inside([&] { hook->detach("lan0"); });
    remove_pins(pins);
  }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // As another daemon does that adopts what is attached.
  void load() {
    auto loaded = XdpHook::load(pins, *tables);
    REQUIRE(loaded);
    hook = std::make_unique<XdpHook>(std::move(*loaded));
    opener = std::make_unique<DeviceOpener>(
        *tables, *hook, [](const EngineCommand&) { return EngineReply{}; },
        [this](const auto& changes) { return note(changes); });
  }
  [[nodiscard]] static PortConfig config(Attach attach = Attach::native) {
    PortConfig port;
    port.device = "lan0";
    port.attach = attach;
    return port;
  }
  [[nodiscard]] std::string features() const { return gateway.run("ethtool -k lan0") + far.run("ethtool -k eth0"); }

  TestNamespace gateway{"opener-gw"};
  TestNamespace far{"opener-far"};
  std::string pins;
  std::unique_ptr<Tables> tables;
  std::unique_ptr<XdpHook> hook;
  std::unique_ptr<DeviceOpener> opener;
  std::function<Status(const std::vector<netlink::OffloadChange>&)> note = [](const auto&) { return Status{}; };
};

Device lan0() {
  Device device;
  device.number = 1;
  device.link.name = "lan0";
  device.link.ifindex = ::if_nametoindex("lan0");
  return device;
}

// What Linux says: "xdp", "xdpgeneric", or nothing.
std::string mode_of_lan0(const Lab& lab) {
  const std::string link = lab.gateway.run("ip link show lan0");
  if (link.find(" xdpgeneric") != std::string::npos) return "xdpgeneric";
  return link.find(" xdp") != std::string::npos ? "xdp" : "";
}

// Attaches as a daemon does that starts with this setting. Its status says the same as Linux.
Device start(Lab& lab, Attach attach) {
  Device device;
  lab.gateway.inside([&] {
    device = lan0();
    CHECK(lab.opener->attach(device, Lab::config(attach)));
  });
  CHECK(mode_of_lan0(lab) == (device.attach == AttachMode::generic ? "xdpgeneric" : "xdp"));
  return device;
}

}  // namespace

TEST_CASE("the journal has the changes to a device before the first of them is made") {
  if (!require_root()) return;
  Lab lab;
  const std::string before = lab.features();
  std::vector<netlink::OffloadChange> journal;
  std::string when_noted;
  lab.note = [&](const auto& changes) {
    journal = changes;
    when_noted = lab.features();
    return Status{};
  };
  lab.gateway.inside([&] {
    Device device = lan0();
    CHECK(lab.opener->prepare(device, Lab::config(), 0));
  });
  CHECK(when_noted == before);
  CHECK(lab.features() != before);
  CHECK(netlink::restore_offloads(journal));
  CHECK(lab.features() == before);
}

TEST_CASE("a device is not changed when the journal cannot be written") {
  if (!require_root()) return;
  Lab lab;
  const std::string before = lab.features();
  lab.note = [](const auto&) -> Status { return fail(ENOSPC, "write the journal"); };
  lab.gateway.inside([&] {
    Device device = lan0();
    CHECK_FALSE(lab.opener->prepare(device, Lab::config(), 0));
  });
  CHECK(lab.features() == before);
}

TEST_CASE("an adopted device is in the mode of the new configuration") {
  if (!require_root()) return;
  Lab lab;
  CHECK(start(lab, Attach::generic).attach == AttachMode::generic);
  lab.load();
  CHECK(start(lab, Attach::native).attach == AttachMode::native);
  lab.load();
  CHECK(start(lab, Attach::automatic).attach == AttachMode::native);
  lab.load();
  CHECK(start(lab, Attach::generic).attach == AttachMode::generic);
}

TEST_CASE("a device that was adopted in generic mode says so, as one does that fell back to it") {
  if (!require_root()) return;
  Lab lab;
  const std::string warning = "attached in generic mode, which is slower";
  lab.gateway.run("ip link set lan0 mtu 9000");
  lab.far.run("ip link set eth0 mtu 9000");  // too much for native mode of a veth
  for (int round = 0; round < 2; ++round) {
    const Device device = start(lab, Attach::automatic);
    CHECK(device.attach == AttachMode::generic);
    REQUIRE(device.problems.size() == 1);
    CHECK(device.problems[0].find(warning) != std::string::npos);
    lab.load();
  }
}

TEST_CASE("a device that cannot be attached in the mode of the new configuration goes on in its former one") {
  if (!require_root()) return;
  Lab lab;
  lab.gateway.run("ip link set lan0 mtu 9000");
  lab.far.run("ip link set eth0 mtu 9000");
  start(lab, Attach::generic);
  lab.load();
  lab.gateway.inside([&] {
    Device device = lan0();
    CHECK_FALSE(lab.opener->attach(device, Lab::config(Attach::native)));
  });
  CHECK(mode_of_lan0(lab) == "xdpgeneric");
}
