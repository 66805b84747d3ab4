// dumper.hpp - asks Linux for whole lists: links, addresses, nexthops, rules, routes, neighbours.
//
// Blocks until the answer is complete (milliseconds; about a second for half a million routes). A list that changed
// while the kernel walked it is asked for again, a few times. What this kernel lacks is an empty list, not an error.
#pragma once

#include <optional>
#include <vector>

#include "netlink/socket.hpp"
#include "netlink/state.hpp"

namespace twinpath::netlink {

class Dumper {
 public:
  [[nodiscard]] static Result<Dumper> open();

  [[nodiscard]] Result<std::vector<Link>> links();
  [[nodiscard]] Result<std::vector<Address>> addresses();
  [[nodiscard]] Result<std::vector<Nexthop>> nexthops();
  // Both families, in the order in which they are asked.
  [[nodiscard]] Result<std::vector<RouteRule>> rules();
  // All tables, both families; with `ifindex`, only routes with a path over that device.
  [[nodiscard]] Result<std::vector<Route>> routes(std::uint32_t ifindex = 0);
  [[nodiscard]] Result<std::vector<Neighbour>> neighbours();
  [[nodiscard]] Result<Link> link(std::uint32_t ifindex);
  [[nodiscard]] Result<Link> link(const std::string& name);

  // Returns after every change of links that had begun before: the kernel announces a device's going down before it
  // changes the routes, both under one lock, and RTM_GETLINK waits for that lock.
  [[nodiscard]] Status wait_for_changes_under_way();

 private:
  explicit Dumper(Socket socket) : socket_(std::move(socket)) {}
  template <class T, class MakeRequest>
  Result<std::vector<T>> collect(const MakeRequest& make, std::optional<T> (*parse)(const nlmsghdr&));
  template <class T, class MakeRequest>
  Result<std::vector<T>> collect_families(const MakeRequest& make, std::optional<T> (*parse)(const nlmsghdr&));
  Result<Link> one_link(Message request, const std::string& wanted);

  Socket socket_;
};

}  // namespace twinpath::netlink
