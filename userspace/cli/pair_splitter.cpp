#include "cli/pair_splitter.hpp"

namespace twinpath::cli {
namespace {

constexpr std::size_t pair_depth = 3;  // inside a pair: the document, the list, the pair

}  // namespace

// True when `c` ends a pair.
bool PairSplitter::step(char c) {
  if (in_string_) {
    in_string_ = escaped_ || c != '"';
    escaped_ = !escaped_ && c == '\\';
    return false;
  }
  if (c == '"') in_string_ = true;
  if (c == '{' || c == '[') ++depth_;
  if ((c == '}' || c == ']') && depth_ > 0) return depth_-- == pair_depth;
  return false;
}

bool PairSplitter::add(std::string_view piece) {
  std::size_t start = 0;  // of the pair that is being read
  bool inside = depth_ >= pair_depth;
  for (std::size_t at = 0; at < piece.size(); ++at) {
    const bool ends = step(piece[at]);
    if (!inside && depth_ == pair_depth) {
      inside = true;
      start = at;
    }
    if (!ends) continue;
    pair_ += piece.substr(start, at + 1 - start);
    const bool more = take_(pair_);
    pair_.clear();
    inside = false;
    if (!more) return false;
  }
  if (inside) pair_ += piece.substr(start);
  return true;
}

}  // namespace twinpath::cli
