// route_cache_test.cpp - which lookups the route cache answers (common/decide/route_cache.h).

#include <doctest/doctest.h>

#include <set>

#include "common/decide/route_cache.h"

namespace {

dp_route_query query_for(__be32 address) {
  dp_route_query query{};
  query.address.word[0] = address;
  query.stamp = 1U << 16 | 7;
  query.now = 1000;
  query.family = DP_FAMILY_V4;
  return query;
}

constexpr dp_route kRoute{DP_ROUTE_VIA, 2, 0, 5, 0};

}  // namespace

TEST_CASE("a stored route answers the same question, and no other") {
  const dp_route_query stored = query_for(0x0100000a);
  dp_cached_route cached{};
  CHECK(!dp_route_cache_holds(&cached, &stored));
  dp_route_cache_store(&cached, &stored, &kRoute);
  CHECK(dp_route_cache_holds(&cached, &stored));
  CHECK(cached.route.first_path == 5);
  const auto holds_with = [&](auto change) {
    dp_route_query asked = stored;
    change(asked);
    return dp_route_cache_holds(&cached, &asked) != 0;
  };
  CHECK(holds_with([](dp_route_query& query) { query.hash = 77; }));
  CHECK(!holds_with([](dp_route_query& query) { query.address.word[0]++; }));
  CHECK(!holds_with([](dp_route_query& query) { query.address.word[3]++; }));
  CHECK(!holds_with([](dp_route_query& query) { query.family = DP_FAMILY_V6; }));
  CHECK(!holds_with([](dp_route_query& query) { query.bank = 1; }));
  CHECK(!holds_with([](dp_route_query& query) { query.stamp++; }));            // another epoch
  CHECK(!holds_with([](dp_route_query& query) { query.stamp += 1U << 16; }));  // another generation
}

TEST_CASE("a stored route is valid for some time only, because stamps come round again") {
  const dp_route_query stored = query_for(0x0100000a);
  dp_cached_route cached{};
  dp_route_cache_store(&cached, &stored, &kRoute);
  dp_route_query later = stored;
  later.now += DP_ROUTE_CACHE_TICKS - 1;
  CHECK(dp_route_cache_holds(&cached, &later));
  later.now++;
  CHECK(!dp_route_cache_holds(&cached, &later));
  later.now = stored.now - 1;  // another CPU's tick, or the clock's wrap: looked up again
  CHECK(!dp_route_cache_holds(&cached, &later));
}

TEST_CASE("that there is no route is remembered too") {
  const dp_route_query stored = query_for(0x0100000a);
  dp_cached_route cached{};
  dp_route_cache_store(&cached, &stored, &kRoute);
  dp_route_cache_store(&cached, &stored, nullptr);
  CHECK(dp_route_cache_holds(&cached, &stored));
  CHECK(cached.route.kind == DP_ROUTE_NONE);
}

TEST_CASE("neighbouring addresses spread over the entries") {
  std::set<__u32> used;
  for (__u32 i = 0; i < 256; ++i) {
    const dp_route_query query = query_for(htonl(0x0a010000 + i));
    const __u32 index = dp_route_cache_index(&query.address);
    REQUIRE(index < DP_ROUTE_CACHE_ENTRIES);
    used.insert(index);
  }
  CHECK(used.size() > 200);  // 226 in the mean of random indices
}
