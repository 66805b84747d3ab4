#include "netlink/ethtool.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/fd.hpp"

namespace twinpath::netlink {
namespace {

// An ethtool structure with its open array behind it.
class Block {
 public:
  Block(std::uint32_t command, std::size_t bytes) : words_((bytes + 7) / 8, 0) {
    std::memcpy(words_.data(), &command, sizeof command);
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(words_.data());
  }

 private:
  std::vector<std::uint64_t> words_;
};

class Ethtool {
 public:
  explicit Ethtool(const std::string& device)
      : device_(device), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  // Returns the ioctl's own answer, which for a change of features is a set of remarks.
  Result<int> call(void* block, std::string_view what) const {
    if (!socket_) return fail(errno, "open a socket for ethtool");
    if (device_.empty() || device_.size() >= IFNAMSIZ) return fail(ENODEV, "{} of device {}", what, device_);
    ifreq request{};
    std::memcpy(request.ifr_name, device_.data(), device_.size());
    request.ifr_data = static_cast<char*>(block);
    int answer = ::ioctl(socket_.get(), SIOCETHTOOL, &request);
    if (answer < 0) return fail(errno, "{} of device {}", what, device_);
    return answer;
  }

 private:
  std::string device_;
  UniqueFd socket_;
};

Result<std::vector<std::string>> feature_names(const Ethtool& ethtool) {
  Block count(ETHTOOL_GSSET_INFO, sizeof(ethtool_sset_info) + sizeof(std::uint32_t));
  count.as<ethtool_sset_info>()->sset_mask = 1ULL << ETH_SS_FEATURES;
  if (auto answer = ethtool.call(count.as<void>(), "count features"); !answer) return pass_on(answer.error());
  std::uint32_t features = count.as<ethtool_sset_info>()->data[0];
  Block strings(ETHTOOL_GSTRINGS, sizeof(ethtool_gstrings) + features * ETH_GSTRING_LEN);
  auto* list = strings.as<ethtool_gstrings>();
  list->string_set = ETH_SS_FEATURES;
  list->len = features;
  if (auto answer = ethtool.call(list, "name features"); !answer) return pass_on(answer.error());
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < list->len && i < features; ++i) {
    const char* text = reinterpret_cast<const char*>(list->data) + i * ETH_GSTRING_LEN;
    names.emplace_back(text, ::strnlen(text, ETH_GSTRING_LEN));
  }
  return names;
}

std::size_t blocks_for(std::size_t features) { return (features + 31) / 32; }

}  // namespace

Result<Features> read_features(const std::string& device) {
  Ethtool ethtool{device};
  auto names = feature_names(ethtool);
  if (!names) return pass_on(names.error());
  std::size_t blocks = blocks_for(names->size());
  Block block(ETHTOOL_GFEATURES, sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block));
  auto* features = block.as<ethtool_gfeatures>();
  features->size = static_cast<std::uint32_t>(blocks);
  if (auto answer = ethtool.call(features, "read features"); !answer) return pass_on(answer.error());
  Features found;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const ethtool_get_features_block& part = features->features[i / 32];
    std::uint32_t bit = 1u << (i % 32);
    bool changeable = (part.available & bit) != 0 && (part.never_changed & bit) == 0;
    if (!(*names)[i].empty()) found[(*names)[i]] = {changeable, (part.requested & bit) != 0, (part.active & bit) != 0};
  }
  return found;
}

Status write_features(const std::string& device, const std::vector<FeatureRequest>& requests) {
  Ethtool ethtool{device};
  auto names = feature_names(ethtool);
  if (!names) return pass_on(names.error());
  std::size_t blocks = blocks_for(names->size());
  Block block(ETHTOOL_SFEATURES, sizeof(ethtool_sfeatures) + blocks * sizeof(ethtool_set_features_block));
  auto* change = block.as<ethtool_sfeatures>();
  change->size = static_cast<std::uint32_t>(blocks);
  for (const FeatureRequest& request : requests) {
    auto name = std::find(names->begin(), names->end(), request.feature);
    if (name == names->end()) return fail(ENOENT, "set feature {} of device {}", request.feature, device);
    auto i = static_cast<std::size_t>(name - names->begin());
    change->features[i / 32].valid |= 1u << (i % 32);
    if (request.on) change->features[i / 32].requested |= 1u << (i % 32);
  }
  if (auto answer = ethtool.call(change, "set features"); !answer) return pass_on(answer.error());
  return {};
}

Result<Channels> read_channels(const std::string& device) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (auto answer = Ethtool{device}.call(&channels, "read channels"); !answer) return pass_on(answer.error());
  return Channels{channels.rx_count + channels.combined_count, channels.tx_count + channels.combined_count};
}

}  // namespace twinpath::netlink
