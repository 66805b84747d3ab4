#include "control/publish/reload_plan.hpp"

#include "control/life/start_only.hpp"
#include "control/ports/port_set.hpp"

namespace twinpath {
tl::expected<ReloadPlan, std::vector<Fault>> plan_reload(const ReloadBase& base, Config next) {
  if (auto faults = start_only_changes(base.running, next); !faults.empty()) return tl::unexpected(std::move(faults));
  auto ports = plan_ports(base.running, next, base.numbers);
  if (!ports) return tl::unexpected(std::vector<Fault>{{"ports", ports.error().text}});
  auto image = compile(next, ports->numbers);
  if (!image) return tl::unexpected(std::vector<Fault>{std::move(image.error())});
  ReloadPlan plan{std::move(next), std::move(*image), std::move(*ports), {}};
  std::vector<Fault> faults;
  for (const std::size_t index : plan.ports.added) {
    const PortConfig& wanted = plan.next.ports[index];
    auto port = PortSet::survey(wanted, plan.image, {plan.next.engine.frame_bytes, base.pins});
    if (port)
      plan.added.push_back(std::move(*port));
    else
      faults.push_back({element_path("ports", index), port.error().text});
  }
  if (!faults.empty()) return tl::unexpected(std::move(faults));
  return plan;
}

}  // namespace twinpath
