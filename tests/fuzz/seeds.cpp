// seeds.cpp - the inputs that fuzzing starts from: fuzz_seeds FOLDER writes FOLDER/TARGET/NUMBER.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/malformed.hpp"
#include "harness/packet.hpp"

namespace {

using namespace twinpath::test;

// One record of packet_fuzz.cpp.
std::string record(std::uint8_t flags, const Bytes& frame) {
  std::string out{static_cast<char>(flags), static_cast<char>(frame.size() & 0xff),
                  static_cast<char>(frame.size() >> 8)};
  return out.append(frame.begin(), frame.end());
}

// A handshake, data, and the end of the flow.
std::string connection() {
  const Eth to_wan{.dst = {{0x02, 0x00, 0x5e, 0x10, 0x00, 0x21}}};
  const auto there = [](std::uint8_t flags, std::uint32_t seq, std::uint32_t ack) {
    return record(0, (Eth{} / Ipv4{} / Tcp{.seq = seq, .ack = ack, .flags = flags}).bytes());
  };
  const auto back = [&](std::uint8_t flags, std::uint32_t seq, std::uint32_t ack) {
    return record(1, (to_wan / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} /
                      Tcp{.sport = 80, .dport = 49152, .seq = seq, .ack = ack, .flags = flags})
                         .bytes());
  };
  using namespace tcp;
  return there(kSyn, 1000, 0) + back(kSyn | kAck, 5000, 1001) + there(kAck, 1001, 5001) +
         there(kFin | kAck, 1001, 5001) + back(kFin | kAck, 5001, 1002) + there(kAck, 1002, 5002) +
         there(kSyn, 9000, 0) + back(kRst | kAck, 0, 9001);
}

// An ICMP error that quotes a packet.
std::string error_message() {
  const Packet quoted = Eth{} / Ipv4{} / Udp{} / Payload(8);
  const Bytes all = quoted.bytes();
  return record(0, (Eth{} / Ipv4{} / Udp{} / Payload(8)).bytes()) +
         record(1, (Eth{} / Ipv4{.src = "198.51.100.1", .dst = "192.0.2.1"} / Icmp{.type = 3, .code = 3} /
                    Raw{Bytes(all.begin() + 14, all.end())})
                       .bytes());
}

std::vector<std::string> packets() {
  std::vector<std::string> seeds{connection(), error_message()};
  const MalformedFrames malformed;
  for (const Malformed& row : malformed.all()) seeds.push_back(record(0, row.frame));
  const std::vector<Packet> good = {Eth{} / Ipv6{} / Udp{} / Payload(20),
                                    Eth{} / Ipv6{} / hop_by_hop() / destination_options() / Tcp{},
                                    Eth{} / Ipv6{} / Fragment6{.more = true} / Udp{} / Payload(8),
                                    Eth{} / Vlan{} / Vlan{} / Ipv4{} / Icmp{},
                                    Eth{} / Ipv4{.mf = true} / Udp{} / Payload(8),
                                    Eth{} / Arp{}};
  for (const Packet& packet : good) seeds.push_back(record(0, packet.bytes()));
  return seeds;
}

std::vector<std::string> documents() {
  return {
      R"({"ports": [{"device": "lan0", "zone": "inside"}, {"name": "wan", "device": "wan0", "zone": "outside",
 "attach": "auto", "sockets": "copy", "workload": true, "offloads": "keep", "source_check": "loose", "queues": 2}],
 "zones": {"inside": {"default": "drop"}, "outside": {"default": "reject"}, "host": {"default": "allow"}},
 "rules": [{"name": "web", "from": "inside", "to": ["outside", "host"], "protocol": "tcp",
 "source": ["10.1.0.0/16", "2001:db8:1::/48"], "destination": "0.0.0.0/0", "source_port": "1024-65535",
 "destination_port": [80, "8000-8080"], "action": "allow", "place": "user", "log": true},
 {"protocol": "icmp", "icmp_type": [8], "action": "reject"}]})",
      R"({ // comment
 "name": "edge1", "ports": [{"device": "a", "zone": "z"}], "flows": {"max_pairs_v4": 2048, "max_pairs_v6": 4096,
 "half_open_share": 0.5, "pickup": "strict", "pickup_grace_s": 3, "timeouts": {"tcp_syn_s": 1, "udp_s": 2}},
 "engine": {"workers": 1, "frames": 4096, "frame_bytes": 2048, "busy_poll": true, "hold_per_neighbour": 8,
 "budget_pps": {"fragment": 1, "ttl": 2}}, "check": {"one_in": 0},
 "api": {"unix": "/run/x.sock", "http": "[::1]:9080", "token_file": "/etc/t"}, "safety": {"on_exit": "detach"} /* end */ })",
      R"({"ports": [{"device": "a", "zone": "z", "zone": "y", "what": 70000}], "rules": [{"source": "10.0.0.0/33"}]})",
  };
}

std::vector<std::string> requests() {
  return {
      "GET\n/v1/policies?zone=inside&source=10.1.0.0/16&protocol=tcp&port=80&state=assured&limit=2&cursor=1\n\n",
      "GET\n/v1/policies/2\n\n",
      "DELETE\n/v1/policies?destination=2001:db8::%2f32&origin=engine\n\n",
      "PUT\n/v1/config?dry_run=1\napplication/json\n{\"ports\": [] /* none */, \"a\": [1.5e3, \"\\u00e9\", null]}",
      "POST\n/v1/shutdown?detach=true\n\n",
      "GET\n/metrics\n\n",
      "HEAD\n/v1/openapi.json\n\n",
  };
}

void write(const std::filesystem::path& folder, const std::vector<std::string>& seeds) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < seeds.size(); ++i)
    std::ofstream{folder / std::to_string(i), std::ios::binary}.write(seeds[i].data(),
                                                                      static_cast<std::streamsize>(seeds[i].size()));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  write(folder / "packet", packets());
  write(folder / "config", documents());
  write(folder / "rest", requests());
  return 0;
}
