// generator.hpp - the frames: a population of flows that live through their steps, packets with fields varied by name,
// and malformed ones.
//
// Steps    what a flow's packet is: SYN, the answer to it, data in either direction, FIN, RST, a wrong acknowledgement,
//          queries and answers of ICMP, errors that quote. Most flows follow their script; any step may come any time.
// Seed     frames depend on the seed alone, never on what became of the frames before.
#pragma once

#include <string>
#include <vector>

#include "differential/draft.hpp"
#include "differential/kernel_side.hpp"
#include "differential/random.hpp"
#include "differential/world.hpp"
#include "tests/harness/malformed.hpp"

namespace twinpath::test {

struct Endpoint {
  std::uint32_t network = 0;
  std::uint32_t host = 0;
  std::uint16_t port = 0;
};

struct Flow {
  bool v6 = false;
  std::uint8_t protocol = 0;
  Endpoint client;
  Endpoint server;
  Endpoint seen_as;  // the client as the server sees it: another one behind NAT
  std::uint32_t client_sequence = 0;
  std::uint32_t server_sequence = 0;
  std::uint32_t step = 0;  // packets so far
  bool refuses = false;    // TCP: the server's end has a wrong acknowledgement to refuse, as it does in its handshake

  [[nodiscard]] bool translated() const;
  // The pair of a translated flow, as it would be installed; `answers`: the reverse half.
  [[nodiscard]] dp_flow_half half(bool answers) const;
};

// A frame and how it came to be.
struct Generated {
  Arrival arrival;
  std::vector<std::string> story;
};

class Generator {
 public:
  Generator(const World& world, Random& random);

  Generated next();
  // Turns a flow into one behind NAT, to be planted into both tables.
  const Flow& translated_flow();

 private:
  std::uint32_t random_network();
  Flow new_flow();
  Draft draft_of(const Flow& flow, bool answers) const;
  Draft step_of(Flow& flow, std::vector<std::string>& story);
  Draft tcp_step(Flow& flow, std::vector<std::string>& story);
  Draft other_step(Flow& flow, std::vector<std::string>& story);
  Draft icmp_error(const Flow& flow) const;
  Generated malformed();
  void mutate(Draft& draft, std::vector<std::string>& story);
  void mutate(Bytes& frame, std::vector<std::string>& story);

  const World& world_;
  Random& random_;
  std::vector<Flow> flows_;
  std::vector<Malformed> malformed_;
};

}  // namespace twinpath::test
