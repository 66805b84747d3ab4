// fragmenter.hpp - splits an IPv4 packet that is too big for the egress MTU into fragments.
//
// Source   RFC 791 section 3.2 (procedure, copied options), RFC 1812 section 4.2.2.7: as few fragments as possible,
//          in order. A fragment may be fragmented again.
// Shape    reads the rewritten frame and writes one fragment at a time; no state outside the object.
#pragma once

#include <cstdint>
#include <span>

namespace twinpath {

class Ipv4Fragmenter {
 public:
  // A packet at `l3_offset` of `frame`, whose headers have been checked; `mtu` bytes fit, its header included.
  Ipv4Fragmenter(std::span<const std::uint8_t> frame, std::uint32_t l3_offset, std::uint32_t mtu) noexcept;

  // False when not even eight bytes fit behind the header: RFC 791 requires an MTU of 68 at least.
  [[nodiscard]] bool possible() const noexcept { return possible_; }
  [[nodiscard]] bool done() const noexcept { return offset_ >= payload_.size(); }
  // Writes the next fragment, link header first. Returns its bytes; 0 when `out` is too small.
  [[nodiscard]] std::uint32_t next(std::span<std::uint8_t> out) noexcept;

 private:
  static constexpr std::uint32_t kHeaderMax = 60;

  [[nodiscard]] std::uint32_t header_bytes() const noexcept { return offset_ == 0 ? first_header_ : later_header_; }
  void write_header(std::uint8_t* at, std::uint32_t bytes) const noexcept;

  std::span<const std::uint8_t> link_;
  std::span<const std::uint8_t> header_;
  std::span<const std::uint8_t> payload_;
  std::uint8_t copied_[kHeaderMax]{};  // header of later fragments: options that are not copied left out
  std::uint32_t first_header_ = 0;
  std::uint32_t later_header_ = 0;
  std::uint32_t mtu_;
  std::uint32_t offset_ = 0;  // of the next fragment in `payload_`
  bool possible_ = false;
};

}  // namespace twinpath
