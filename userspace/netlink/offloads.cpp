#include "netlink/offloads.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "netlink/device.hpp"

namespace twinpath::netlink {
namespace {

using Requests = std::vector<FeatureRequest>;

constexpr const char* kVlan[] = {"rx-vlan-hw-parse", "tx-vlan-hw-insert", "rx-vlan-stag-hw-parse",
                                 "tx-vlan-stag-hw-insert"};
constexpr const char* kMerging[] = {"rx-lro", "rx-gro-hw"};
constexpr const char* kChecksum[] = {"tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6",
                                     "tx-checksum-sctp"};
template <class Names>
void want(Requests& requests, const Names& names, bool on) {
  for (const char* name : names) requests.push_back({name, on});
}

Requests wanted_of_device(bool generic, const Features&) {
  Requests requests;
  want(requests, kVlan, false);
  want(requests, kMerging, false);
  if (generic) requests.push_back({"rx-gro", false});
  return requests;
}

// Every kernel brings another protocol's segmentation ("tx-tcp-accecn-segmentation" in 6.18): matched, not listed.
bool is_segmentation(const std::string& feature) {
  return feature.starts_with("tx-") && feature.ends_with("-segmentation");
}

Requests wanted_of_peer(bool generic, const Features& features) {
  Requests requests;
  want(requests, kVlan, false);
  want(requests, kChecksum, false);
  for (const auto& [name, feature] : features)
    if (generic && is_segmentation(name)) requests.push_back({name, false});
  requests.push_back({"rx-gro", true});
  return requests;
}

// Those of `wanted` that the device has and holds otherwise.
Requests needed(const Features& features, const Requests& wanted) {
  Requests requests;
  for (const FeatureRequest& request : wanted) {
    auto found = features.find(request.feature);
    if (found == features.end()) continue;
    const Feature& feature = found->second;
    // Off now but wanted: it would come back by itself when what holds it down goes away.
    bool differs = feature.active != request.on || feature.wanted != request.on;
    if (feature.available && differs) requests.push_back(request);
  }
  return requests;
}

using Wanted = Requests (*)(bool generic, const Features& features);

// Plans for one device of the calling thread's namespace.
Status plan_device(OffloadTarget target, Wanted wanted_of, bool generic, OffloadPlan& plan) {
  auto features = read_features(target.device);
  if (!features) return pass_on(features.error());
  target.wanted = wanted_of(generic, *features);
  target.needed = needed(*features, target.wanted);
  for (const FeatureRequest& request : target.needed)
    plan.changes.push_back(
        {target.device, target.ifindex, target.netns, request.feature, features->at(request.feature).wanted});
  plan.targets.push_back(std::move(target));
  return {};
}

Status plan_peer(const Link& link, bool generic, OffloadPlan& plan) {
  auto peer = find_peer(link);
  if (!peer) return pass_on(peer.error());
  auto netns = *peer ? find_netns((*peer)->netns) : std::nullopt;
  if (!netns) {
    plan.problems.push_back(
        fmt::format("device {}: the other end of the veth is in a namespace that cannot be reached; there, run: "
                    "ethtool -K DEVICE tx off txvlan off rxvlan off gro on",
                    link.name));
    return {};
  }
  plan.peer_reached = true;
  return run_in_netns(*netns, [&] {
    return plan_device({(*peer)->name, (*peer)->ifindex, (*peer)->netns, {}, {}}, wanted_of_peer, generic, plan);
  });
}

// Changes one device of the calling thread's namespace.
Status apply_here(const OffloadTarget& target, std::vector<std::string>& problems) {
  if (!target.needed.empty())
    if (Status written = write_features(target.device, target.needed); !written) return written;
  auto after = read_features(target.device);
  if (!after) return pass_on(after.error());
  for (const FeatureRequest& request : target.wanted) {
    auto found = after->find(request.feature);
    if (found == after->end() || found->second.active == request.on) continue;
    problems.push_back(
        fmt::format("device {}: {} stays {}", target.device, request.feature, request.on ? "off" : "on"));
  }
  return {};
}

Status apply_target(const OffloadTarget& target, std::vector<std::string>& problems) {
  auto netns = find_netns(target.netns);
  if (!netns) return fail(ENODEV, "find the network namespace of {}", target.device);
  return run_in_netns(*netns, [&] { return apply_here(target, problems); });
}

// The device may have been renamed since.
Status restore_here(const std::vector<OffloadChange>& changes) {
  auto link = find_device(changes.front().ifindex);
  if (!link) return pass_on(link.error());
  Requests requests;
  for (const OffloadChange& change : changes) requests.push_back({change.feature, change.before});
  return write_features(link->name, requests);
}

bool means_gone(const Error& error) { return error.code == ENODEV; }

}  // namespace

Result<OffloadPlan> plan_offloads(const std::string& device, bool generic) {
  auto link = find_device(device);
  if (!link) return pass_on(link.error());
  auto own = own_netns();
  if (!own) return pass_on(own.error());
  OffloadPlan plan;
  plan.has_peer = link->kind == "veth";
  Status planned = plan_device({link->name, link->ifindex, *own, {}, {}}, wanted_of_device, generic, plan);
  if (planned && plan.has_peer) planned = plan_peer(*link, generic, plan);
  if (!planned) return pass_on(Error{planned.error()}.in(fmt::format("plan offloads of {}", device)));
  for (OffloadChange& change : plan.changes) change.done_for = link->name;
  return plan;
}

Result<std::vector<std::string>> apply_offloads(const OffloadPlan& plan) {
  std::vector<std::string> problems;
  for (const OffloadTarget& target : plan.targets) {
    Status applied = apply_target(target, problems);
    if (applied) continue;
    (void)restore_offloads(plan.changes);  // the first fault is the one to tell
    return pass_on(Error{applied.error()}.in(fmt::format("fix offloads of {}", plan.targets.front().device)));
  }
  return problems;
}

std::vector<OffloadChange> take_changes_for(std::vector<OffloadChange>& changes, const std::string& device,
                                            const std::vector<KeptDevice>& kept) {
  std::vector<OffloadChange> taken;
  std::vector<OffloadChange> left;
  for (OffloadChange& change : changes) {
    const auto holder = std::ranges::find_if(
        kept, [&](const KeptDevice& other) { return other.ifindex == change.ifindex && other.netns == change.netns; });
    const bool concerned = change.done_for == device;
    if (concerned && holder != kept.end()) change.done_for = holder->name;
    (concerned && holder == kept.end() ? taken : left).push_back(std::move(change));
  }
  changes = std::move(left);
  return taken;
}

Status restore_offloads(const std::vector<OffloadChange>& changes) {
  Status first_fault;
  std::vector<OffloadChange> left(changes.rbegin(), changes.rend());
  while (!left.empty()) {
    // The newest change and those of the same device next to it go in one request.
    auto same = [&](const OffloadChange& c) { return c.ifindex == left[0].ifindex && c.netns == left[0].netns; };
    auto end = std::find_if_not(left.begin(), left.end(), same);
    std::vector<OffloadChange> group(left.begin(), end);
    left.erase(left.begin(), end);
    auto netns = find_netns(group.front().netns);
    if (!netns) continue;
    Status restored = run_in_netns(*netns, [&] { return restore_here(group); });
    if (!restored && !means_gone(restored.error()) && first_fault)
      first_fault = pass_on(Error{restored.error()}.in("restore offloads of " + group.front().device));
  }
  return first_fault;
}

}  // namespace twinpath::netlink
