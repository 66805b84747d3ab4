// json.hpp - snapshots as the JSON of /v1. Shapes: docs/rest.md.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "config/diff.hpp"
#include "telemetry/snapshot.hpp"

namespace twinpath {

[[nodiscard]] nlohmann::json status_json(const StatusSnapshot& status);
[[nodiscard]] nlohmann::json ports_json(std::span<const PortSnapshot> ports);
[[nodiscard]] nlohmann::json zones_json(std::span<const ZoneSnapshot> zones);
[[nodiscard]] nlohmann::json rules_json(std::span<const RuleSnapshot> rules);

// Reasons of the verdict drop that have counted something, both datapaths together and each alone.
[[nodiscard]] nlohmann::json drops_json(std::span<const ReasonSnapshot> reasons);

// Reasons of the verdict steer under which the kernel datapath has sent something to the engine.
[[nodiscard]] nlohmann::json steered_json(std::span<const ReasonSnapshot> reasons);

// The one engine as a list: its counters, packets by steer reason, and the frames.
[[nodiscard]] nlohmann::json engines_json(const EngineSnapshot& engine, std::span<const ReasonSnapshot> reasons,
                                          const LedgerSnapshot& ledger);

// What a reload changes in the rules and defaults.
[[nodiscard]] nlohmann::json policy_changes_json(const PolicyDiff& changes);

}  // namespace twinpath
