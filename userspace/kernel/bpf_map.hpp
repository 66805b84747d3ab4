// bpf_map.hpp - typed views of BPF maps: memory of array maps, and the few system calls that other kinds need.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <vector>

#include "base/mapping.hpp"
#include "base/result.hpp"

namespace twinpath {

// The values of an mmapable array map as memory. The size of T must be a multiple of 8: the kernel places values so.
template <class T>
class MapMemory {
  static_assert(sizeof(T) % 8 == 0, "values of an array map are eight bytes apart");

 public:
  MapMemory() = default;
  [[nodiscard]] static Result<MapMemory> open(int fd, std::size_t entries, int protection = PROT_READ | PROT_WRITE) {
    constexpr std::size_t kPage = 4096;
    auto mapping = Mapping::shared(fd, (entries * sizeof(T) + kPage - 1) / kPage * kPage, protection);
    if (!mapping) return pass_on(std::move(mapping.error()));
    return MapMemory{std::move(*mapping), entries};
  }
  [[nodiscard]] std::span<T> values() const { return mapping_.as<T>().first(entries_); }
  [[nodiscard]] T& operator[](std::size_t index) const { return values()[index]; }

 private:
  MapMemory(Mapping mapping, std::size_t entries) : mapping_(std::move(mapping)), entries_(entries) {}
  Mapping mapping_;
  std::size_t entries_ = 0;
};

// Sets key → value; `what` names both for the error.
template <class K, class V>
[[nodiscard]] Status map_update(int fd, const K& key, const V& value, const char* what) {
  if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) != 0) return fail(errno, "update {}", what);
  return {};
}

// Removes a key; an absent one is no error.
template <class K>
[[nodiscard]] Status map_remove(int fd, const K& key, const char* what) {
  if (bpf_map_delete_elem(fd, &key) != 0 && errno != ENOENT) return fail(errno, "remove from {}", what);
  return {};
}

// False when the key is absent.
template <class K, class V>
[[nodiscard]] bool map_find(int fd, const K& key, V& value) {
  return bpf_map_lookup_elem(fd, &key, &value) == 0;
}

// Sum over all CPUs of one value of a per-CPU array whose T is made of 64-bit counters only.
template <class T>
[[nodiscard]] T sum_per_cpu(int fd, std::uint32_t index) {
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0);
  const int cpus = libbpf_num_possible_cpus();
  std::vector<T> values(static_cast<std::size_t>(cpus > 0 ? cpus : 1));
  T sum{};
  if (bpf_map_lookup_elem(fd, &index, values.data()) != 0) return sum;
  auto* total = reinterpret_cast<std::uint64_t*>(&sum);
  for (const T& value : values) {
    const auto* words = reinterpret_cast<const std::uint64_t*>(&value);
    for (std::size_t i = 0; i < sizeof(T) / sizeof(std::uint64_t); ++i) total[i] += words[i];
  }
  return sum;
}

}  // namespace twinpath
