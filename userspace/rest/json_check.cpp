#include "rest/json_check.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json_fault.hpp"

namespace twinpath::rest {
namespace {

// Accepts every event and builds nothing.
class Checker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

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
    fault_ = json_fault(text_, position, error.what());
    return false;
  }

  [[nodiscard]] std::string fault() const {
    return depth_ > json_depth_max ? fmt::format("nested deeper than {} levels", json_depth_max) : fault_;
  }

 private:
  std::string_view text_;
  std::size_t depth_ = 0;
  std::string fault_;
};

}  // namespace

std::optional<std::string> check_json(std::string_view text) {
  if (auto fault = fault_before_parsing(text)) return fault;
  Checker checker(text);
  if (nlohmann::json::sax_parse(text, &checker, nlohmann::json::input_format_t::json, true, true)) return std::nullopt;
  return checker.fault();
}

}  // namespace twinpath::rest
