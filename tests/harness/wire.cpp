#include "harness/wire.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "harness/packet.hpp"

namespace twinpath::test {
namespace {

constexpr int kReceiveBytes = 128 << 20;
constexpr std::size_t kFrameMax = 65536 + 64;
constexpr std::size_t kEthernet = 14, kIpv4 = 20, kIpv6 = 40;
constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1, kIcmpv6 = 58;

[[noreturn]] void throw_errno(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

UniqueFd open_packet_socket(const TestNamespace& part, const std::string& device, std::uint16_t protocol) {
  UniqueFd fd;
  part.inside([&] {
    fd.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!fd) throw_errno("packet socket");
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) throw_errno("bind to " + device);
  });
  return fd;
}

std::uint32_t get16(std::span<const std::uint8_t> at, std::size_t offset) { return at[offset] << 8U | at[offset + 1]; }

// The bytes behind the IP header, and what is summed before them.
struct Transport {
  std::span<const std::uint8_t> bytes;
  Bytes pseudo;
  std::uint8_t protocol = 0;
};

Transport transport4(std::span<const std::uint8_t> ip) {
  const std::size_t header = (ip[0] & 15U) * 4U, total = get16(ip, 2);
  const bool fragment = (get16(ip, 6) & 0x3fffU) != 0;
  if (fragment || total < header || total > ip.size()) return {};
  Transport found{ip.subspan(header, total - header), {}, ip[9]};
  put(found.pseudo, ip.subspan(12, 8));
  put16(found.pseudo, found.protocol);
  put16(found.pseudo, static_cast<std::uint32_t>(found.bytes.size()));
  return found;
}

Transport transport6(std::span<const std::uint8_t> ip) {
  const std::size_t size = get16(ip, 4);
  if (kIpv6 + size > ip.size()) return {};
  Transport found{ip.subspan(kIpv6, size), {}, ip[6]};
  put(found.pseudo, ip.subspan(8, 32));
  put32(found.pseudo, static_cast<std::uint32_t>(size));
  put32(found.pseudo, found.protocol);
  return found;
}

bool transport_right(Transport transport) {
  const bool udp_without = transport.protocol == kUdp && transport.bytes.size() >= 8 && get16(transport.bytes, 6) == 0;
  if (transport.protocol == kIcmp) transport.pseudo.clear();
  switch (transport.protocol) {
    case kUdp:
      if (udp_without) return true;
      [[fallthrough]];
    case kTcp:
    case kIcmp:
    case kIcmpv6: put(transport.pseudo, transport.bytes); return internet_checksum(transport.pseudo) == 0;
    default: return true;
  }
}

std::string address(int family, const std::uint8_t* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(family, bytes, text, sizeof(text));
  return text;
}

}  // namespace

Listener::Listener(const TestNamespace& part, const std::string& device, std::function<void(const Heard&)> visit)
    : socket_(open_packet_socket(part, device, ETH_P_ALL)), visit_(std::move(visit)), thread_([this] { listen(); }) {}

void Listener::listen() {
  std::vector<std::uint8_t> room(kFrameMax);
  pollfd waiting{socket_.get(), POLLIN, 0};
  for (;;) {
    const bool last = stopping_.load();
    alignas(cmsghdr) std::array<char, 256> control{};
    sockaddr_ll from{};
    iovec piece{room.data(), room.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
    if (size < 0) {
      if (last) return;
      ::poll(&waiting, 1, 20);
      continue;
    }
    Heard heard{{room.data(), static_cast<std::size_t>(size)}, from.sll_pkttype == PACKET_OUTGOING, false};
    for (const cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(part))) {
      tpacket_auxdata facts{};
      if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
      std::memcpy(&facts, CMSG_DATA(part), sizeof(facts));
      heard.checksum_unfinished = (facts.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
    }
    visit_(heard);
  }
}

void Listener::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  thread_.join();
  tpacket_stats statistics{};
  socklen_t size = sizeof(statistics);
  ::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
  missed_ = statistics.tp_drops;
}

Sender::Sender(const TestNamespace& part, const std::string& device) : socket_(open_packet_socket(part, device, 0)) {}

void Sender::send(std::span<const std::uint8_t> frame) const {
  if (::send(socket_.get(), frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size()))
    throw_errno("send a frame");
}

std::size_t Sender::flood(std::span<const Bytes> frames) const {
  constexpr std::size_t kBatch = 256;
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> pieces{};
  std::size_t taken = 0;
  for (std::size_t first = 0; first < frames.size(); first += kBatch) {
    const std::size_t count = std::min(kBatch, frames.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      pieces[i] = {const_cast<std::uint8_t*>(frames[first + i].data()), frames[first + i].size()};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = ::sendmmsg(socket_.get(), messages.data(), static_cast<unsigned>(count), 0);
    if (sent > 0) taken += static_cast<std::size_t>(sent);
  }
  return taken;
}

bool checksums_right(std::span<const std::uint8_t> frame) {
  if (frame.size() < kEthernet) return true;
  const std::uint32_t type = get16(frame, 12);
  const auto ip = frame.subspan(kEthernet);
  if (type == ETHERTYPE_IP && ip.size() >= kIpv4) {
    const std::size_t header = (ip[0] & 15U) * 4U;
    if (header > ip.size() || internet_checksum(ip.first(header)) != 0) return false;
    return transport_right(transport4(ip));
  }
  if (type == ETHERTYPE_IPV6 && ip.size() >= kIpv6) return transport_right(transport6(ip));
  return true;
}

FlowName flow_name(std::span<const std::uint8_t> frame) {
  if (frame.size() < kEthernet + kIpv4) return {};
  const std::uint32_t type = get16(frame, 12);
  const auto ip = frame.subspan(kEthernet);
  const bool v4 = type == ETHERTYPE_IP;
  if (!v4 && (type != ETHERTYPE_IPV6 || ip.size() < kIpv6)) return {};
  const Transport transport = v4 ? transport4(ip) : transport6(ip);
  if ((transport.protocol != kTcp && transport.protocol != kUdp) || transport.bytes.size() < 4) return {};
  const int family = v4 ? AF_INET : AF_INET6;
  const std::size_t at = v4 ? 12 : 8, size = v4 ? 4 : 16;
  return {address(family, &ip[at]), address(family, &ip[at + size]),
          static_cast<std::uint16_t>(get16(transport.bytes, 0)), static_cast<std::uint16_t>(get16(transport.bytes, 2)),
          transport.protocol};
}

FlowLedger::FlowLedger(const TestNamespace& part, const std::string& device)
    : listener_(part, device, [this](const Heard& heard) {
        FlowName name = flow_name(heard.frame);
        if (name.protocol == 0) return;
        Amount& amount = amounts_[std::move(name)];
        ++amount.packets;
        amount.bytes += heard.frame.size();
      }) {}

const std::map<FlowName, Amount>& FlowLedger::close() {
  listener_.stop();
  if (listener_.missed() != 0) throw std::runtime_error("the ledger of frames has missed some");
  return amounts_;
}

}  // namespace twinpath::test
