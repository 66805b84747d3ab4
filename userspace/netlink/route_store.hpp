// route_store.hpp - routes as the kernel keeps them: per prefix an ordered list, the first usable one wins.
//
// Linux announces the replaced, the appended and the prepended route, but never the one that a replacement removes.
// So the store follows the kernel's own rules for lists of equal prefix and metric:
//   IPv4  net/ipv4/fib_trie.c, fib_table_insert: replace takes the place of the first; append goes behind; else in front.
//   IPv6  net/ipv6/ip6_fib.c, fib6_add_rt2node: routes by gateway join one multipath route, announced whole;
//         others are appended; replace takes the first of its own sort, else the first, and may so become the twin of
//         another. Twins are told apart only by a dump.
// Every step may be repeated or applied to a state that is newer than it, as long as all later steps follow: that is
// what a dump plus the announcements made meanwhile amounts to.
//
// Pure: no socket. Thread: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "netlink/state.hpp"

namespace twinpath::netlink {

enum class RouteChange : std::uint8_t {
  listed,   // part of a dump: order of arrival is order of precedence
  put,      // announced without a flag: IPv4 in front, IPv6 behind
  append,   // NLM_F_APPEND
  replace,  // NLM_F_REPLACE
};

class RouteStore {
 public:
  struct Key {
    std::uint32_t table = 0;
    Prefix prefix;
    Prefix from;
    auto operator<=>(const Key&) const = default;
  };
  using Keys = std::set<Key>;
  // Best first: by metric, then in the kernel's order. Never empty.
  using List = std::vector<Route>;

  // True when the store changed.
  bool add(const Route& route, RouteChange change);
  // True when an announcement (for a deletion `change` is put) need not tell the whole truth about the routes beside
  // it, so that a dump must. IPv6: routes of both sorts, by gateway and not, share prefix and metric. Both families: a
  // changed nexthop object announces its routes as replacements (fib_info_notify_update, fib6_rt_update).
  [[nodiscard]] bool doubtful(const Route& route, RouteChange change) const;
  // Takes away the route, or of an IPv6 multipath route the paths that `route` names.
  bool remove(const Route& route);
  // Takes away what depends on a nexthop object that is gone; adds the keys of the lists that changed to `changed`.
  void remove_nexthop(std::uint32_t id, Keys& changed);
  // Makes the routes with a path over `ifindex` equal to `fresh`, keeping the order of those that stay: devices going
  // up and down change and remove routes without any announcement. uses_device(route) tells which ones those are: the
  // caller knows the nexthop objects. Adds the keys of the lists that changed to `changed`.
  template <class UsesDevice>
  void reconcile(const UsesDevice& uses_device, std::uint32_t ifindex, std::span<const Route> fresh, Keys& changed);

  [[nodiscard]] const std::map<Key, List>& lists() const { return lists_; }
  [[nodiscard]] const List* find(const Key& key) const;
  [[nodiscard]] std::size_t size() const;
  bool operator==(const RouteStore&) const = default;

 private:
  // What becomes of a stored route over a device that a fresh dump was taken of.
  bool refresh(Route& stored, std::uint32_t ifindex, std::span<const Route> fresh, std::vector<bool>& seen);

  std::map<Key, List> lists_;
};

// The same route, whatever the present state of its paths: what a deletion or a second announcement refers to.
[[nodiscard]] bool same_route(const Route& a, const Route& b);

[[nodiscard]] inline RouteStore::Key key_of(const Route& route) { return {route.table, route.prefix, route.from}; }

template <class UsesDevice>
void RouteStore::reconcile(const UsesDevice& uses_device, std::uint32_t ifindex, std::span<const Route> fresh,
                           Keys& changed) {
  std::vector<bool> seen(fresh.size(), false);
  for (auto entry = lists_.begin(); entry != lists_.end();) {
    List& list = entry->second;
    bool differs = false;
    auto gone = [&](Route& route) {
      if (!uses_device(route)) return false;
      Route before = route;
      bool stays = refresh(route, ifindex, fresh, seen);
      differs |= !stays || !(route == before);
      return !stays;
    };
    std::erase_if(list, gone);
    if (differs) changed.insert(entry->first);
    entry = list.empty() ? lists_.erase(entry) : std::next(entry);
  }
  for (std::size_t i = 0; i < fresh.size(); ++i)
    if (!seen[i] && add(fresh[i], RouteChange::listed)) changed.insert(key_of(fresh[i]));
}

}  // namespace twinpath::netlink
