// Bad input: one clear line each, and nothing changed.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fd.hpp"
#include "harness/host_state.hpp"
#include "harness/raw_client.hpp"
#include "harness/text.hpp"

using namespace twinpath;
using namespace twinpath::test;
using nlohmann::json;

namespace {

// Lines of error; on a slow machine the program also says that it is still starting.
std::size_t lines(const std::string& text) {
  std::istringstream in(text);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line);) count += line.starts_with("starting ") ? 0 : 1;
  return count;
}

// `twinpath up` with this text as the document.
CommandOutput up(const GatewayLab& lab, const std::string& document) {
  std::ofstream(lab.config_file()) << document;
  const CommandOutput ran =
      run_command(TWINPATH_PROGRAM " --netns " + lab.gateway.name() + " up -c " + lab.config_file());
  (void)run_command("rm -f /run/twinpath/" + lab.name() + "*.log");
  return ran;
}

struct BadDocument {
  std::string what;
  const char* path;  // JSON pointer of what is replaced or added
  json value;
  const char* said;
};

// Another owner's XDP program on a device of the gateway; it passes all packets.
class StrangerOnDevice {
 public:
  StrangerOnDevice(const GatewayLab& lab, const std::string& device) : lab_(lab), device_(device) {
    const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    program_.reset(bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", pass, 2, nullptr));
    put(program_.get());
  }
  ~StrangerOnDevice() { put(-1); }

 private:
  // The program with this descriptor, or none, is on the device from now on.
  void put(int program) {
    lab_.gateway.inside([&] {
      const int ifindex = static_cast<int>(if_nametoindex(device_.c_str()));
      CHECK(bpf_xdp_attach(ifindex, program, XDP_FLAGS_DRV_MODE, nullptr) == 0);
    });
  }

  const GatewayLab& lab_;
  std::string device_;
  UniqueFd program_;
};

}  // namespace

TEST_CASE("up refuses bad documents in one clear line each and touches nothing") {
  if (!require_root()) return;
  GatewayLab lab{"liferefuse"};
  const json good = lab.config(kAllowOut);
  lab.gateway.run("ip link set wan0 mtu 1600");
  const std::string before = host_state(lab);
  const BadDocument cases[] = {
      {"unknown device", "/ports/0/device", "nosuch0", "there is no device nosuch0"},
      {"device used twice", "/ports/1/device", "lan0", "ports[1].device"},
      {"port name used twice", "/ports/1/name", "lan", "ports[1].name"},
      {"rule name used twice",
       "/rules/1",
       {{"name", "all"}, {"from", "any"}, {"to", "any"}, {"action", "allow"}},
       "rules[1].name"},
      {"unknown key", "/ports/0/devise", "lan0", "ports[0].devise"},
      {"prefix too long", "/rules/0/source", "10.0.0.0/33", "rules[0].source"},
      {"port too large", "/rules/0/destination_port", 70000, "rules[0].destination_port"},
      {"unknown zone", "/rules/0/from", "insight", "rules[0].from"},
      {"more queues than the device has", "/ports/0/queues", 9, "lan0 has 1"},
      {"MTU beyond the frame",
       "/engine",
       {{"frame_bytes", 2048}},
       "MTU 1900 of wan0 does not fit a frame of 2048 bytes"},
      {"loopback", "/ports/0/device", "lo", "loopback"},
      {"table too small", "/flows", {{"max_pairs_v4", 1}}, "flows.max_pairs_v4"},
      {"socket path that cannot be", "/api/unix", "/nonexistent/a.sock", "/nonexistent/a.sock"},
      {"token file that is not there", "/api/token_file", "/nonexistent/token", "/nonexistent/token"},
  };
  for (const BadDocument& bad : cases) {
    CAPTURE(bad.what);
    json document = good;
    document[json::json_pointer(bad.path)] = bad.value;
    const bool wide = bad.what.starts_with("MTU");
    if (wide) lab.gateway.run("ip link set wan0 mtu 1900");
    const CommandOutput ran = up(lab, document.dump());
    CAPTURE(ran.output);
    CHECK(ran.status == 1);
    CHECK(lines(ran.output) == 1);
    CHECK(has(ran.output, bad.said));
    if (wide) lab.gateway.run("ip link set wan0 mtu 1600");
    CHECK(difference(before, host_state(lab)) == "");
  }
}

TEST_CASE("every fault of a document is told, and broken JSON by line and column") {
  if (!require_root()) return;
  GatewayLab lab{"lifefaults"};
  json document = lab.config(kAllowOut);
  document["ports"][0]["devise"] = "x";
  document["rules"][0]["source"] = "10.0.0.0/33";
  document["rules"][0]["destination_port"] = 70000;
  const CommandOutput ran = up(lab, document.dump());
  CHECK(ran.status == 1);
  CHECK(lines(ran.output) == 3);
  // The daemon itself says the same.
  const CommandOutput daemon = run_command(std::string(TWINPATHD_PROGRAM) + " --config " + lab.config_file());
  CHECK(daemon.status == 1);
  CHECK(lines(daemon.output) == 3);

  const CommandOutput broken = up(lab, "{\n  \"name\": \"x\",\n  \"ports\": [}\n}\n");
  CHECK(broken.status == 1);
  CHECK(lines(broken.output) == 1);
  CHECK(has(broken.output, "line 3, column 13"));
}

TEST_CASE("without privilege up says so") {
  if (!require_root()) return;
  GatewayLab lab{"lifenobody"};
  REQUIRE(run_command("chmod 755 $(dirname " + lab.config_file() + ")").status == 0);
  const std::string before = host_state(lab);
  const std::string folder = "/tmp/" + lab.name() + "-bin";  // the build folder may be closed to others
  std::filesystem::create_directories(folder);
  for (const char* program : {TWINPATH_PROGRAM, TWINPATHD_PROGRAM})
    std::filesystem::copy(program, folder + "/" + std::filesystem::path(program).filename().string());
  std::ofstream(lab.config_file()) << lab.config(kAllowOut);
  for (const char* program : {"/twinpath up -c ", "/twinpathd --config "}) {
    CAPTURE(program);
    const CommandOutput ran =
        run_command("setpriv --reuid 65534 --regid 65534 --clear-groups " + folder + program + lab.config_file());
    CAPTURE(ran.output);
    CHECK(ran.status == 1);
    CHECK(lines(ran.output) == 1);
    CHECK(has(ran.output, "needs root"));
  }
  CHECK(difference(before, host_state(lab)) == "");
  std::filesystem::remove_all(folder);
}

TEST_CASE("a second gateway of the same name or on the same device is refused, and the first continues") {
  if (!require_root()) return;
  GatewayLab lab{"lifetwice"};
  CAPTURE(lab.log());
  const json good = lab.config(kAllowOut);
  lab.start(good);
  const std::string before = host_state(lab);
  const CommandOutput same = up(lab, good.dump());
  CHECK(same.status == 1);
  CHECK(lines(same.output) == 1);
  CHECK(has(same.output, "a gateway named \"" + lab.name() + "\" is already running"));

  json other = good;
  other["name"] = lab.name() + "b";
  other["api"]["unix"] = lab.socket() + "b";
  const CommandOutput second = up(lab, other.dump());
  CHECK(second.status == 1);
  CHECK(lines(second.output) == 1);
  CHECK(has(second.output, "lan0: it is a port of gateway \"" + lab.name() + "\""));
  CHECK_FALSE(std::filesystem::exists("/run/twinpath/" + lab.name() + "b.lock"));
  CHECK_FALSE(std::filesystem::exists("/sys/fs/bpf/twinpath/" + lab.name() + "b"));
  CHECK(difference(before, host_state(lab)) == "");
  CHECK(lab.client.attempt("ping -c 1 -W 5 10.2.0.2").status == 0);
}

TEST_CASE("a device that another program holds is refused by that program's name, before the first port is touched") {
  if (!require_root()) return;
  GatewayLab lab{"lifeheld"};
  const std::string untouched = host_state(lab);
  {
    const StrangerOnDevice stranger{lab, "wan0"};
    const std::string before = host_state(lab);
    const CommandOutput ran = up(lab, lab.config(kAllowOut).dump());
    CHECK(ran.status == 1);
    CHECK(lines(ran.output) == 1);
    CHECK(has(ran.output, "wan0: its XDP hook is held by program \"stranger\""));
    CHECK(difference(before, host_state(lab)) == "");
  }
  CHECK(difference(untouched, host_state(lab)) == "");
}

TEST_CASE("an up that fails at the second port undoes what it did to the first") {
  if (!require_root()) return;
  GatewayLab lab{"lifehalf"};
  lab.gateway.run("ip link add br0 type bridge && ip link set br0 up");
  const std::string before = host_state(lab);
  json config = lab.config(kAllowOut);
  config["ports"][1]["device"] = "br0";  // has no native XDP, which is found out after the first port was attached
  const CommandOutput ran = up(lab, config.dump());
  CAPTURE(ran.output);
  CHECK(ran.status == 1);
  CHECK(lines(ran.output) == 1);
  CHECK(has(ran.output, "port wan: "));
  CHECK(has(ran.output, "br0"));
  CHECK(difference(before, host_state(lab)) == "");
}

TEST_CASE("bodies that are no configuration are refused by REST, and the running one stays") {
  if (!require_root()) return;
  GatewayLab lab{"liferest"};
  CAPTURE(lab.log());
  lab.start(lab.config(kAllowOut));
  const json before = lab.get("/v1/config");
  const auto generation = lab.get("/v1/status")["generation"];
  json faulty = lab.config(kAllowOut);
  faulty["rules"][0]["source"] = "10.0.0.0/33";
  const struct {
    std::string what;
    std::string body;
    unsigned status;
    const char* said;
  } cases[] = {
      {"no JSON", "hello", 0, "line 1, column 1"},
      {"nothing", "", 0, ""},
      {"an array", "[]", 422, ""},
      {"faults", faulty.dump(), 422, "rules[0].source"},
      {"deep", std::string(100'000, '['), 0, ""},
      {"too large", std::string((16 << 20) + 1, ' '), 413, "larger than"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.what);
    rest::RawClient raw{lab.socket()};
    (void)raw.say("PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
                  std::to_string(c.body.size()) + "\r\nConnection: close\r\n\r\n");
    (void)raw.say(c.body);
    const std::string answer = raw.hear({}, 1, 20'000);
    CAPTURE(answer.substr(0, 300));
    REQUIRE(answer.size() > 12);
    const unsigned status = static_cast<unsigned>(std::stoi(answer.substr(9, 3)));
    CHECK(status >= 400);
    CHECK(status < 500);
    if (c.status != 0) CHECK(status == c.status);
    CHECK(has(answer, c.said));
  }
  {  // never ends: others are served meanwhile, and the running configuration stays
    rest::RawClient raw{lab.socket()};
    CHECK(raw.say(
        "PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"));
    CHECK(lab.get("/v1/status")["generation"] == generation);
  }
  CHECK(lab.get("/v1/config") == before);
  CHECK(lab.get("/v1/status")["generation"] == generation);
}

TEST_CASE("a port of another gateway is refused with that gateway's name and the command that takes it down") {
  if (!require_root()) return;
  GatewayLab lab{"lifesecond"};
  lab.start(lab.config(kAllowOut));
  json second = lab.config(kAllowOut);
  second["name"] = lab.name() + "-b";
  second.erase("api");
  const CommandOutput ran = up(lab, second.dump());
  CHECK(ran.status == 1);
  CHECK(has(ran.output, "lan0: it is a port of gateway \"" + lab.name() +
                            "\": take it out there, or run \"twinpath -n " + lab.name() + " down\"\n"));
  CHECK(lab.get("/v1/status")["name"] == lab.name());
}
