// document.hpp - reads a configuration document from a file or from standard input.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "cli/output.hpp"
#include "config/config.hpp"

namespace twinpath::cli {

struct Document {
  Config config;
  bool reread = false;  // a regular file: another process can read it again
};

// `path` is a file, a pipe, or "-" for standard input. A pipe that nobody writes into is waited for 10 s.
// Fails with the document's faults, or in one line when it cannot be read. What only root may read is not asked for.
[[nodiscard]] tl::expected<Document, Failure> load_document(const std::string& path);

// How messages call it: "standard input" for "-".
[[nodiscard]] std::string document_name(const std::string& path);

// A descriptor from which the text can be read, from its start.
[[nodiscard]] Result<UniqueFd> memory_file(const std::string& text);

}  // namespace twinpath::cli
