// state_answers.hpp - what the gateway says about itself: takes snapshots (snapshots.hpp) and has them rendered
// (telemetry/). Reads, and changes nothing.
//
// Thread   the control thread's.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "control/answers/snapshots.hpp"
#include "control/life/commit_confirm.hpp"
#include "control/life/datapath.hpp"
#include "control/life/expiry_timer.hpp"
#include "control/life/running.hpp"

namespace twinpath {

class StateAnswers {
 public:
  struct Parts {
    const Running& running;
    Datapath& datapath;
    const ExpiryTimer& expiry;
    const CommitConfirm& confirm;
  };
  explicit StateAnswers(const Parts& parts) : parts_(parts) {}

  [[nodiscard]] nlohmann::json status() const;
  [[nodiscard]] nlohmann::json ports() const;
  [[nodiscard]] nlohmann::json zones() const;
  [[nodiscard]] nlohmann::json rules() const;
  [[nodiscard]] nlohmann::json drops() const;
  [[nodiscard]] nlohmann::json steered() const;
  [[nodiscard]] nlohmann::json engines() const;
  [[nodiscard]] std::string metrics() const;

 private:
  [[nodiscard]] SnapshotSources sources() const;
  void count_rules() const;

  Parts parts_;
  std::unique_ptr<RuleTraffic> rules_ = std::make_unique<RuleTraffic>();
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace twinpath
