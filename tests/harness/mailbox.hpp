// mailbox.hpp - the frames that arrive at a device of a namespace, kept until a test asks for one.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/gateway_lab.hpp"
#include "harness/wire.hpp"

namespace twinpath::test {

class Mailbox {
 public:
  using Fits = std::function<bool(const Bytes&)>;

  explicit Mailbox(const TestNamespace& part, const std::string& device = "eth0")
      : listener_(part, device, [this](const Heard& heard) {
          if (heard.outgoing) return;
          const std::lock_guard lock(mutex_);
          frames_.emplace_back(heard.frame.begin(), heard.frame.end());
        }) {}

  // The first frame that fits, of those that have come.
  [[nodiscard]] std::optional<Bytes> find(const Fits& fits) {
    const std::lock_guard lock(mutex_);
    const auto one = std::find_if(frames_.begin(), frames_.end(), fits);
    if (one == frames_.end()) return std::nullopt;
    return *one;
  }
  // Nothing when none came in time.
  std::optional<Bytes> wait_for(const Fits& fits) {
    std::optional<Bytes> found;
    (void)eventually([&] {
      found = find(fits);
      return found.has_value();
    });
    return found;
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    frames_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<Bytes> frames_;
  Listener listener_;
};

}  // namespace twinpath::test
