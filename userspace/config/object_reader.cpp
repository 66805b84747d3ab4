#include "config/object_reader.hpp"

#include <algorithm>

#include "base/name.hpp"
#include "base/number.hpp"

namespace twinpath {
namespace {

using nlohmann::json;

const json kEmptyObject = json::object();

bool says_nothing(const json& value) {
  return value.is_structured() && std::ranges::all_of(value, [](const json& inner) { return says_nothing(inner); });
}

std::string found(const json& value, std::string_view text) { return fmt::format("{}: {}", shown(value), text); }

}  // namespace

bool read_integer(const json& value, const std::string& path, std::uint32_t low, std::uint32_t high,
                  std::uint32_t& target, FaultList& faults) {
  // A number without sign is always stored unsigned, so a negative one is no is_number_unsigned().
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number >= low && number <= high) {
      target = static_cast<std::uint32_t>(number);
      return true;
    }
  }
  faults.add(path, found(value, "must be " + whole_number_text(low, high)));
  return false;
}

bool read_text(const json& value, const std::string& path, std::string_view wanted, std::string& target,
               FaultList& faults) {
  if (!value.is_string()) {
    faults.add(path, found(value, wanted));
    return false;
  }
  target = value.get_ref<const std::string&>();
  return true;
}

bool read_name(const json& value, const std::string& path, std::string& target, FaultList& faults) {
  if (value.is_string() && is_name(value.get_ref<const std::string&>())) {
    target = value.get_ref<const std::string&>();
    return true;
  }
  faults.add(path, found(value, fmt::format("must be {}", kNameText)));
  return false;
}

ObjectReader::ObjectReader(const json& value, std::string path, FaultList& faults)
    : value_(value.is_object() ? value : kEmptyObject), path_(std::move(path)), faults_(faults) {
  if (!value.is_object()) faults_.add(path_, found(value, "must be an object"));
}

const json* ObjectReader::find(std::string_view key) {
  known_.push_back(key);
  const auto member = value_.find(key);
  return member == value_.end() ? nullptr : &*member;
}

const json* ObjectReader::need(std::string_view key, std::string_view wanted) {
  const json* value = find(key);
  if (value == nullptr) fault(key, fmt::format("missing: {}", wanted));
  return value;
}

void ObjectReader::boolean(std::string_view key, bool& target) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (value->is_boolean())
    target = value->get<bool>();
  else
    fault(key, *value, "must be true or false");
}

void ObjectReader::integer(std::string_view key, std::uint32_t& target, std::uint32_t low, std::uint32_t high) {
  if (const json* value = find(key)) (void)read_integer(*value, path_of(key), low, high, target, faults_);
}

void ObjectReader::share(std::string_view key, double& target) {
  const json* value = find(key);
  if (value == nullptr) return;
  if (value->is_number() && value->get<double>() >= 0 && value->get<double>() <= 1)
    target = value->get<double>();
  else
    fault(key, *value, "must be a number 0..1");
}

void ObjectReader::name(std::string_view key, std::string& target) {
  if (const json* value = find(key)) (void)read_name(*value, path_of(key), target, faults_);
}

void ObjectReader::absolute_path(std::string_view key, std::string& target, std::size_t longest) {
  const json* value = find(key);
  if (value == nullptr) return;
  const std::string text = value->is_string() ? value->get<std::string>() : "";
  const bool fits = text.size() > 1 && text.size() <= longest && text.front() == '/' && text.back() != '/' &&
                    text.find('\0') == std::string::npos;
  if (fits)
    target = text;
  else
    fault(key, *value, fmt::format("must be an absolute path of a file, at most {} bytes", longest));
}

void ObjectReader::refuse_unless_empty(std::string_view key) {
  const json* value = find(key);
  if (value != nullptr && !says_nothing(*value)) fault(key, "not supported by this version");
}

void ObjectReader::fault(std::string_view key, std::string text) { faults_.add(path_of(key), std::move(text)); }

void ObjectReader::fault(std::string_view key, const json& value, std::string_view text) {
  faults_.add(path_of(key), found(value, text));
}

void ObjectReader::finish() {
  for (const auto& [key, value] : value_.items())
    if (std::ranges::find(known_, key) == known_.end())
      fault(key, fmt::format("unknown key; nearest allowed: {}", nearest(key, known_)));
}

}  // namespace twinpath
