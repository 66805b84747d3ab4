#include "rest/query.hpp"

#include <algorithm>

#include "base/name.hpp"
#include "base/number.hpp"
#include "base/protocol.hpp"
#include "base/text.hpp"

namespace twinpath::rest {
namespace {

constexpr std::size_t cursor_bytes_max = 256;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) return refuse("broken percent escape in \"{}\"", text);
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return refuse("a NUL byte in the request target");
    out += c;
  }
  return out;
}

// Calls `take` with each piece between separators, until it fails.
template <class Take>
Status for_each_piece(std::string_view text, char separator, Take take) {
  while (true) {
    const std::size_t end = text.find(separator);
    if (Status status = take(text.substr(0, end)); !status) return status;
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
}

Status read_path(std::string_view path, Target& target) {
  return for_each_piece(path, '/', [&](std::string_view piece) -> Status {
    Result<std::string> segment = decode(piece, false);
    if (!segment) return pass_on(segment.error());
    target.segments.push_back(std::move(*segment));
    return {};
  });
}

Status read_values(std::string_view query, Target& target) {
  return for_each_piece(query, '&', [&](std::string_view piece) -> Status {
    if (piece.empty()) return {};
    const std::size_t equals = piece.find('=');
    Result<std::string> key = decode(piece.substr(0, equals), true);
    Result<std::string> value = decode(equals == std::string_view::npos ? "" : piece.substr(equals + 1), true);
    if (!key) return pass_on(key.error());
    if (!value) return pass_on(value.error());
    target.values.emplace_back(std::move(*key), std::move(*value));
    return {};
  });
}

// A name of base/protocol.hpp, or a number.
std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  const std::optional<std::uint8_t> named = value_of(kProtocols, text);
  return named ? named : parse_whole<std::uint8_t>(text, 0, 255);
}

bool read_flag(std::string_view text, bool& flag) {
  if (text != "0" && text != "1") return false;
  flag = text == "1";
  return true;
}

bool read_zone(std::string_view text, std::optional<std::string>& field) {
  field = text;
  return is_name(text);
}

bool read_prefix(std::string_view text, std::optional<Prefix>& field) {
  const auto prefix = parse_prefix(text);
  if (prefix) field = *prefix;
  return prefix.has_value();
}

bool read_cursor(std::string_view text, std::string& field) {
  field = text;
  return !text.empty() && text.size() <= cursor_bytes_max;
}

// A word of `table`.
template <class Table, class T>
bool read_choice(std::string_view text, const Table& table, std::optional<T>& field) {
  field = value_of(table, text);
  return field.has_value();
}

bool read_limit(std::string_view text, Query& query) {
  query.all_pairs = text == "all";
  const auto limit = parse_whole<std::size_t>(text, 1, page_pairs_max);
  if (limit) query.policy.limit = *limit;
  return limit.has_value() || query.all_pairs;
}

bool read_value(Key key, std::string_view text, Query& query) {
  PolicyQuery& policy = query.policy;
  switch (key) {
    case Key::zone: return read_zone(text, policy.zone);
    case Key::source: return read_prefix(text, policy.source);
    case Key::destination: return read_prefix(text, policy.destination);
    case Key::protocol: return (policy.protocol = parse_protocol(text)).has_value();
    case Key::port: return (policy.port = parse_whole<std::uint16_t>(text, 0, 65535)).has_value();
    case Key::state: return read_choice(text, kFlowStates, policy.state);
    case Key::origin: return read_choice(text, kFlowOrigins, policy.origin);
    case Key::limit: return read_limit(text, query);
    case Key::cursor: return read_cursor(text, policy.cursor);
    case Key::dry_run: return read_flag(text, query.dry_run);
    case Key::detach: return read_flag(text, query.detach);
    case Key::steered: return read_flag(text, query.steered);
  }
  return false;
}

std::string names_of(std::span<const QueryKey> keys) {
  if (keys.empty()) return "none is allowed here";
  std::string names;
  for (const QueryKey& key : keys)
    fmt::format_to(std::back_inserter(names), "{}{}", names.empty() ? "" : ", ", key.name);
  return "allowed: " + names;
}

}  // namespace

std::string allowed(Key key) {
  switch (key) {
    case Key::zone: return std::string(kNameText);
    case Key::source:
    case Key::destination: return std::string(kPrefixText);
    case Key::protocol: return fmt::format("one of {}, or {}", words_of(kProtocols), whole_number_text(0, 255));
    case Key::port: return whole_number_text(0, 65535);
    case Key::state: return "one of " + words_of(kFlowStates);
    case Key::origin: return "one of " + words_of(kFlowOrigins);
    case Key::limit: return whole_number_text(std::size_t{1}, page_pairs_max) + ", or all";
    case Key::cursor: return "the cursor of the page before";
    case Key::dry_run:
    case Key::detach:
    case Key::steered: return "0 or 1";
  }
  return "";
}

std::optional<std::string> value_fault(Key key, std::string_view value) {
  Query ignored;
  if (read_value(key, value, ignored)) return std::nullopt;
  if (key == Key::source || key == Key::destination) return parse_prefix(value).error();
  return "must be " + allowed(key);
}

Result<Target> parse_target(std::string_view text) {
  text = text.substr(0, text.find('#'));
  if (text.empty() || text.front() != '/') return refuse("the request target \"{}\" is not a path", text);
  const std::size_t question = text.find('?');
  Target target;
  if (Status path = read_path(text.substr(1, question - (question == std::string_view::npos ? 0 : 1)), target); !path)
    return pass_on(path.error());
  if (question == std::string_view::npos) return target;
  if (Status values = read_values(text.substr(question + 1), target); !values) return pass_on(values.error());
  return target;
}

std::optional<QueryFault> read_query(const Target& target, std::span<const QueryKey> keys, Query& query) {
  std::vector<std::string_view> seen;
  for (const auto& [name, value] : target.values) {
    const auto key = std::ranges::find(keys, std::string_view(name), &QueryKey::name);
    if (key == keys.end())
      return QueryFault{name, fmt::format("unknown query key {}; {}", in_quotes(name), names_of(keys))};
    if (std::ranges::find(seen, key->name) != seen.end())
      return QueryFault{name, fmt::format("{}: is given twice", name)};
    seen.push_back(key->name);
    if (!read_value(key->key, value, query))
      return QueryFault{name, fmt::format("{}: {}: {}", name, in_quotes(value), *value_fault(key->key, value))};
  }
  return std::nullopt;
}

}  // namespace twinpath::rest
