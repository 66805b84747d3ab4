// forger.hpp - TCP segments of other people's connections, forged by someone who knows their addresses and ports but sees
// none of their packets: numbers and windows are random, checksums are right.
//
//   Forger forger{seed};
//   forger.learn(link, {"10.1.0.2", 40000}, {"10.2.0.2", 80});
//   forger.forge(frames);                  // each becomes a segment of one of the connections learnt
//   sender.flood(frames);
//
// Kinds      RST, RST+ACK, SYN, SYN+ACK, FIN, FIN+ACK, ACK, and ACK with data, in equal parts.
// Speed      a frame is a copy of a template, with the checksum carried forward (RFC 1624): a fraction of a microsecond.
// Random     depends on the seed and on what was learnt, and on nothing else.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "harness/packet.hpp"
#include "harness/talk.hpp"

namespace twinpath::test {

class Forger {
 public:
  explicit Forger(std::uint64_t seed) : random_(seed) {}

  // Segments of this connection from `from` to `to`.
  void learn(const Eth& link, const Place& from, const Place& to) {
    bare_.push_back(model(link, from, to, 0));
    with_data_.push_back(model(link, from, to, kDataBytes));
  }

  void forge(std::span<Bytes> frames) {
    for (Bytes& frame : frames) forge_one(frame);
  }

 private:
  struct Kind {
    std::uint8_t flags;
    bool data;
  };
  // A frame whose numbers, flags and window are zero.
  struct Model {
    Bytes frame;
    std::size_t tcp = 0;  // offset of its TCP header
  };

  static constexpr std::size_t kDataBytes = 64;
  static constexpr std::array<Kind, 8> kKinds{{{tcp::kRst, false},
                                               {tcp::kRst | tcp::kAck, false},
                                               {tcp::kSyn, false},
                                               {tcp::kSyn | tcp::kAck, false},
                                               {tcp::kFin, false},
                                               {tcp::kFin | tcp::kAck, false},
                                               {tcp::kAck, false},
                                               {tcp::kPsh | tcp::kAck, true}}};

  static Model model(const Eth& link, const Place& from, const Place& to, std::size_t data) {
    const Tcp segment{.sport = from.port, .dport = to.port, .seq = 0, .flags = 0, .window = 0};
    const char *source = from.address.c_str(), *destination = to.address.c_str();
    if (from.address.find(':') == std::string::npos)
      return {(link / Ipv4{.src = source, .dst = destination} / segment / Payload(data)).bytes(), 34};
    return {(link / Ipv6{.src = source, .dst = destination} / segment / Payload(data)).bytes(), 54};
  }

  void forge_one(Bytes& frame) {
    const std::uint64_t choice = random_(), numbers = random_();
    const Kind kind = kKinds[choice % kKinds.size()];
    const Model& chosen = (kind.data ? with_data_ : bare_)[(choice >> 32) % bare_.size()];
    frame.assign(chosen.frame.begin(), chosen.frame.end());
    const std::span<std::uint8_t> segment = std::span(frame).subspan(chosen.tcp);
    sum_ = static_cast<std::uint16_t>(~(segment[16] << 8 | segment[17]));
    for (std::size_t i = 0; i < 4; ++i) write(segment, 4 + 2 * i, static_cast<std::uint16_t>(numbers >> (16 * i)));
    write(segment, 12, static_cast<std::uint16_t>(segment[12] << 8 | kind.flags), segment[12] << 8);
    write(segment, 14, static_cast<std::uint16_t>(choice >> 16));
    while (sum_ > 0xffff) sum_ = (sum_ & 0xffff) + (sum_ >> 16);
    write(segment, 16, static_cast<std::uint16_t>(~sum_));
  }

  // Puts a word into the segment, and into the sum in the place of `before`.
  void write(std::span<std::uint8_t> segment, std::size_t at, std::uint16_t word, int before = 0) {
    segment[at] = static_cast<std::uint8_t>(word >> 8);
    segment[at + 1] = static_cast<std::uint8_t>(word);
    sum_ += static_cast<std::uint32_t>(word - before);
  }

  std::mt19937_64 random_;
  std::vector<Model> bare_, with_data_;
  std::uint32_t sum_ = 0;
};

}  // namespace twinpath::test
