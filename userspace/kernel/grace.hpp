// grace.hpp - waits until no XDP program can still be reading what it looked up before.
//
// How      the kernel waits for an RCU grace period inside every update of a map of maps (maybe_wait_bpf_programs in
//          kernel/bpf/syscall.c), so that programs never see an inner map go. We keep such a map for its wait alone.
// Cost     milliseconds to tens of them; cold path only.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace twinpath {

class GracePeriod {
 public:
  [[nodiscard]] static Result<GracePeriod> create();
  [[nodiscard]] Status wait() const;

 private:
  GracePeriod(UniqueFd inner, UniqueFd outer) : inner_(std::move(inner)), outer_(std::move(outer)) {}
  UniqueFd inner_;
  UniqueFd outer_;
};

}  // namespace twinpath
