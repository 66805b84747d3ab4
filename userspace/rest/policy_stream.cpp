#include "rest/policy_stream.hpp"

#include <stdexcept>

namespace twinpath::rest {
namespace {

// About 100 kB of JSON, which takes the control thread a millisecond.
constexpr std::size_t pairs_in_piece = 200;

class PolicyStream final : public BodySource {
 public:
  PolicyStream(Gateway& gateway, PolicyQuery query, PolicyPage first)
      : gateway_(gateway), query_(std::move(query)), page_(std::move(first)) {}

  void next(Give give) override {
    if (ended_) return give(std::nullopt);
    if (begun_) read_page();
    std::string piece = begun_ ? "" : "{\"policies\":[";
    begun_ = true;
    for (const std::string& pair : page_.pairs) {
      piece += has_pairs_ ? ",\n" : "\n";
      piece += pair;
      has_pairs_ = true;
    }
    ended_ = page_.cursor.empty();
    if (ended_) piece += "\n],\"cursor\":null}\n";
    give(std::move(piece));
  }

 private:
  void read_page() {
    query_.cursor = page_.cursor;
    Result<PolicyPage> page = gateway_.policies(query_);
    if (!page) throw std::runtime_error(page.error().text);
    page_ = std::move(*page);
  }

  Gateway& gateway_;
  PolicyQuery query_;
  PolicyPage page_;
  bool begun_ = false;
  bool has_pairs_ = false;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<BodySource>> stream_policies(Gateway& gateway, PolicyQuery query) {
  query.limit = pairs_in_piece;
  Result<PolicyPage> first = gateway.policies(query);
  if (!first) return pass_on(first.error());
  return std::make_unique<PolicyStream>(gateway, std::move(query), std::move(*first));
}

}  // namespace twinpath::rest
