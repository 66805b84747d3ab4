#include "bench/pktgen/netns.hpp"

#include <fcntl.h>

#include <cerrno>

#include "netlink/netns.hpp"

namespace twinpath::pktgen {

Status in_netns(const std::string& name, const std::function<Status()>& work) {
  if (name.empty()) return work();
  netlink::Netns netns;
  netns.path = name.find('/') == std::string::npos ? "/run/netns/" + name : name;
  netns.fd.reset(::open(netns.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns.fd) return fail(errno, "open network namespace {}", netns.path);
  return netlink::run_in_netns(netns, work);
}

}  // namespace twinpath::pktgen
