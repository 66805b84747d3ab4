// query.hpp - the request target: its path, and its query keys with their types.
//
// Source   RFC 3986 sections 2.1 and 3.4; "+" in a query is a space, as HTML forms send it.
// Errors   every key that is unknown, given twice or malformed is named together with what is allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "rest/gateway.hpp"

namespace twinpath::rest {

// Every key that some route knows; each has one field of Query.
enum class Key { zone, source, destination, protocol, port, state, origin, limit, cursor, dry_run, detach, steered };

struct QueryKey {
  std::string_view name;
  Key key;
  std::string_view documentation;
};

// What a key's value may be, in words that go on after "must be": for messages, help and the OpenAPI document.
[[nodiscard]] std::string allowed(Key key);

// What is wrong with a value, "must be a whole number 0..65535"; absent when it is allowed. Wherever such a value is read,
// in options too, it has the same bounds and the same words.
[[nodiscard]] std::optional<std::string> value_fault(Key key, std::string_view value);

struct Target {
  std::vector<std::string> segments;                        // of the path, decoded; "/v1/a" has two
  std::vector<std::pair<std::string, std::string>> values;  // of the query, decoded, in order
};

// Refused when an escape is broken, a byte is NUL, or the path does not start with "/".
[[nodiscard]] Result<Target> parse_target(std::string_view text);

// A query that its route's keys allow, with every value checked.
struct Query {
  PolicyQuery policy;
  bool all_pairs = false;  // limit=all: every pair in one response
  bool dry_run = false;
  bool detach = false;
  bool steered = false;
};

struct QueryFault {
  std::string key;
  std::string text;
};

// Absent when all is well; then `query` is filled in.
[[nodiscard]] std::optional<QueryFault> read_query(const Target& target, std::span<const QueryKey> keys, Query& query);

}  // namespace twinpath::rest
