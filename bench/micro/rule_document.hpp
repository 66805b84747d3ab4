// rule_document.hpp - configuration documents with many rules, for the compiler and the classifier.
#pragma once

#include <cstdint>
#include <string>

#include "config/compile.hpp"

namespace twinpath::bench {

// In what the rules differ: the classifier leaves a rule that has the wrong port at its second question, one that has
// the wrong source at its last.
enum class Differ : std::uint8_t { port, source };

// A document that makes `compiled` rules from inside to outside, each of which matches other packets. A rule is one
// compiled rule as long as the document may have so many, and then four.
[[nodiscard]] std::string rule_document(std::uint32_t compiled, Differ differ);

// The same compiled, numbers from 1 on.
[[nodiscard]] Result<TableImage> rule_image(std::uint32_t compiled, Differ differ);

// The configuration that `document` is; it is one of the above, so it has no faults.
[[nodiscard]] Result<Config> config_of(const std::string& document);

}  // namespace twinpath::bench
