// gateway.hpp - what the REST server asks of the gateway. The control plane implements it; tests use a fake.
//
// Thread   every call comes on the io_context's thread, one at a time. None may block: long lists are given in pages.
// Shapes   JSON as in docs/rest.md. Fields may be added, none renamed. Reading calls cannot fail: what is not known is
//          left out of the answer.
// Errors   an exception that leaves a call becomes status 500; the server and its connection go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/flow_names.hpp"
#include "base/prefix.hpp"
#include "base/result.hpp"

namespace twinpath::rest {

inline constexpr std::size_t page_pairs_max = 1000;  // pairs in a page of the policy table

// Which policy pairs are meant. Filters that are absent match everything; all that are present must match. They are
// compared with the key of the forward entry: packets as they arrive.
struct PolicyQuery {
  std::optional<std::string> zone;
  std::optional<Prefix> source;
  std::optional<Prefix> destination;
  std::optional<std::uint8_t> protocol;  // IP protocol number
  std::optional<std::uint16_t> port;     // source or destination port, host order
  std::optional<dp_flow_state> state;    // one of kFlowStates
  std::optional<FlowOrigin> origin;
  std::size_t limit = 100;  // 1..page_pairs_max; at most so many pairs in the page
  std::string cursor;       // empty: from the start; else what the last page gave
};

struct PolicyPage {
  std::vector<std::string> pairs;  // each an object as JSON text
  std::string cursor;              // where the next page starts; empty when this was the last
};

// A fault of a configuration: where, and what was found and is allowed.
struct ConfigFault {
  std::string path;  // "rules[2].source"
  std::string text;
};

// With faults, nothing was touched. Without, `generation` is the one in force, or with dry_run the one it would be.
struct ConfigAnswer {
  std::uint32_t generation = 0;
  std::vector<ConfigFault> faults;
  nlohmann::json changes;  // dry_run: what would differ; null when there is nothing to say
  // Above 0: nothing was touched, because the configuration in force waits so long to be confirmed first.
  std::uint32_t waiting_s = 0;
  std::uint32_t confirm_within_s = 0;  // above 0: it is undone unless confirm() comes in time
  bool busy = false;                   // nothing was touched, because another document is being compiled or applied
};

class Gateway {
 public:
  virtual ~Gateway() = default;

  [[nodiscard]] virtual nlohmann::json status() = 0;  // an object
  [[nodiscard]] virtual nlohmann::json config() = 0;  // the document in force
  [[nodiscard]] virtual nlohmann::json ports() = 0;   // this and the following: arrays of objects
  [[nodiscard]] virtual nlohmann::json zones() = 0;
  [[nodiscard]] virtual nlohmann::json rules() = 0;
  [[nodiscard]] virtual nlohmann::json drops() = 0;    // by reason
  [[nodiscard]] virtual nlohmann::json steered() = 0;  // to the engine, by reason
  [[nodiscard]] virtual nlohmann::json engines() = 0;
  [[nodiscard]] virtual std::string metrics() = 0;  // Prometheus text format 0.0.4

  // Refused when a filter or the cursor means nothing to the gateway: an unknown zone, a mangled cursor.
  [[nodiscard]] virtual Result<PolicyPage> policies(const PolicyQuery& query) = 0;
  // JSON text. Absent when no live pair has this id.
  [[nodiscard]] virtual std::optional<std::string> policy(std::string_view id) = 0;
  // How many pairs were removed. limit and cursor are not used.
  [[nodiscard]] virtual Result<std::size_t> remove_policies(const PolicyQuery& query) = 0;
  // False when no live pair has this id.
  [[nodiscard]] virtual bool remove_policy(std::string_view id) = 0;

  // Replaces the whole document in one transaction. `text` is JSON, perhaps with comments; its syntax has been checked.
  // An Error says that the document is good and the host refused it; then the old one is still in force.
  // `done` is called once, on the io_context's thread: before this returns, or later, since compiling may take seconds.
  // One document at a time: `busy` is answered at once while another one is under way.
  using ConfigDone = std::function<void(const Result<ConfigAnswer>&)>;
  virtual void put_config(std::string_view text, bool dry_run, ConfigDone done) = 0;

  // Keeps the configuration that waits to be confirmed; its generation. Absent when none does.
  [[nodiscard]] virtual std::optional<std::uint32_t> confirm() = 0;

  // Called after the response has been sent; the process is expected to end soon. detach: leave nothing behind.
  virtual void shut_down(bool detach) = 0;
};

}  // namespace twinpath::rest
