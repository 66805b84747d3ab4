#include "fib/route_set.hpp"

#include <cstring>
#include <utility>

namespace twinpath {
namespace {

template <class Value>
std::uint64_t word_of(const Value& value) {
  std::uint64_t word = 0;
  static_assert(sizeof word == sizeof value);
  std::memcpy(&word, &value, sizeof word);
  return word;
}

std::vector<std::uint64_t> key_of(const std::vector<dp_path>& paths) {
  std::vector<std::uint64_t> key;
  key.reserve(paths.size());
  for (const dp_path& path : paths) key.push_back(word_of(path));
  return key;
}

}  // namespace

RouteSet::RouteSet(std::span<dp_route> routes, std::span<dp_path> paths)
    : routes_(routes),
      paths_(paths),
      free_routes_(1, static_cast<std::uint32_t>(routes.size())),
      free_paths_(1, static_cast<std::uint32_t>(paths.size())) {}

Result<std::uint16_t> RouteSet::hold(const RouteValue& value) {
  const RunKey run_key = key_of(value.paths);
  dp_route route = value.route;
  route.first_path = 0;
  route.path_count = static_cast<__u8>(value.paths.size());
  if (!value.paths.empty()) {
    auto run = hold_run(value.paths, run_key);
    if (!run) return pass_on(std::move(run.error()).in("paths of routes"));
    route.first_path = static_cast<__u16>(run->first);
  }
  const Key key{word_of(route)};
  if (const auto known = numbers_.find(key); known != numbers_.end()) {
    if (!run_key.empty()) drop_run(run_key);  // the route holds it already
    ++held_.at(known->second).users;
    return known->second;
  }
  auto number = free_routes_.take(1);
  if (!number) {
    if (!run_key.empty()) drop_run(run_key);
    return pass_on(std::move(number.error()).in("different routes"));
  }
  const auto index = static_cast<std::uint16_t>(number->first);
  routes_[index] = route;
  numbers_.emplace(key, index);
  held_.emplace(index, Held{key, run_key, 1});
  return index;
}

void RouteSet::drop(std::uint16_t number) {
  const auto found = held_.find(number);
  if (found == held_.end() || --found->second.users != 0) return;
  numbers_.erase(found->second.key);
  if (!found->second.run.empty()) drop_run(found->second.run);
  held_.erase(found);
  retired_routes_.push_back({number, 1});
}

Result<Run> RouteSet::hold_run(const std::vector<dp_path>& paths, const RunKey& key) {
  if (const auto known = runs_.find(key); known != runs_.end()) {
    ++known->second.users;
    return known->second.run;
  }
  auto run = free_paths_.take(static_cast<std::uint32_t>(paths.size()));
  if (!run) return run;
  std::copy(paths.begin(), paths.end(), paths_.begin() + run->first);
  runs_.emplace(key, Shared{*run, 1});
  return run;
}

void RouteSet::drop_run(const RunKey& key) {
  const auto found = runs_.find(key);
  if (--found->second.users != 0) return;
  retired_paths_.push_back(found->second.run);
  runs_.erase(found);
}

void RouteSet::recycle() {
  for (const Run& run : std::exchange(retired_routes_, {})) free_routes_.give_back(run);
  for (const Run& run : std::exchange(retired_paths_, {})) free_paths_.give_back(run);
}

}  // namespace twinpath
