// pair_splitter.hpp - the policy pairs in a stream of JSON, one by one, without reading them.
//
// Shape    {"policies": [PAIR, ...], ...}: objects at the second level are the pairs, whatever stands around them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace twinpath::cli {

class PairSplitter {
 public:
  // Called with the text of each pair; false when no more is wanted.
  using Take = std::function<bool(std::string_view pair)>;
  explicit PairSplitter(Take take) : take_(std::move(take)) {}

  // A piece of the stream, of any size. False when no more is wanted.
  [[nodiscard]] bool add(std::string_view piece);

 private:
  [[nodiscard]] bool step(char c);

  Take take_;
  std::string pair_;  // the beginning of one that goes on in the next piece
  std::size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace twinpath::cli
