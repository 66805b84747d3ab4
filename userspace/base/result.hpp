// result.hpp - how the cold path fails: a value or an Error that says what was tried, on what, and what came of it.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace twinpath {

struct Error {
  int code = 0;      // errno value, 0 when no system call failed
  std::string text;  // "open /x: No such file or directory"

  // Puts context in front: "port lan: open /x: ...".
  [[nodiscard]] Error in(std::string_view context) && { return Error{code, fmt::format("{}: {}", context, text)}; }
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// fail(errno, "open {}", path): what was tried, then what the system said.
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(int code, fmt::format_string<Args...> format, Args&&... args) {
  std::string what = fmt::format(format, std::forward<Args>(args)...);
  if (code != 0) what += fmt::format(": {}", std::strerror(code));
  return tl::unexpected<Error>(Error{code, std::move(what)});
}

// refuse("no such device {}", name): an error that no system call reported.
template <class... Args>
[[nodiscard]] tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{0, fmt::format(format, std::forward<Args>(args)...)});
}

[[nodiscard]] inline tl::unexpected<Error> pass_on(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace twinpath
