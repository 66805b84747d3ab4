// ip_view.hpp - the state of a namespace as sorted lines of text, once as the Mirror has it, once as iproute2 shows it.
//
// The twin of Mirror: written from the JSON of `ip`, which asks the kernel afresh. Lines of one prefix keep the
// kernel's order of precedence; the paths of one route are sorted, as their order means nothing. Neighbours without ARP
// are left out: Linux makes them (broadcast, point to point) and does not announce them.
#pragma once

#include <string>
#include <vector>

#include "harness/namespace.hpp"
#include "netlink/mirror.hpp"

namespace twinpath::test {

using Lines = std::vector<std::string>;

struct View {
  Lines links;
  Lines addresses;
  Lines routes;
  Lines rules;  // in the order in which Linux asks them
  Lines neighbours;

  bool operator==(const View&) const = default;
};

[[nodiscard]] View view_of(const netlink::Mirror& mirror);
[[nodiscard]] View view_of(const TestNamespace& space);
// Lines of one that the other lacks, for a failure's message; empty when equal.
[[nodiscard]] std::string difference(const View& mirror, const View& linux_view);

}  // namespace twinpath::test
