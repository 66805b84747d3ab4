#include "rest/json_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace twinpath::rest {
namespace {

JsonFault fault_at(std::string_view text, std::size_t offset, std::string what) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t newline = before.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  return {static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1, before.size() - line_start + 1,
          std::move(what)};
}

// The part "why" of "[json.exception...] parse error at line 1, column 2: syntax error ... - why; last read: '...'".
std::string plain_text(std::string_view what) {
  const std::size_t why = what.find(" - ");
  if (why != std::string_view::npos) what.remove_prefix(why + 3);
  return std::string(what.substr(0, what.find("; last read")));
}

// Accepts every event and builds nothing.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ <= json_depth_max; }
  bool end_object() override { return depth_-- > 0; }
  bool start_array(std::size_t) override { return ++depth_ <= json_depth_max; }
  bool end_array() override { return depth_-- > 0; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    offset_ = position > 0 ? position - 1 : 0;  // the parser counts the byte that it could not take
    text_ = plain_text(error.what());
    return false;
  }

  [[nodiscard]] JsonFault fault(std::string_view text) const {
    if (depth_ > json_depth_max) return {1, 1, fmt::format("nested deeper than {} levels", json_depth_max)};
    return fault_at(text, offset_, text_);
  }

 private:
  std::size_t depth_ = 0;
  std::size_t offset_ = 0;
  std::string text_;
};

}  // namespace

std::optional<JsonFault> check_json(std::string_view text) {
  Checker checker;
  if (nlohmann::json::sax_parse(text, &checker, nlohmann::json::input_format_t::json, true, true)) return std::nullopt;
  return checker.fault(text);
}

}  // namespace twinpath::rest
