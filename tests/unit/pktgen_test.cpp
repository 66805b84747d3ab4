// pktgen_test.cpp - the generator's arithmetic, its command line and its report. No packet is sent.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "bench/pktgen/histogram.hpp"
#include "bench/pktgen/lane.hpp"
#include "bench/pktgen/options.hpp"
#include "bench/pktgen/plan.hpp"
#include "bench/pktgen/report.hpp"
#include "harness/packet.hpp"

using namespace twinpath;
using namespace twinpath::pktgen;

namespace {

Result<CommandLine> parse(std::vector<std::string_view> words) {
  words.insert(words.begin(), {"--device", "g0"});
  return parse_command_line(words);
}

Traffic traffic_of(Family family, Protocol protocol) {
  Traffic traffic;
  traffic.family = family;
  traffic.protocol = protocol;
  traffic.source = default_source(family);
  traffic.destination = default_destination(family);
  return traffic;
}

}  // namespace

TEST_CASE("a prefix is its hosts, a range runs from end to end") {
  struct {
    const char* text;
    std::uint32_t count;
    std::vector<std::uint8_t> first;
  } cases[] = {
      {"192.0.2.0/24", 254, {192, 0, 2, 1}},
      {"192.0.2.77/24", 254, {192, 0, 2, 1}},
      {"192.0.2.8/31", 2, {192, 0, 2, 8}},
      {"192.0.2.9", 1, {192, 0, 2, 9}},
      {"192.0.2.250-192.0.3.5", 12, {192, 0, 2, 250}},
      {"2001:db8::/120", 255, {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
      {"2001:db8::10-2001:db8::1f", 16, {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}},
      {"10.0.0.0/0", 1U << 31, {0, 0, 0, 1}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    const auto range = parse_addresses(c.text);
    REQUIRE(range);
    CHECK(range->count == c.count);
    CHECK(std::equal(c.first.begin(), c.first.end(), range->first.begin()));
  }
}

TEST_CASE("addresses that make no range are refused") {
  for (const char* text : {"", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1",
                           "2001:db8::1-2001:db9::1", "2001:db8::/129"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_addresses(text));
  }
}

TEST_CASE("ports and MAC addresses are read whole or not at all") {
  CHECK(parse_ports("53")->count() == 1);
  CHECK(parse_ports("0-65535")->count() == 65536);
  for (const char* text : {"", "x", "5-", "-5", "9-8", "65536", "1-2-3"}) CHECK_FALSE(parse_ports(text));
  CHECK(*parse_mac("02:00:5e:00:53:ff") == MacAddress{2, 0, 0x5e, 0, 0x53, 0xff});
  for (const char* text : {"", "02:00:5e:00:53", "02:00:5e:00:53:f", "02-00-5e-00-53-ff", "02:00:5e:00:53:gg"})
    CHECK_FALSE(parse_mac(text));
}

TEST_CASE("every option of the command line reaches its place") {
  const auto line = parse({"--netns",
                           "far",
                           "--sink-device",
                           "s0",
                           "--sink-netns",
                           "near",
                           "--destination-mac",
                           "02:00:00:00:00:01",
                           "--source-mac",
                           "02:00:00:00:00:02",
                           "--protocol",
                           "tcp",
                           "--tcp-flags",
                           "syn",
                           "--source",
                           "2001:db8::/112",
                           "--destination",
                           "2001:db8:1::1-2001:db8:1::2",
                           "--source-port",
                           "1-10",
                           "--destination-port",
                           "80",
                           "--flows",
                           "1000",
                           "--order",
                           "random",
                           "--new-flows",
                           "2500.5",
                           "--size",
                           "imix",
                           "--clock-every",
                           "1",
                           "--rate",
                           "1e5",
                           "--burst",
                           "7",
                           "--batch",
                           "256",
                           "--count",
                           "99",
                           "--duration",
                           "1.5",
                           "--warmup",
                           "2",
                           "--threads",
                           "2",
                           "--cpus",
                           "1,0",
                           "--replies",
                           "on",
                           "--watched-flows",
                           "12",
                           "--checksum-every",
                           "1",
                           "--check-order",
                           "off",
                           "--latency",
                           "off",
                           "--driver",
                           "live",
                           "--json"});
  REQUIRE_MESSAGE(line, line.error().text);
  const RunOptions& run = line->run;
  const GeneratorOptions& generator = run.generator;
  const Traffic& traffic = generator.traffic;
  CHECK(generator.device == "g0");
  CHECK(generator.netns == "far");
  CHECK(run.sink_device == "s0");
  CHECK(run.sink_netns == "near");
  CHECK(traffic.destination_mac[5] == 1);
  CHECK(traffic.source_mac[5] == 2);
  CHECK(traffic.family == Family::v6);  // told by the addresses
  CHECK(traffic.protocol == Protocol::tcp);
  CHECK(traffic.tcp_flags == TcpFlags::syn);
  CHECK(traffic.source.count == 65535);
  CHECK(traffic.destination.count == 2);
  CHECK(traffic.source_ports.count() == 10);
  CHECK(traffic.destination_ports.first == 80);
  CHECK(traffic.flows == 1000);
  CHECK(traffic.order == Order::random);
  CHECK(traffic.new_flows_per_second == 2500.5);
  CHECK(traffic.imix);
  CHECK(traffic.clock_every == 1);
  CHECK(generator.rate_pps == 1e5);
  CHECK(generator.burst == 7);
  CHECK(generator.batch == 256);
  CHECK(generator.packet_count == 99);
  CHECK(run.seconds == 1.5);
  CHECK(run.warmup_seconds == 2);
  CHECK(generator.threads == 2);
  CHECK(generator.cpus == std::vector<int>{1, 0});
  CHECK(run.replies);
  CHECK(run.watched_flows == 12);
  CHECK(run.checksum_every == 1);
  CHECK_FALSE(run.check_order);
  CHECK_FALSE(run.measure_latency);
  CHECK(line->driver == Driver::live);
  CHECK(line->json);
}

TEST_CASE("a command line that cannot be meant is refused by the option's name") {
  struct {
    std::vector<std::string_view> words;
    const char* says;
  } cases[] = {
      {{"--flows", "0"}, "--flows"},
      {{"--flows", "4194305"}, "--flows"},
      {{"--flows", "10x"}, "--flows"},
      {{"--size", "63"}, "--size"},
      {{"--size", "1519"}, "--size"},
      {{"--rate", "-1"}, "--rate"},
      {{"--rate", "nan"}, "--rate"},
      {{"--order", "shuffled"}, "--order: 'shuffled' is none of sequence, random"},
      {{"--clock-every", "3"}, "1, 2, 4, 8"},
      {{"--source", "10.0.0.1/40"}, "--source"},
      {{"--family", "6", "--source", "10.0.0.1"}, "must be of IPv6"},
      {{"--source", "10.0.0.1", "--source-port", "1-10", "--flows", "11"}, "give 10 five-tuples"},
      {{"--replies", "on"}, "--sink-device"},
      {{"--rate"}, "--rate needs PPS"},
      {{"--sise", "64"}, "unknown option '--sise'"},
  };
  for (const auto& c : cases) {
    const auto line = parse(c.words);
    REQUIRE_FALSE(line);
    CHECK_MESSAGE(line.error().text.find(c.says) != std::string::npos, line.error().text);
  }
  CHECK_FALSE(parse_command_line({}));  // no device
}

TEST_CASE("the help names every option that a command line may have") {
  const std::string help = help_text();
  for (const char* name : {"--device", "--flows", "--new-flows", "--replies", "--driver", "--json", "--help"})
    CHECK(help.find(name) != std::string::npos);
}

TEST_CASE("a digit's quotient is that of a division") {
  std::mt19937 random{1};
  for (const std::uint32_t count : {1U, 2U, 3U, 7U, 254U, 64512U, 65535U, 65536U, 1000003U, (1U << 31) - 1, 1U << 31}) {
    const pktgen_digit digit = make_digit(5, count);
    for (int i = 0; i < 20000; ++i) {
      // Also around multiples, where a rounded inverse would fail first.
      const std::uint32_t near = random() / count * count + random() % 3 - 1;
      const std::uint32_t number = (i % 2 ? random() : near) & PKTGEN_NUMBER_MASK;
      std::uint32_t rest = number;
      const std::uint32_t value = pktgen_take_digit(digit.first, digit.count, digit.inverse, digit.shift, &rest);
      REQUIRE(rest == number / count);
      REQUIRE(value == 5 + number % count);
    }
  }
}

TEST_CASE("lanes share flows and packets out without rest") {
  for (const std::uint32_t threads : {1U, 2U, 3U, 7U}) {
    GeneratorOptions options{.traffic = {.flows = 1000}, .packet_count = 10001, .threads = threads};
    std::uint64_t flows = 0, packets = 0;
    for (std::uint32_t lane = 0; lane < threads; ++lane) {
      flows += make_lane(options, lane).flows;
      packets += make_lane(options, lane).limit;
    }
    CHECK(flows == 1000);
    CHECK(packets == 10001);
  }
}

TEST_CASE("new flows come at their rate to a thousandth") {
  for (const double rate : {100.0, 12345.0, 5e6}) {
    GeneratorOptions options{.traffic = {.flows = 1000, .new_flows_per_second = rate}, .threads = 2};
    const double share = static_cast<double>(make_lane(options, 1).share);
    CHECK(share * 2 * 1e9 / static_cast<double>(1ULL << PKTGEN_SHARE_SHIFT) == doctest::Approx(rate).epsilon(0.001));
  }
}

TEST_CASE("the shortest frame holds headers and payload") {
  struct {
    Family family;
    Protocol protocol;
    std::uint32_t stamped, bare;
  } cases[] = {{Family::v4, Protocol::udp, 64, 64},
               {Family::v4, Protocol::tcp, 76, 64},
               {Family::v6, Protocol::udp, 84, 68},
               {Family::v6, Protocol::tcp, 96, 84}};
  for (const auto& c : cases) {
    Traffic traffic = traffic_of(c.family, c.protocol);
    CHECK(least_frame_bytes(traffic) == c.stamped);
    traffic.stamps = false;
    CHECK(least_frame_bytes(traffic) == c.bare);
  }
}

TEST_CASE("the plan's sums are those of the template's headers") {
  const Traffic traffic = traffic_of(Family::v4, Protocol::udp);
  const std::vector<std::uint8_t> headers = frame_template(traffic);
  std::uint64_t sum = make_plan(traffic).ip_sum;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  const auto expected = static_cast<std::uint16_t>(~test::internet_checksum({headers.data() + 14, 20}));
  CHECK(dp_htons(static_cast<std::uint16_t>(sum)) == expected);
}

TEST_CASE("IMIX is twelve packets: seven small, four middle, one large") {
  Traffic traffic;
  traffic.imix = true;
  const auto sizes = frame_sizes(traffic);
  CHECK(std::count(sizes.begin(), sizes.end(), 64U) == 7);
  CHECK(std::count(sizes.begin(), sizes.end(), 594U) == 4);
  CHECK(std::count(sizes.begin(), sizes.end(), 1518U) == 1);
}

TEST_CASE("a histogram tells quantiles within two percent, and the maximum exactly") {
  std::mt19937_64 random{7};
  for (const std::uint64_t scale : {10ULL, 1000ULL, 50'000ULL, 3'000'000ULL, 1ULL << 40}) {
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 10000; ++i) values.push_back(random() % scale + scale / 4);
    for (const std::uint64_t value : values) histogram.add(value);
    std::sort(values.begin(), values.end());
    for (const double q : {0.01, 0.5, 0.99, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(q * 10000)) - 1;
      CHECK(static_cast<double>(histogram.quantile(q)) ==
            doctest::Approx(static_cast<double>(values[rank])).epsilon(0.02));
    }
    if (scale >= 1000)  // of many values also the place inside the bucket
      CHECK(static_cast<double>(histogram.quantile(0.5)) ==
            doctest::Approx(static_cast<double>(values[4999])).epsilon(0.004));
    CHECK(histogram.max() == values.back());
    CHECK(histogram.count() == 10000);
  }
}

TEST_CASE("buckets follow one another without gap, from the shortest latency to the longest") {
  std::uint32_t before = 0;
  for (std::uint64_t ns = 0; ns < 200000; ++ns) {
    const std::uint32_t bucket = pktgen_bucket(ns);
    REQUIRE((bucket == before || bucket == before + 1));
    before = bucket;
  }
  CHECK(pktgen_bucket((1ULL << PKTGEN_LATENCY_BITS) - 1) == PKTGEN_BUCKETS - 1);
  CHECK(pktgen_bucket(~0ULL) == PKTGEN_BUCKETS - 1);
}

TEST_CASE("a histogram less an older state of itself is what came since") {
  Histogram histogram;
  histogram.add(1000);
  const Histogram before = histogram;
  histogram.add(30);
  CHECK((histogram - before).count() == 1);
  CHECK((histogram - before).quantile(0.5) == 30);
  CHECK(Histogram{}.quantile(0.5) == 0);
}

TEST_CASE("bursts keep calls half a millisecond apart, and are never nothing") {
  CHECK(burst_for(1) == 1);
  CHECK(burst_for(100'000) == 50);
  CHECK(burst_for(1e8) == 256);
}

TEST_CASE("a report without stamps has no order and no latency, rather than zeros") {
  Report report;
  report.sink.emplace();
  RunOptions options;
  options.generator.traffic.stamps = false;
  const auto json = report_json(report, options, "live");
  CHECK(json["sink"]["order"].is_null());
  CHECK(json["sink"]["latency"].is_null());
  options.generator.traffic.stamps = true;
  CHECK(report_json(report, options, "live")["sink"]["order"]["reordered"] == 0);
}
