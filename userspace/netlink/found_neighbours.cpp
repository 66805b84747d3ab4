#include "netlink/found_neighbours.hpp"

#include <algorithm>

#include "netlink/dumper.hpp"
#include "netlink/neighbour.hpp"

namespace twinpath::netlink {

FoundNeighbours find_neighbours(const std::string& device, std::uint32_t ifindex,
                                const std::map<NeighbourKey, Neighbour>& all) {
  FoundNeighbours found{device, ifindex, {}};
  for (const auto& [key, neighbour] : all)
    if (key.ifindex == ifindex) found.managed[key.address] = neighbour.managed;
  return found;
}

Status put_neighbours_back(const std::vector<FoundNeighbours>& found) {
  if (found.empty()) return {};
  auto dumper = Dumper::open();
  if (!dumper) return pass_on(std::move(dumper.error()));
  auto neighbours = dumper->neighbours();
  if (!neighbours) return pass_on(Error{neighbours.error()}.in("put neighbours back"));
  auto resolver = Resolver::open();
  if (!resolver) return pass_on(std::move(resolver.error()));
  for (const Neighbour& neighbour : *neighbours) {
    const auto device = std::ranges::find(found, neighbour.key.ifindex, &FoundNeighbours::ifindex);
    if (!neighbour.managed || device == found.end()) continue;
    const auto before = device->managed.find(neighbour.key.address);
    if (before == device->managed.end())
      resolver->remove(neighbour.key);
    else if (!before->second)
      resolver->release(neighbour.key);
  }
  return resolver->flush();
}

}  // namespace twinpath::netlink
