// config_fuzz.cpp - a configuration document: reading, compiling, showing.
//
// Promises a document is refused with faults, or read; what is read can be shown, and what is shown is read again as the
//          same; compiling it twice gives the same tables.
#include "config/compile.hpp"
#include "config/document.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twinpath;
  const auto config = parse_config({reinterpret_cast<const char*>(data), size});
  if (!config) {
    fuzz::promise(!config.error().empty(), "refused without a fault");
    return 0;
  }
  const std::string shown = to_json(*config).dump();
  const auto again = parse_config(shown);
  fuzz::promise(again.has_value(), "what is shown is refused:", shown);
  fuzz::promise(to_json(*again).dump() == shown, "what is shown is read as something else:", shown);
  const auto image = compile(*config, {}), image_again = compile(*again, {});
  fuzz::promise(image.has_value() == image_again.has_value(), "compiled only once:", shown);
  if (image)
    fuzz::promise(image->rules.size() == image_again->rules.size() && image->rule_names == image_again->rule_names,
                  "compiled differently:", shown);
  return 0;
}
