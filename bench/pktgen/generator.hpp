// generator.hpp - sends packets out of a device as fast as the kernel takes them.
//
//   auto generator = Generator::open({.device = "g0", .netns = "gen", .traffic = traffic});
//   generator->start();  ...  generator->stop();
//   generator->result().sent
//
// How       BPF_PROG_TEST_RUN with live frames: a BPF program writes each packet into a recycled page and redirects it to
//           the device through a devmap. No socket, no copy, no allocation per packet.
// Needs     root. The device, or a veth's other end, must take XDP redirects: a veth's peer has an XDP program (the sink's
//           will do) or GRO on, else everything is dropped without a word. A NIC must have an XDP program itself: it gets
//           one that passes everything, unless `hold_device` says that another is there.
// Left      nothing: maps, program and its attachment die with the object, or with the process.
// Threads   open/start/stop/result belong to one thread. Each lane is a thread of its own, pinned to its own CPU; a veth
//           gives it the queue of that CPU.
// Errors    Result with the reason; a lane that fails ends, and stop() says why.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/pktgen/traffic.hpp"

namespace twinpath::pktgen {

struct GeneratorOptions {
  std::string device{};
  std::string netns{};  // name below /run/netns, or a path; empty: the caller's
  Traffic traffic{};
  double rate_pps = 0;             // of all lanes together; 0: as fast as possible
  std::uint64_t packet_count = 0;  // of all lanes together, exactly; 0: until stop()
  std::uint32_t threads = 1;
  std::vector<int> cpus{};   // one per thread; empty: 0, 1, 2, ...
  std::uint32_t burst = 0;   // packets per call when a rate is kept; 0: what keeps calls 0.5 ms apart, at most 256
  std::uint32_t batch = 64;  // packets the kernel makes at a time, 1 to 256
  bool hold_device = true;   // no effect on veths and other virtual devices
};

struct GeneratorResult {
  std::uint64_t sent = 0;       // written and redirected; the device may not have taken them
  std::uint64_t not_taken = 0;  // what the device dropped while sending, where it counts that (veth does)
  std::uint64_t bytes = 0;      // of `sent`, on the wire
  std::uint64_t flows = 0;      // five-tuples begun
  std::uint64_t calls = 0;
  double seconds = 0;      // from start() to the end of the last lane, or until now
  double cpu_seconds = 0;  // of the lanes' threads; of a running lane: since its last call
};

class Generator {
 public:
  [[nodiscard]] static Result<Generator> open(const GeneratorOptions& options);
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  // Stops first.
  ~Generator();

  // Lanes begin to send, from their first flow. To be called once.
  [[nodiscard]] Status start();
  // False once every lane has ended: packet_count reached, or failed.
  [[nodiscard]] bool running() const;
  // Waits for the lanes to end by themselves; false when they still run after `limit`.
  [[nodiscard]] bool wait(std::chrono::milliseconds limit) const;
  // Ends the lanes and waits for them, some milliseconds. Says why a lane failed.
  Status stop();
  // May be called while running.
  [[nodiscard]] GeneratorResult result() const;

 private:
  struct Parts;
  explicit Generator(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinpath::pktgen
