#include "config/json_text.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json_fault.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

constexpr std::size_t kDepthMax = 16;          // no section goes half as deep
constexpr std::size_t kValuesMax = 1'000'000;  // in memory about 100 bytes each, whatever they took as text
// Builds the value and remembers where it is. Pointers into the tree stay valid: only the innermost open container
// grows.
class Builder : public json::json_sax_t {
 public:
  Builder(std::string_view text, FaultList& faults) : text_(text), faults_(faults) {}

  [[nodiscard]] json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON text has none
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    open_.back().key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception& error) override {
    faults_.add("", json_fault(text_, position, error.what()));
    return false;
  }

 private:
  struct Container {
    json* value;
    std::string key;        // of the member being read
    std::size_t count = 0;  // elements read
  };

  // False: no more of the document is read.
  bool count() {
    if (++values_ <= kValuesMax) return true;
    faults_.add(path(), fmt::format("more than {} values up to here: a document has at most so many", kValuesMax));
    return false;
  }

  template <class T>
  bool put(T&& value) {
    if (!count()) return false;
    *slot() = std::forward<T>(value);
    return true;
  }

  bool open(json value) {
    if (!count()) return false;
    json* target = slot();
    if (open_.size() == kDepthMax) {
      faults_.add(path(), fmt::format("nested deeper than {} levels", kDepthMax));
      return false;
    }
    *target = std::move(value);
    open_.push_back({target, {}, 0});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  // Where the next value goes. A repeated key's value goes nowhere, but is read on: it may have faults of its own.
  json* slot() {
    if (open_.empty()) return &root_;
    Container& parent = open_.back();
    if (parent.value->is_array()) {
      ++parent.count;
      return &parent.value->emplace_back();
    }
    if (parent.value->contains(parent.key)) {
      faults_.add(path(), "key appears twice in one object");
      ignored_ = std::make_unique<json>();
      return ignored_.get();
    }
    return &(*parent.value)[parent.key];
  }

  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Container& container : open_)
      path = container.value->is_array() ? element_path(path, container.count - 1) : member_path(path, container.key);
    return path;
  }

  std::string_view text_;
  FaultList& faults_;
  json root_;
  std::vector<Container> open_;
  std::unique_ptr<json> ignored_;  // the last value of a repeated key
  std::size_t values_ = 0;
};

}  // namespace

std::optional<json> read_json(std::string_view text, FaultList& faults) {
  if (auto fault = fault_before_parsing(text)) {
    faults.add("", std::move(*fault));
    return std::nullopt;
  }
  Builder builder(text, faults);
  if (!json::sax_parse(text, &builder, json::input_format_t::json, true, true)) return std::nullopt;
  return builder.take();
}

}  // namespace twinpath
