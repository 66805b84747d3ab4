// packet.hpp - builds frames for tests: Eth{} / Ipv4{} / Tcp{.dport = 443} / Payload{100}.
//
// Shape    layers from the outside in; bytes() serialises them. Lengths, protocol numbers, EtherTypes and checksums are
//          right unless a field says otherwise: each computed field is a std::optional.
// Source   independent of common/: this is one of the two witnesses against it. RFC 791, 8200, 9293, 768, 792, 4443.
#pragma once

#include "harness/layers.hpp"

#include <algorithm>
#include <concepts>
#include <span>
#include <stdexcept>
#include <utility>

namespace twinpath::test {

inline void put16(Bytes& to, std::uint32_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

inline void put32(Bytes& to, std::uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}

template <class Range>
void put(Bytes& to, const Range& from) {
  to.insert(to.end(), std::begin(from), std::end(from));
}

// RFC 1071 as it reads: big-endian words, an odd byte padded with zero, carries added back.
inline std::uint16_t internet_checksum(std::span<const std::uint8_t> data) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); ++i) sum += i % 2 == 0 ? data[i] << 8 : data[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

class Packet {
 public:
  Packet() = default;
  Packet(Layer layer) { layers_.push_back(std::move(layer)); }

  Packet& operator/=(Layer layer) {
    layers_.push_back(std::move(layer));
    return *this;
  }

  // The n-th layer of a type, to change a field of a packet that already stands.
  template <class T>
  T& layer(std::size_t index = 0) {
    for (Layer& one : layers_)
      if (T* found = std::get_if<T>(&one); found && index-- == 0) return *found;
    throw std::out_of_range("no such layer");
  }

  [[nodiscard]] Bytes bytes() const {
    Bytes behind;
    for (std::size_t i = layers_.size(); i-- > 0;)
      behind = std::visit([&](const auto& layer) { return serialise(layer, i, behind); }, layers_[i]);
    return behind;
  }

  // The first `size` bytes: a frame cut off.
  [[nodiscard]] Bytes first(std::size_t size) const {
    Bytes all = bytes();
    all.resize(std::min(size, all.size()));
    return all;
  }

  // At least `size` bytes, filled up as a sender's hardware does.
  [[nodiscard]] Bytes padded(std::size_t size = 60) const {
    Bytes all = bytes();
    if (all.size() < size) all.resize(size, 0);
    return all;
  }

 private:
  const Layer* above(std::size_t index) const { return index > 0 ? &layers_[index - 1] : nullptr; }
  const Layer* below(std::size_t index) const { return index + 1 < layers_.size() ? &layers_[index + 1] : nullptr; }

  // The IP header that this layer travels under.
  const Layer* ip_above(std::size_t index) const {
    while (index-- > 0)
      if (std::holds_alternative<Ipv4>(layers_[index]) || std::holds_alternative<Ipv6>(layers_[index]))
        return &layers_[index];
    return nullptr;
  }

  bool in_ipv6(std::size_t index) const {
    const Layer* ip = ip_above(index);
    return ip && std::holds_alternative<Ipv6>(*ip);
  }

  std::uint16_t ether_type_below(std::size_t index) const {
    const Layer* next = below(index);
    if (!next) return 0x0800;
    if (const Vlan* tag = std::get_if<Vlan>(next)) return tag->tpid;
    if (std::holds_alternative<Arp>(*next)) return 0x0806;
    return std::holds_alternative<Ipv6>(*next) ? 0x86dd : 0x0800;
  }

  std::uint8_t protocol_below(std::size_t index) const {
    const Layer* next = below(index);
    if (!next) return in_ipv6(index + 1) ? 59 : 253;  // no next header; experimental
    if (const Extension* extension = std::get_if<Extension>(next)) return extension->protocol;
    if (const Raw* raw = std::get_if<Raw>(next)) return raw->protocol.value_or(253);
    if (std::holds_alternative<Fragment6>(*next)) return 44;
    if (std::holds_alternative<Tcp>(*next)) return 6;
    if (std::holds_alternative<Udp>(*next)) return 17;
    if (std::holds_alternative<Icmp>(*next)) return in_ipv6(index + 1) ? 58 : 1;
    return std::holds_alternative<Ipv6>(*next) ? 41 : 4;
  }

  Bytes pseudo_header(std::size_t index, std::uint8_t protocol, std::size_t size) const {
    Bytes pseudo;
    const Layer* ip = ip_above(index);
    if (!ip) return pseudo;
    if (const Ipv4* v4 = std::get_if<Ipv4>(ip)) {
      put(pseudo, v4->src.octets);
      put(pseudo, v4->dst.octets);
      put16(pseudo, protocol);
      put16(pseudo, static_cast<std::uint32_t>(size));
    } else {
      put(pseudo, std::get<Ipv6>(*ip).src.octets);
      put(pseudo, std::get<Ipv6>(*ip).dst.octets);
      put32(pseudo, static_cast<std::uint32_t>(size));
      put32(pseudo, protocol);
    }
    return pseudo;
  }

  // Puts the wanted checksum, or the right one, at `at` of the finished header.
  static Bytes sealed(Bytes header, std::size_t at, std::optional<std::uint16_t> wanted, Bytes pseudo,
                      const Bytes& behind) {
    put(pseudo, header);
    put(pseudo, behind);
    const std::uint16_t value = wanted.value_or(internet_checksum(pseudo));
    header[at] = static_cast<std::uint8_t>(value >> 8);
    header[at + 1] = static_cast<std::uint8_t>(value);
    put(header, behind);
    return header;
  }

  Bytes serialise(const Eth& eth, std::size_t index, const Bytes& behind) const {
    Bytes out;
    put(out, eth.dst.octets);
    put(out, eth.src.octets);
    put16(out, eth.type.value_or(ether_type_below(index)));
    put(out, behind);
    return out;
  }

  Bytes serialise(const Vlan& tag, std::size_t index, const Bytes& behind) const {
    Bytes out;
    put16(out, static_cast<std::uint32_t>(tag.priority << 13 | tag.id));
    put16(out, tag.type.value_or(ether_type_below(index)));
    put(out, behind);
    return out;
  }

  Bytes serialise(const Arp& arp, std::size_t, const Bytes& behind) const {
    Bytes out = {0, 1, 8, 0, 6, 4};
    put16(out, arp.operation);
    put(out, arp.sender_mac.octets);
    put(out, arp.sender.octets);
    put(out, arp.target_mac.octets);
    put(out, arp.target.octets);
    put(out, behind);
    return out;
  }

  Bytes serialise(const Ipv4& ip, std::size_t index, const Bytes& behind) const {
    Bytes out, options = ip.options;
    while (options.size() % 4 != 0) options.push_back(0);
    const std::size_t size = 20 + options.size();
    out.push_back(static_cast<std::uint8_t>(ip.version << 4 | ip.ihl.value_or(size / 4)));
    out.push_back(ip.service);
    put16(out, ip.total_length.value_or(size + behind.size()));
    put16(out, ip.id);
    put16(out, static_cast<std::uint32_t>((ip.df ? 0x4000 : 0) | (ip.mf ? 0x2000 : 0) | ip.offset));
    out.push_back(ip.ttl);
    out.push_back(ip.protocol.value_or(protocol_below(index)));
    put16(out, 0);
    put(out, ip.src.octets);
    put(out, ip.dst.octets);
    put(out, options);
    out = sealed(std::move(out), 10, ip.checksum, {}, {});
    put(out, behind);
    return out;
  }

  Bytes serialise(const Ipv6& ip, std::size_t index, const Bytes& behind) const {
    Bytes out;
    put32(out, std::uint32_t{ip.version} << 28 | std::uint32_t{ip.traffic_class} << 20 | ip.flow_label);
    put16(out, ip.payload_length.value_or(behind.size()));
    out.push_back(ip.next.value_or(protocol_below(index)));
    out.push_back(ip.hop_limit);
    put(out, ip.src.octets);
    put(out, ip.dst.octets);
    put(out, behind);
    return out;
  }

  Bytes serialise(const Extension& extension, std::size_t index, const Bytes& behind) const {
    Bytes out, body = extension.body;
    while ((body.size() + 2) % 8 != 0) body.push_back(0);
    out.push_back(extension.next.value_or(protocol_below(index)));
    out.push_back(extension.length.value_or((body.size() + 2) / 8 - 1));
    put(out, body);
    put(out, behind);
    return out;
  }

  Bytes serialise(const Fragment6& fragment, std::size_t index, const Bytes& behind) const {
    Bytes out;
    out.push_back(fragment.next.value_or(protocol_below(index)));
    out.push_back(0);
    put16(out, static_cast<std::uint32_t>(fragment.offset << 3 | (fragment.more ? 1 : 0)));
    put32(out, fragment.id);
    put(out, behind);
    return out;
  }

  Bytes serialise(const Tcp& tcp, std::size_t index, const Bytes& behind) const {
    Bytes out, options = tcp.options;
    while (options.size() % 4 != 0) options.push_back(0);
    put16(out, tcp.sport);
    put16(out, tcp.dport);
    put32(out, tcp.seq);
    put32(out, tcp.ack);
    out.push_back(static_cast<std::uint8_t>(tcp.data_offset.value_or((20 + options.size()) / 4) << 4));
    out.push_back(tcp.flags);
    put16(out, tcp.window);
    put16(out, 0);
    put16(out, tcp.urgent);
    put(out, options);
    Bytes pseudo = pseudo_header(index, 6, out.size() + behind.size());
    return sealed(std::move(out), 16, tcp.checksum, std::move(pseudo), behind);
  }

  Bytes serialise(const Udp& udp, std::size_t index, const Bytes& behind) const {
    Bytes out;
    put16(out, udp.sport);
    put16(out, udp.dport);
    put16(out, udp.length.value_or(8 + behind.size()));
    put16(out, 0);
    Bytes pseudo = pseudo_header(index, 17, 8 + behind.size());
    out = sealed(std::move(out), 6, udp.checksum, std::move(pseudo), behind);
    if (!udp.checksum && out[6] == 0 && out[7] == 0) out[6] = out[7] = 0xff;
    return out;
  }

  Bytes serialise(const Icmp& icmp, std::size_t index, const Bytes& behind) const {
    Bytes out = {icmp.type, icmp.code};
    put16(out, 0);
    put16(out, icmp.id);
    put16(out, icmp.sequence);
    Bytes pseudo = in_ipv6(index) ? pseudo_header(index, 58, 8 + behind.size()) : Bytes{};
    return sealed(std::move(out), 2, icmp.checksum, std::move(pseudo), behind);
  }

  Bytes serialise(const Raw& raw, std::size_t, const Bytes& behind) const {
    Bytes out = raw.data;
    put(out, behind);
    return out;
  }

  std::vector<Layer> layers_;
};

// Eth{} / Ipv4{} / Tcp{}: the first two layers make a packet, each further one is appended.
template <class Outer, class Inner>
requires std::constructible_from<Layer, Outer> && std::constructible_from<Layer, Inner> Packet operator/(Outer outer,
                                                                                                         Inner inner) {
  Packet packet{Layer{std::move(outer)}};
  return packet /= Layer{std::move(inner)};
}

template <class Inner>
requires std::constructible_from<Layer, Inner> Packet operator/(Packet outer, Inner inner) {
  return outer /= Layer{std::move(inner)};
}

}  // namespace twinpath::test
