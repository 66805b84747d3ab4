// route_set.hpp - the routes that trees lead to: equal ones stand once, so a million prefixes share some hundred.
//
// Shape     `routes` by number, 1.. ; the paths of a route are a run in `paths`, equal runs stand once.
// Life      hold() answers the number of a route and counts its users; drop() takes one away. A route that nobody uses is
//           free only after recycle(), which the caller calls when no reader can still have its number.
// Errors    a full array is refused; what is in it stays.
// Thread    one at a time. The datapaths read what is held.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "common/model/route.h"
#include "fib/arena.hpp"

namespace twinpath {

// A route with its paths; first_path and path_count of `route` are not used.
struct RouteValue {
  dp_route route{};
  std::vector<dp_path> paths;
};

class RouteSet {
 public:
  RouteSet(std::span<dp_route> routes, std::span<dp_path> paths);

  [[nodiscard]] Result<std::uint16_t> hold(const RouteValue& value);
  void drop(std::uint16_t number);
  void recycle();

  [[nodiscard]] std::size_t size() const { return numbers_.size(); }
  // Visits the paths in use, each run once.
  template <class Visit>
  void for_each_path(Visit&& visit) const {
    for (const auto& [run, shared] : runs_)
      for (const dp_path& path : paths_.subspan(shared.run.first, shared.run.count)) visit(path);
  }

 private:
  using RunKey = std::vector<std::uint64_t>;  // each path, whole
  struct Shared {
    Run run;
    std::uint32_t users = 0;
  };
  struct Key {
    std::uint64_t route = 0;  // all of it, with the first path of the run
    auto operator<=>(const Key&) const = default;
  };
  struct Held {
    Key key;
    RunKey run;
    std::uint32_t users = 0;
  };

  [[nodiscard]] Result<Run> hold_run(const std::vector<dp_path>& paths, const RunKey& key);
  void drop_run(const RunKey& key);

  std::span<dp_route> routes_;
  std::span<dp_path> paths_;
  Arena free_routes_;
  Arena free_paths_;
  std::map<Key, std::uint16_t> numbers_;
  std::map<std::uint16_t, Held> held_;
  std::map<RunKey, Shared> runs_;
  std::vector<Run> retired_routes_;
  std::vector<Run> retired_paths_;
};

}  // namespace twinpath
