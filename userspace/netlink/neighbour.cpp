#include "netlink/neighbour.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

#include <optional>
#include <utility>

#include "netlink/parse.hpp"

namespace twinpath::netlink {
namespace {

// A request takes 40 to 60 bytes. Refusals repeat theirs behind a header, and all of a batch's refusals must fit into
// the receive buffer, since the kernel answers while it takes the batch.
constexpr std::size_t kBatchBytes = 16 * 1024;
constexpr int kReceiveBytes = 4 << 20;

int family_of(const NeighbourKey& key) { return key.address.family == DP_FAMILY_V4 ? AF_INET : AF_INET6; }

Message make_neighbour_request(const NeighbourKey& key, int flags, std::uint8_t neighbour_flags,
                               std::uint32_t extended_flags, int type = RTM_NEWNEIGH) {
  ndmsg head{};
  head.ndm_family = static_cast<std::uint8_t>(family_of(key));
  head.ndm_ifindex = static_cast<std::int32_t>(key.ifindex);
  head.ndm_state = NUD_NONE;
  head.ndm_flags = neighbour_flags;
  Message request = make_request(type, flags, head);
  nla_put(request.get(), NDA_DST, key.address.family == DP_FAMILY_V4 ? 4 : 16, &key.address.address);
  if (extended_flags != 0) nla_put_u32(request.get(), NDA_FLAGS_EXT, extended_flags);
  return request;
}

// Linux before 5.16 refuses the attribute NDA_FLAGS_EXT (EINVAL) before it looks for the device (ENODEV).
bool kernel_manages(Socket& socket) {
  NeighbourKey nobody{0x7fffffff, parse_address("192.0.2.1")};
  Status refused = socket.transact(make_neighbour_request(nobody, NLM_F_CREATE, 0, NTF_EXT_MANAGED), [](auto&) {});
  return !refused && refused.error().code == ENODEV;
}

// The refused request stands behind the error code.
std::optional<NeighbourRefusal> refusal_in(const nlmsghdr& message) {
  if (message.nlmsg_type != NLMSG_ERROR || nlmsg_datalen(&message) < static_cast<int>(sizeof(nlmsgerr))) return {};
  const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(&message));
  if (error->error == 0) return {};
  if (nlmsg_datalen(&message) < static_cast<int>(sizeof(int) + error->msg.nlmsg_len)) return {};
  auto asked = parse_neighbour(error->msg);
  if (!asked) return {};
  bool creates = (error->msg.nlmsg_flags & NLM_F_CREATE) != 0;
  if (!creates && (error->error == -ENOENT || error->error == -ENODEV)) return {};
  return NeighbourRefusal{asked->key, -error->error};
}

}  // namespace

bool wants_resolving(const Neighbour* known) { return known == nullptr || !known->fixed(); }

Result<Resolver> Resolver::open() {
  auto socket = Socket::open(NETLINK_ROUTE);
  if (!socket) return pass_on(socket.error());
  socket->set_receive_buffer(kReceiveBytes);
  Resolver resolver{std::move(*socket)};
  resolver.manages_ = kernel_manages(resolver.socket_);
  return resolver;
}

void Resolver::resolve(const NeighbourKey& key) { add(key, NLM_F_CREATE, NTF_USE, 0); }

void Resolver::manage(const NeighbourKey& key) {
  if (manages_) return add(key, NLM_F_CREATE, 0, NTF_EXT_MANAGED);
  resolve(key);
}

// NTF_USE without the extended flag clears it and leaves state and MAC alone.
void Resolver::release(const NeighbourKey& key) {
  if (manages_) add(key, 0, NTF_USE, 0);
}

void Resolver::add(const NeighbourKey& key, int flags, std::uint8_t neighbour_flags, std::uint32_t extended_flags) {
  collect(make_neighbour_request(key, flags, neighbour_flags, extended_flags));
}

void Resolver::remove(const NeighbourKey& key) { collect(make_neighbour_request(key, 0, 0, 0, RTM_DELNEIGH)); }

void Resolver::collect(Message request) {
  const auto* bytes = reinterpret_cast<const std::byte*>(nlmsg_hdr(request.get()));
  batch_.insert(batch_.end(), bytes, bytes + NLMSG_ALIGN(nlmsg_hdr(request.get())->nlmsg_len));
  if (batch_.size() < kBatchBytes) return;
  if (Status sent = flush(); !sent) unsent_ = std::move(sent);
}

Status Resolver::flush() {
  Status earlier = std::exchange(unsent_, {});
  std::vector<std::byte> batch = std::exchange(batch_, {});
  if (!batch.empty())
    if (Status sent = socket_.send(batch); !sent) return sent;
  return earlier;
}

Result<std::vector<NeighbourRefusal>> Resolver::process() {
  std::vector<NeighbourRefusal> refusals;
  for (;;) {
    auto datagram = socket_.receive();
    if (!datagram && datagram.error().code == ENOBUFS) continue;  // some refusals are lost: the Mirror shows no answer
    if (!datagram) return pass_on(datagram.error());
    if (datagram->empty()) return refusals;
    for_each_message(*datagram, [&](const nlmsghdr& message) {
      if (auto refusal = refusal_in(message)) refusals.push_back(*refusal);
    });
  }
}

}  // namespace twinpath::netlink
