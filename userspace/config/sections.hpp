// sections.hpp - one function per part of the document: JSON in, typed part out, faults on the side.
#pragma once

#include "config/config.hpp"
#include "config/object_reader.hpp"

namespace twinpath {

void read_ports(ObjectReader& root, Config& config);
// Call after read_ports(): a zone exists when `zones` or a port names it. Adds host.
void read_zones(ObjectReader& root, Config& config);
// Call after read_zones().
void read_rules(ObjectReader& root, Config& config);
void read_flows(ObjectReader& root, FlowsConfig& flows);
void read_engine(ObjectReader& root, EngineConfig& engine);
// `name` of the instance is part of the default socket path.
void read_api(ObjectReader& root, std::string_view name, ApiConfig& api);
void read_safety(ObjectReader& root, SafetyConfig& safety);

}  // namespace twinpath
