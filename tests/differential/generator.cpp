#include "differential/generator.hpp"

#include <algorithm>
#include <utility>

#include "common/edit/translate.h"
#include "common/wire/ipv4.h"

namespace twinpath::test {
namespace {

constexpr std::uint32_t kPopulation = 240;
constexpr std::uint32_t kBusy = 30;  // flows that most packets belong to, so that a flow's life fits between two events
constexpr std::uint8_t kOtherProtocol = 47;  // GRE: no ports

dp_address address_at(bool v6, const Endpoint& endpoint) {
  const Network& network = kNetworks[endpoint.network];
  return v6 ? address_of(host6(network, endpoint.host)) : address_of(host4(network, endpoint.host));
}

bool is_icmp(std::uint8_t protocol) { return protocol == DP_PROTOCOL_ICMP || protocol == DP_PROTOCOL_ICMPV6; }

// Steps of TCP by name; `answers`: from the server. Offsets are added to the flow's sequence numbers.
struct TcpStep {
  const char* name;
  bool answers;
  std::uint8_t flags;
  std::uint32_t sequence;
  std::uint32_t acknowledgement;
  std::size_t payload;
};
constexpr TcpStep kWrongAck{"ACK of a wrong number", false, tcp::kAck, 1, 7, 0};
constexpr TcpStep kRefusal{"RST of the wrong number", true, tcp::kRst, 7, 0, 0};
constexpr TcpStep kTcpSteps[] = {
    {"SYN", false, tcp::kSyn, 0, 0, 0},
    {"SYN-ACK", true, tcp::kSyn | tcp::kAck, 0, 1, 0},
    {"ACK of the SYN-ACK", false, tcp::kAck, 1, 1, 0},
    {"data", false, tcp::kAck | tcp::kPsh, 1, 1, 40},
    {"data answered", true, tcp::kAck | tcp::kPsh, 1, 41, 60},
    {"ACK", false, tcp::kAck, 41, 61, 0},
    {"more data", false, tcp::kAck, 41, 61, 600},
    {"FIN", false, tcp::kFin | tcp::kAck, 641, 61, 0},
    {"FIN answered", true, tcp::kFin | tcp::kAck, 61, 642, 0},
    {"last ACK", false, tcp::kAck, 642, 62, 0},
};
constexpr TcpStep kTcpSurprises[] = {
    {"RST", false, tcp::kRst, 1, 1, 0},
    {"RST from the server", true, tcp::kRst | tcp::kAck, 1, 1, 0},
    {"RST behind data", false, tcp::kRst, 41, 61, 0},
    {"RST from the server behind data", true, tcp::kRst | tcp::kAck, 61, 41, 0},
    {"RST from the server behind both FINs", true, tcp::kRst, 62, 0, 0},
    {"refusal", true, tcp::kRst | tcp::kAck, 0, 1, 0},
    {"SYN of a new connection", false, tcp::kSyn, 9000, 0, 0},
    {"SYN-ACK of a new connection", true, tcp::kSyn | tcp::kAck, 9000, 9001, 0},
    {"ACK of a new connection", false, tcp::kAck, 9001, 9001, 0},
    {"SYN from the server", true, tcp::kSyn, 0, 0, 0},
    kWrongAck,
    kRefusal,
    {"SYN-ACK of another sequence", true, tcp::kSyn | tcp::kAck, 77, 1, 0},
    {"ACK from the server", true, tcp::kAck, 1, 1, 0},
};

}  // namespace

bool Flow::translated() const {
  return seen_as.network != client.network || seen_as.host != client.host || seen_as.port != client.port;
}

dp_flow_half Flow::half(bool answers) const {
  dp_flow_half half{};
  Endpoint from = client, to = server, new_from = seen_as, new_to = server;
  if (answers) {
    from = server, to = seen_as;
    new_from = server, new_to = client;
  }
  half.source = address_at(v6, from);
  half.destination = address_at(v6, to);
  half.new_source = address_at(v6, new_from);
  half.new_destination = address_at(v6, new_to);
  half.source_port = htons(from.port);
  half.destination_port = htons(to.port);
  half.new_source_port = htons(new_from.port);
  half.new_destination_port = htons(new_to.port);
  half.protocol = protocol;
  half.flags = DP_FLOW_REWRITE;
  half.delta = dp_translate_address_delta(&half);
  half.delta_ports = dp_translate_port_delta(&half);
  return half;
}

Generator::Generator(const World& world, Random& random)
    : world_(world), random_(random), malformed_(MalformedFrames(port_mac(kInside)).all()) {
  while (flows_.size() < kPopulation) flows_.push_back(new_flow());
}

// Half of the ends are where the fast path leads; all others are for the rest of the program.
std::uint32_t Generator::random_network() {
  constexpr std::uint32_t kPlain[] = {0, 1, kNetBehind, kNetInternet};
  return random_.percent(60) ? random_.pick(kPlain) : random_.below(kNetworkCount);
}

Flow Generator::new_flow() {
  constexpr std::uint8_t kProtocols[] = {6, 6, 6, 17, 17, 1, kOtherProtocol};
  constexpr std::uint16_t kServices[] = {22, 53, 80, 443, 8080, 40000};
  Flow flow;
  flow.v6 = random_.percent(45);
  flow.protocol = random_.pick(kProtocols);
  if (flow.v6 && flow.protocol == DP_PROTOCOL_ICMP) flow.protocol = DP_PROTOCOL_ICMPV6;
  flow.client = {random_network(), random_.between(1, kHosts), 0};
  flow.client.port = static_cast<std::uint16_t>(random_.between(1024, 65535));
  do flow.server = {random_network(), random_.between(1, kHosts), random_.pick(kServices)};
  while (flow.server.network == flow.client.network && random_.percent(90));
  if (is_icmp(flow.protocol)) flow.server.port = flow.v6 ? 128 << 8 : 8 << 8;
  if (flow.protocol == kOtherProtocol) flow.client.port = flow.server.port = 0;
  flow.seen_as = flow.client;
  flow.client_sequence = random_.word();
  flow.server_sequence = random_.word();
  return flow;
}

const Flow& Generator::translated_flow() {
  Flow& flow = flows_[random_.below(kBusy)];
  flow = new_flow();
  if (flow.protocol != kOtherProtocol) {
    flow.seen_as.host = random_.between(1, kHosts);
    flow.seen_as.port = static_cast<std::uint16_t>(random_.between(1024, 65535));
  }
  flow.seen_as.network = 1;  // an outside address
  flow.step = 2;             // a planted TCP flow has its handshake behind it
  return flow;
}

// The packet of one direction, with a transport header that its step fills in.
Draft Generator::draft_of(const Flow& flow, bool answers) const {
  const Endpoint& from = answers ? flow.server : flow.client;
  const Endpoint& to = answers ? flow.seen_as : flow.server;
  const Network &source = kNetworks[from.network], &destination = kNetworks[to.network];
  Draft draft;
  draft.v6 = flow.v6;
  draft.port = source.port;
  draft.eth.dst = port_mac(source.port);
  if (source.port == kTagged || source.port == kDoubleTagged) draft.tags.push_back(Vlan{.id = 100});
  if (source.port == kDoubleTagged) draft.tags.push_back(Vlan{.id = 200});
  draft.ip4.src = host4(source, from.host);
  draft.ip4.dst = host4(destination, to.host);
  draft.ip6.src = host6(source, from.host);
  draft.ip6.dst = host6(destination, to.host);
  if (flow.protocol == DP_PROTOCOL_UDP)
    draft.transport = Udp{.sport = from.port, .dport = to.port};
  else if (flow.protocol == DP_PROTOCOL_TCP)
    draft.transport = Tcp{.sport = from.port, .dport = to.port};
  else
    draft.transport = Raw{.data = Bytes(24, 0x11), .protocol = flow.protocol};
  return draft;
}

Draft Generator::tcp_step(Flow& flow, std::vector<std::string>& story) {
  const std::size_t count = std::size(kTcpSteps);
  const TcpStep* step = &kTcpSteps[std::min<std::size_t>(flow.step, count - 1)];
  if (std::exchange(flow.refuses, false))
    step = &kRefusal;
  else if (flow.step == 2 && random_.percent(10))
    step = &kWrongAck;
  else if (random_.percent(6))
    step = &random_.pick(kTcpSurprises);
  else if (random_.percent(6))
    step = &random_.pick(kTcpSteps);
  else if (flow.step != 6 || random_.percent(4))  // the longest part of a life is data
    ++flow.step;
  if (flow.step > count + 2 && random_.percent(50)) flow.step = 0;  // the same ports once more
  if (flow.step == 6 && random_.percent(40)) step = &kTcpSteps[3 + random_.below(4)];
  flow.refuses = step == &kWrongAck;
  Draft draft = draft_of(flow, step->answers);
  Tcp& header = std::get<Tcp>(draft.transport);
  header.flags = step->flags;
  header.seq = (step->answers ? flow.server_sequence : flow.client_sequence) + step->sequence;
  header.ack = (step->answers ? flow.client_sequence : flow.server_sequence) + step->acknowledgement;
  draft.payload = step->payload;
  story.push_back(step->name);
  return draft;
}

Draft Generator::other_step(Flow& flow, std::vector<std::string>& story) {
  const bool answers = flow.step++ > 0 && random_.percent(40);
  Draft draft = draft_of(flow, answers);
  if (is_icmp(flow.protocol)) {
    const std::uint8_t query = flow.v6 ? 128 : 8, answer = flow.v6 ? 129 : 0;
    draft.transport = Icmp{.type = answers ? answer : query, .id = answers ? flow.seen_as.port : flow.client.port};
  }
  draft.payload = random_.below(64);
  story.push_back(answers ? "answer" : "request");
  return draft;
}

// An error about a packet of the flow, from its far end.
Draft Generator::icmp_error(const Flow& flow) const {
  Bytes quoted = draft_of(flow, false).bytes();
  quoted.erase(quoted.begin(), quoted.begin() + 14 + static_cast<long>(draft_of(flow, false).tags.size() * 4));
  Draft draft = draft_of(flow, true);
  draft.transport = Icmp{.type = static_cast<std::uint8_t>(flow.v6 ? 1 : 3), .code = 1, .id = 0, .sequence = 0};
  draft.is_quote = true;
  draft.quoted = std::move(quoted);
  return draft;
}

Draft Generator::step_of(Flow& flow, std::vector<std::string>& story) {
  if (random_.percent(1)) {
    story.push_back("ICMP error");
    return icmp_error(flow);
  }
  return flow.protocol == DP_PROTOCOL_TCP ? tcp_step(flow, story) : other_step(flow, story);
}

void Generator::mutate(Draft& draft, std::vector<std::string>& story) {
  while (random_.percent(25)) {
    const FieldMutator& mutator = random_.pick(kFieldMutators);
    mutator.apply(draft, random_);
    story.push_back(mutator.name);
  }
}

void Generator::mutate(Bytes& frame, std::vector<std::string>& story) {
  if (!random_.percent(4)) return;
  const ByteMutator& mutator = random_.pick(kByteMutators);
  mutator.apply(frame, random_);
  story.push_back(mutator.name);
}

Generated Generator::malformed() {
  const Malformed& row = random_.pick(malformed_);
  return {{row.frame, world_.ifindex(kInside), 0}, {"malformed: " + row.name}};
}

Generated Generator::next() {
  Generated made;
  if (random_.percent(1)) {
    made = malformed();
  } else {
    Flow& flow = flows_[random_.below(random_.percent(70) ? kBusy : kPopulation)];
    if (random_.below(400) == 0) flow = new_flow();
    Draft draft = step_of(flow, made.story);
    mutate(draft, made.story);
    made.arrival = {draft.bytes(), world_.ifindex(draft.port), draft.queue};
  }
  if (made.arrival.ifindex == world_.ifindex(0)) made.arrival.queue = 0;  // loopback has one
  Bytes& frame = made.arrival.frame;
  const auto fit = [&frame] { frame.resize(std::clamp(frame.size(), kFrameMin, kFrameMax)); };
  fit();
  mutate(frame, made.story);
  fit();
  return made;
}

}  // namespace twinpath::test
