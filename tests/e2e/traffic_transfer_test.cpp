// Bulk TCP with the default offloads of the veth peers: the content arrives, and no checksum is wrong on arrival.
//
// TWINPATH_TEST_MB  size of each download, default 100.
// TWINPATH_TEST_S   length of each iperf3 run, default 2. Its rates are printed, never judged.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "harness/gateway_lab.hpp"
#include "harness/talk.hpp"
#include "harness/wire.hpp"

using namespace twinpath;
using namespace twinpath::test;

namespace {

long number_from(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atol(text);
}

// What arrives at a device, and how much of it has a wrong checksum.
class ChecksumWatch {
 public:
  explicit ChecksumWatch(const TestNamespace& part)
      : listener_(part, "eth0", [this](const Heard& heard) {
          if (heard.outgoing) return;
          ++heard_;
          if (!heard.checksum_unfinished && !checksums_right(heard.frame)) ++wrong_;
        }) {}
  [[nodiscard]] int heard() const { return heard_; }
  [[nodiscard]] int wrong() const { return wrong_; }

 private:
  std::atomic<int> heard_{0}, wrong_{0};
  Listener listener_;
};

// What Linux itself found wrong with checksums on arrival, in all protocols.
std::string checksum_errors(const TestNamespace& part) {
  return part.run(
      "awk '/^(Ip|Tcp|Udp|Icmp):/ { if (!($1 in n)) { n[$1] = $0 } else { split(n[$1], k); split($0, v); for (i in k) "
      "if (k[i] ~ /InCsumErrors|InHdrErrors/) print $1 k[i] v[i] } }' /proc/net/snmp | sort; "
      "grep -E 'CsumErrors|InHdrErrors' /proc/net/snmp6");
}

// A namespace without a name and without a process in it, for as long as this lives: the daemon cannot enter it.
class Hidden {
 public:
  explicit Hidden(const TestNamespace& part) : path_(part.path()), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_ || ::umount2(path_.c_str(), MNT_DETACH) != 0 || ::unlink(path_.c_str()) != 0)
      throw std::runtime_error("hide " + path_);
  }
  ~Hidden() {
    const UniqueFd place{::open(path_.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0)};
    const std::string held = "/proc/self/fd/" + std::to_string(fd_.get());
    if (::mount(held.c_str(), path_.c_str(), "none", MS_BIND, nullptr) != 0) std::perror("show a namespace again");
  }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

 private:
  std::string path_;
  UniqueFd fd_;
};

struct Family {
  std::string name, client, server;
};
const Family kFamilies[] = {{"IPv4", "10.1.0.2", "10.2.0.2"}, {"IPv6", "2001:db8:1::2", "2001:db8:2::2"}};

constexpr const char* kRules = R"([
  {"name": "by-engine", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": "5300-5399", "action": "allow", "place": "user"},
  {"name": "by-kernel", "from": "inside", "to": "outside", "protocol": "tcp", "destination_port": "5200-5299", "action": "allow"}])";
// The place that a rule says, and the port that it is for.
struct PlacePort {
  std::string place;
  std::uint16_t port;
};
const PlacePort kPlacePorts[] = {{"auto", 5201}, {"user", 5301}};

// A large download and a small upload over one connection.
void transfer(const GatewayLab& lab, const Family& family, const PlacePort& rule) {
  const UniqueFd listening = tcp_listen(lab.server, {family.server, rule.port});
  const UniqueFd client = tcp_connect(lab.client, {family.client, 0}, {family.server, rule.port});
  const UniqueFd server = tcp_accept(listening.get());
  CHECK(noise_arrives(server.get(), client.get(), number_from("TWINPATH_TEST_MB", 100)));
  CHECK(noise_arrives(client.get(), server.get(), 10));
  const auto pairs = lab.policies("protocol=tcp&port=" + std::to_string(rule.port) + "&destination=" + family.server);
  REQUIRE(pairs.size() == 1);
  CHECK(pairs[0]["place"] == rule.place);
  CHECK(pairs[0]["state"] == "assured");
  CHECK(pairs[0]["reverse"]["bytes"].get<long>() > number_from("TWINPATH_TEST_MB", 100) << 20);
}

void transfer_by_each_datapath(const GatewayLab& lab) {
  for (const Family& family : kFamilies) {
    for (const PlacePort& rule : kPlacePorts) {
      CAPTURE(family.name);
      CAPTURE(rule.place);
      const std::string before = checksum_errors(lab.client) + checksum_errors(lab.server);
      ChecksumWatch at_client(lab.client), at_server(lab.server);
      transfer(lab, family, rule);
      CHECK(at_client.heard() > 0);
      CHECK(at_client.wrong() == 0);
      CHECK(at_server.heard() > 0);
      CHECK(at_server.wrong() == 0);
      CHECK(checksum_errors(lab.client) + checksum_errors(lab.server) == before);
    }
  }
}

// Gbit/s, and whether iperf3 was content.
void measure(const GatewayLab& lab, const PlacePort& rule) {
  const std::string port = std::to_string(rule.port);
  std::thread serving([&] { (void)lab.server.attempt("timeout 60 iperf3 -s -1 -p " + port); });
  CHECK(eventually([&] { return lab.server.attempt("ss -Hltn sport = :" + port + " | grep -q .").status == 0; }));
  const CommandOutput ran = lab.client.attempt("timeout 50 iperf3 -c 10.2.0.2 -J -p " + port + " -t " +
                                               std::to_string(number_from("TWINPATH_TEST_S", 2)));
  serving.join();
  REQUIRE_MESSAGE(ran.status == 0, ran.output);
  const auto end = nlohmann::json::parse(ran.output)["end"];
  MESSAGE("iperf3, place ", rule.place, ": ", end["sum_received"]["bits_per_second"].get<double>() / 1e9, " Gbit/s");
  CHECK(end["sum_received"]["bytes"].get<double>() > 0);
}

void check_peers(const GatewayLab& lab, const char* expected) {
  const nlohmann::json ports = lab.get("/v1/ports")["ports"];
  for (const nlohmann::json& port : ports) CHECK_MESSAGE(port["peer"] == expected, port.dump());
}

}  // namespace

TEST_CASE(
    "TCP between peers with default offloads arrives whole through both datapaths when the peers can be entered") {
  if (!require_root()) return;
  GatewayLab lab{"reached"};
  CAPTURE(lab.log());
  lab.start(lab.config(kRules));
  check_peers(lab, "reached");
  transfer_by_each_datapath(lab);
  for (const PlacePort& rule : kPlacePorts) measure(lab, rule);
}

TEST_CASE("TCP between peers with default offloads arrives whole through both datapaths when they cannot be entered") {
  if (!require_root()) return;
  GatewayLab lab{"unreached"};
  CAPTURE(lab.log());
  nlohmann::json document = lab.config(kRules);
  for (nlohmann::json& port : document["ports"]) port["workload"] = true;
  {
    const Hidden client{lab.client}, server{lab.server};
    lab.start(document);
  }
  check_peers(lab, "not reached");
  transfer_by_each_datapath(lab);
  for (const PlacePort& rule : kPlacePorts) measure(lab, rule);
}
