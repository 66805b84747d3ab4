#include <bit>

#include "base/paths.hpp"
#include "config/choices.hpp"
#include "config/number_fields.hpp"
#include "config/sections.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

constexpr std::size_t kSocketPathMax = 107;  // sun_path less its zero
constexpr std::size_t kPathMax = 4095;
constexpr std::uint32_t kBudgetMax = 100000000;
constexpr std::uint32_t kFramesMin = 1024;
constexpr std::uint32_t kFramesMax = 1048576;  // 2 GiB at 2048 bytes

void read_timeouts(ObjectReader& reader, TimeoutsConfig& timeouts) {
  for (const TimeoutField& field : kTimeoutFields) reader.integer(field.key, timeouts.*field.seconds, 1, kTimeoutMax);
}

void read_budget(ObjectReader& reader, BudgetConfig& budget) {
  for (const BudgetField& field : kBudgetFields) reader.integer(field.key, budget.*field.pps, 0, kBudgetMax);
}

void read_frames(ObjectReader& reader, EngineConfig& engine) {
  const json* value = reader.find("frames");
  if (value != nullptr) {
    const bool fits = value->is_number_unsigned() && *value >= kFramesMin && *value <= kFramesMax &&
                      std::has_single_bit(value->get<std::uint64_t>());
    if (fits)
      engine.frames = value->get<std::uint32_t>();
    else
      reader.fault("frames", *value, fmt::format("must be a power of two {}..{}", kFramesMin, kFramesMax));
  }
  const json* bytes = reader.find("frame_bytes");
  if (bytes == nullptr) return;
  if (bytes->is_number_unsigned() && (*bytes == 2048 || *bytes == 4096))
    engine.frame_bytes = bytes->get<std::uint32_t>();
  else
    reader.fault("frame_bytes", *bytes, "must be 2048 or 4096");
}

void read_http(ObjectReader& reader, ApiConfig& api) {
  const json* value = reader.find("http");
  if (value == nullptr) return;
  api.http = value->is_string() ? parse_endpoint(value->get_ref<const std::string&>()) : std::nullopt;
  if (!api.http || api.http->port == 0)
    return reader.fault("http", *value, "must be an address and a port, \"127.0.0.1:9080\" or \"[::1]:9080\"");
  if (!is_loopback(api.http->address))
    reader.fault("http", *value, "must be a loopback address: others need tls, which this version does not support");
}

}  // namespace

void read_flows(ObjectReader& root, FlowsConfig& flows) {
  root.section("flows", [&](ObjectReader& reader) {
    reader.integer("max_pairs_v4", flows.max_pairs_v4, kPairsMin, kPairsMax);
    reader.integer("max_pairs_v6", flows.max_pairs_v6, kPairsMin, kPairsMax);
    reader.share("half_open_share", flows.half_open_share);
    reader.choice("pickup", flows.pickup, kPickups);
    reader.integer("pickup_grace_s", flows.pickup_grace_s, 1, kTimeoutMax);
    reader.section("timeouts", [&](ObjectReader& inner) { read_timeouts(inner, flows.timeouts); });
  });
}

void read_engine(ObjectReader& root, EngineConfig& engine) {
  root.section("engine", [&](ObjectReader& reader) {
    const json* workers = reader.find("workers");
    if (workers != nullptr && !(workers->is_number_unsigned() && *workers == kWorkersMax))
      reader.fault("workers", *workers, "must be 1: more workers are not supported by this version");
    read_frames(reader, engine);
    reader.boolean("busy_poll", engine.busy_poll);
    reader.boolean("bursts", engine.bursts);
    reader.integer("hold_per_neighbour", engine.hold_per_neighbour, 0, 4096);
    reader.section("budget_pps", [&](ObjectReader& inner) { read_budget(inner, engine.budget_pps); });
  });
}

void read_api(ObjectReader& root, std::string_view name, ApiConfig& api) {
  api.unix_path = socket_path(std::string(name));
  root.section("api", [&](ObjectReader& reader) {
    reader.absolute_path("unix", api.unix_path, kSocketPathMax);
    read_http(reader, api);
    reader.absolute_path("token_file", api.token_file, kPathMax);
    reader.refuse_unless_empty("tls");
  });
}

void read_safety(ObjectReader& root, SafetyConfig& safety) {
  root.section("safety", [&](ObjectReader& reader) {
    reader.integer("confirm_s", safety.confirm_s, 0, kConfirmMax_s);
    reader.choice("on_exit", safety.on_exit, kOnExits);
  });
}

}  // namespace twinpath
