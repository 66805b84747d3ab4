#include "flows/expiry.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/wire/ipv4.h"
#include "flows/family.hpp"

namespace twinpath {
namespace {

using namespace flow_detail;
using Note = FlowExpiry::Note;

// Prefetch distances, in buckets: control lines are requested kLinesAhead before they are finished; entries of buckets that
// are to be looked at, kLooksBehind later. In pairs: partners of pairs that may be too old, kPartnersAhead before.
constexpr std::size_t kLinesAhead = 24;
constexpr std::size_t kLooksBehind = 20;
constexpr std::size_t kPartnersAhead = 32;

constexpr std::size_t kPortion = 65536;  // control lines that every pass reads, if there are so many: 2 ms
constexpr std::size_t kFewChanges =
    64;  // changed buckets of a portion above which the whole table is read: one in so many
constexpr std::uint32_t kNever = 1 << 30;  // ticks; of a bucket without pairs
// An assured TCP pair is looked at again after so many times the shortest timeout, although its flags change together
// with its state: two CPUs can leave one without the other.
constexpr std::uint32_t kAssuredLooks = 4;

// Factors of the digest. They are odd, so that a change of one word always changes the digest, and without a pattern, so
// that changes of several words rarely cancel each other.
constexpr std::array<std::uint64_t, DP_FLOW_LANES / 2> kDigest{
    0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93,
    0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3};

template <class Bucket>
std::uint64_t digest_of(const Bucket& bucket) {
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < kDigest.size(); ++i) {
    const std::uint64_t low = DP_LOAD(&bucket.control[2 * i]);
    const std::uint64_t high = DP_LOAD(&bucket.control[2 * i + 1]);
    digest += (low | high << 32) * kDigest[i];
  }
  return digest;
}

bool far_behind(std::uint16_t current, std::uint16_t then, std::uint16_t bound) {
  return static_cast<std::uint16_t>(current - then) > bound;
}

bool far_behind(std::uint32_t current, std::uint32_t then, std::uint16_t bound) {
  return far_behind(static_cast<std::uint16_t>(current >> 16), static_cast<std::uint16_t>(then >> 16), bound) ||
         far_behind(static_cast<std::uint16_t>(current), static_cast<std::uint16_t>(then), bound);
}

template <class Entry>
void retire_stamp(Entry& entry, std::uint32_t current) {
  const std::uint32_t stamp = DP_LOAD(&entry.stamp);
  if (stamp != 0 && far_behind(current, stamp, 1 << 14)) (void)DP_COMPARE_SWAP(&entry.stamp, stamp, 0);
}

std::uint32_t shortest(const dp_timeouts& t) {
  return std::min({t.tcp_syn, t.tcp_established, t.tcp_closing, t.tcp_reset, t.udp, t.udp_stream, t.icmp, t.other});
}

bool is_past(std::uint32_t now, std::uint32_t then) { return static_cast<std::int32_t>(now - then) >= 0; }

template <class Family>
class Pass {
 public:
  Pass(const TableView& table, std::span<Note> notes, std::uint32_t now, const dp_timeouts& timeouts,
       std::uint32_t stamp)
      : settings_(settings_for(table, timeouts)),
        env_(env_for(table, settings_)),
        buckets_(Family::buckets(table)),
        notes_(notes),
        now_(now),
        stamp_(stamp),
        soonest_(shortest(timeouts)) {}
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  // Reads the control lines of the buckets from `begin` to `end`, and of the others if many of these have changed.
  ExpiryCounts run(std::size_t begin, std::size_t end) {
    sweep(begin, end, true);
    const bool flood = changes_ > (end - begin) / kFewChanges;
    sweep(0, begin, flood);
    sweep(end, buckets_.size(), flood);
    finish_old();
    return counts_;
  }

 private:
  struct Old {
    std::uint32_t slot;
    std::uint32_t control;
  };

  // `read_all`: or only buckets whose time has come.
  void sweep(std::size_t begin, std::size_t end, bool read_all) {
    for (std::size_t lines = begin; lines < end + kLinesAhead; ++lines) {
      if (lines < end && (read_all || is_past(now_, notes_[lines].look_at))) __builtin_prefetch(&buckets_[lines]);
      if (lines >= begin + kLooksBehind && lines < end + kLooksBehind) prepare(lines - kLooksBehind, read_all);
      if (lines >= begin + kLinesAhead) finish(lines - kLinesAhead);
    }
  }

  // Is there anything to look at? The digest is from before the look: what changes meanwhile shows in the next pass.
  void prepare(std::size_t number, bool read) {
    const auto& bucket = buckets_[number];
    Note& note = notes_[number];
    note.look = is_past(now_, note.look_at);
    if (!note.look && !read) return;
    const std::uint64_t digest = digest_of(bucket);
    if (digest != note.digest) notice(note, digest);
    if (!note.look) return;
    for (std::size_t lane = 0; lane < DP_FLOW_LANES; ++lane)
      if (is_live(DP_LOAD(&bucket.control[lane]))) __builtin_prefetch(&bucket.entry[lane]);
  }

  void notice(Note& note, std::uint64_t digest) {
    note.digest = digest;
    note.look = true;
    ++changes_;
  }

  void finish(std::size_t number) {
    Note& note = notes_[number];
    if (note.look)
      look(number, note);
    else
      count(note.half_open, note.assured, note.closing);
  }

  void look(std::size_t number, Note& note) {
    note.half_open = note.assured = note.closing = 0;
    note.look_at = now_ + kNever;
    for (std::uint32_t lane = 0; lane < DP_FLOW_LANES; ++lane) {
      const std::uint32_t control = DP_LOAD(&buckets_[number].control[lane]);
      if (!is_live(control)) continue;
      auto& entry = buckets_[number].entry[lane];
      retire_stamp(entry, stamp_);
      if ((DP_LOAD(&entry.link) & DP_FLOW_FORWARD) == 0) continue;
      const std::uint32_t idle = dp_flow_idle(now_, DP_LOAD(&entry.seen));
      const std::uint32_t bound =
          dp_flow_timeout_least(&settings_.timeouts, DP_LOAD(&entry.key.protocol), dp_flow_state_of(control));
      // most flows are far from any timeout: they need no look at the other half, which is one more line of memory
      if (idle < bound)
        stays(note, control, bound - idle);
      else
        prefetch_partner({static_cast<std::uint32_t>(number) * DP_FLOW_LANES + lane, control}, entry);
    }
  }

  void prefetch_partner(const Old& old, const typename Family::Entry& entry) {
    if (const auto* partner = Family::entry(&env_, DP_LOAD(&entry.partner))) __builtin_prefetch(partner);
    old_[old_count_++] = old;
    if (old_count_ == old_.size()) finish_old();
  }

  // Pairs whose partners have been prefetched.
  void finish_old() {
    for (const Old& old : std::span(old_).first(old_count_)) {
      const std::uint32_t left = time_left(old);
      if (left == 0 && expire(old))
        ++counts_.expired;
      else
        stays(notes_[old.slot / DP_FLOW_LANES], old.control, left);
    }
    old_count_ = 0;
  }

  // Ticks until a pair has been idle for its timeout, or until its timeout may be another one: flags of TCP may change
  // without a new state while it is half open or closing.
  std::uint32_t time_left(const Old& old) {
    const auto& entry = *Family::entry(&env_, old.slot);
    const auto* other = Family::entry(&env_, DP_LOAD(&entry.partner));
    if (other == nullptr) return soonest_;
    const std::uint8_t protocol = DP_LOAD(&entry.key.protocol);
    const std::uint32_t state = dp_flow_state_of(old.control);
    const std::uint32_t idle =
        std::min(dp_flow_idle(now_, DP_LOAD(&entry.seen)), dp_flow_idle(now_, DP_LOAD(&other->seen)));
    const std::uint32_t timeout =
        dp_flow_timeout(&settings_.timeouts, protocol, state, DP_LOAD(&entry.link), DP_LOAD(&other->link));
    if (idle >= timeout) return 0;
    if (protocol != DP_PROTOCOL_TCP) return timeout - idle;
    return std::min(timeout - idle, state == DP_FLOW_ASSURED ? kAssuredLooks * soonest_ : soonest_);
  }

  bool expire(const Old& old) {
    dp_flow_pair pair{};
    if (!Family::pair_at(&env_, old.slot, old.control, &pair)) return false;
    dp_flow_view view{};
    view.slot = old.slot;
    view.control = old.control;
    view.partner = pair.reverse;
    view.link = pair.reverse_version | DP_FLOW_FORWARD;
    return Family::delete_idle(&env_, &view, now_) != 0;
  }

  // A pair that lives on, and in how many ticks its bucket must be looked at for its sake.
  void stays(Note& note, std::uint32_t control, std::uint32_t left) {
    note.look_at = now_ + std::min(note.look_at - now_, left);
    switch (dp_flow_state_of(control)) {
      case DP_FLOW_HALF_OPEN: ++note.half_open; return count(1, 0, 0);
      case DP_FLOW_ASSURED: ++note.assured; return count(0, 1, 0);
      default: ++note.closing; return count(0, 0, 1);
    }
  }

  void count(std::uint32_t half_open, std::uint32_t assured, std::uint32_t closing) {
    counts_.half_open += half_open;
    counts_.assured += assured;
    counts_.closing += closing;
    counts_.live += half_open + assured + closing;
  }

  dp_settings settings_;
  flow_env env_;
  std::span<typename Family::Bucket> buckets_;
  std::span<Note> notes_;
  std::uint32_t now_;
  std::uint32_t stamp_;
  std::uint32_t soonest_;
  std::size_t changes_ = 0;
  std::array<Old, kPartnersAhead> old_{};
  std::size_t old_count_ = 0;
  ExpiryCounts counts_;
};

}  // namespace

// Everything is to be looked at: after a change of timeouts, and before a stamp can be so far behind that it looks
// current.
void FlowExpiry::forget(const TableView& table, std::uint32_t now, const dp_timeouts& timeouts, std::uint32_t stamp) {
  Note note;
  note.look_at = now;
  notes_.assign(table.slot_count() / DP_FLOW_LANES, note);
  timeouts_ = timeouts;
  stamp_ = stamp;
}

// How many control lines to read in this pass: all of them within half the shortest timeout, so that no flow can have
// begun and grown old unseen.
std::size_t FlowExpiry::portion(std::uint32_t now) const {
  const std::uint32_t interval = std::max<std::uint32_t>(now - passed_, 1);
  const std::size_t passes = std::max<std::uint32_t>(shortest(timeouts_) / 2 / interval, 1);
  return std::min(notes_.size(), std::max(kPortion, (notes_.size() + passes - 1) / passes));
}

ExpiryCounts FlowExpiry::pass(const TableView& table, std::uint32_t now, const dp_timeouts& timeouts,
                              std::uint32_t stamp) {
  if (notes_.size() != table.slot_count() / DP_FLOW_LANES || far_behind(stamp, stamp_, 1 << 13) ||
      std::memcmp(&timeouts, &timeouts_, sizeof(timeouts)) != 0)
    forget(table, now, timeouts, stamp);
  const std::size_t begin = next_ < notes_.size() ? next_ : 0;
  next_ = std::min(begin + portion(now), notes_.size());
  passed_ = now;
  return for_family(table, [&](auto family) {
    return Pass<decltype(family)>(table, notes_, now, timeouts, stamp).run(begin, next_);
  });
}

}  // namespace twinpath
