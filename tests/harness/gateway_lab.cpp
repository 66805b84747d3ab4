#include "harness/gateway_lab.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "base/fd.hpp"

namespace twinpath::test {
namespace {

constexpr std::size_t kLogShown = 4000;
constexpr int kReadyPatience_ms = 60'000;

void prepare(const TestNamespace& part) {
  part.run(
      "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.default.forwarding=0 "
      "net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 net.ipv6.conf.default.accept_ra=0");
}

bool is_up(const TestNamespace& part) {
  return part.attempt("ip -brief link show type veth | awk '$2 != \"UP\" { waiting = 1 } END { exit waiting }'")
             .status == 0;
}

// The child: descriptor 3 tells of readiness, the log takes the rest.
[[noreturn]] void become_daemon(const std::vector<std::string>& words, int ready, const std::string& log) {
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int nothing = ::open("/dev/null", O_RDONLY);
  const int told = ::fcntl(ready, F_DUPFD, 10);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::dup2(told, 3);
  ::close_range(4, ~0U, 0);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

// The first line the daemon writes; empty when it ended or fell silent.
std::string first_line(int fd) {
  std::string line;
  pollfd waiting{fd, POLLIN, 0};
  char letter = 0;
  while (::poll(&waiting, 1, kReadyPatience_ms) == 1 && ::read(fd, &letter, 1) == 1 && letter != '\n') line += letter;
  return line;
}

}  // namespace

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return true;
}

GatewayLab::GatewayLab(const std::string& prefix, int queues)
    : client(prefix + "-client"),
      gateway(prefix + "-gateway"),
      server(prefix + "-server"),
      name_(prefix + "-" + std::to_string(::getpid())) {
  std::string pattern = "/tmp/" + name_ + ".XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
  folder_ = pattern;
  for (const TestNamespace* part : {&client, &gateway, &server}) prepare(*part);
  make_wire(client, "lan0", 1, queues);
  make_wire(server, "wan0", 2, queues);
  for (const TestNamespace* part : {&client, &gateway, &server})
    if (!eventually([&] { return is_up(*part); }))
      throw std::runtime_error(part->name() + ": the links do not come up");
}

GatewayLab::~GatewayLab() {
  try {
    clean();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), error.what());
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void GatewayLab::make_wire(const TestNamespace& host, const std::string& device, int number, int queues) const {
  const std::string n = std::to_string(number);
  const std::string counts = " numrxqueues " + std::to_string(queues) + " numtxqueues " + std::to_string(queues);
  gateway.run("ip link add " + device + " address 02:74:77:00:0" + n + ":01" + counts +
              " type veth peer name eth0 netns " + host.path() + " address 02:74:77:00:0" + n + ":02" + counts);
  const auto address = [&](const TestNamespace& part, const std::string& name, const std::string& side) {
    part.run("ip address add 10." + n + ".0." + side + "/24 dev " + name + " && ip address add 2001:db8:" + n +
             "::" + side + "/64 dev " + name + " nodad && ip link set " + name + " up");
  };
  address(gateway, device, "1");
  address(host, "eth0", "2");
  host.run("ip route add default via 10." + n + ".0.1 && ip route add default via 2001:db8:" + n + "::1");
}

nlohmann::json GatewayLab::config(const std::string& rules) const {
  return {{"name", name_},
          {"ports",
           {{{"name", "lan"}, {"device", "lan0"}, {"zone", "inside"}},
            {{"name", "wan"}, {"device", "wan0"}, {"zone", "outside"}}}},
          {"zones",
           {{"inside", {{"default", "drop"}}}, {"outside", {{"default", "drop"}}}, {"host", {{"default", "allow"}}}}},
          {"rules", nlohmann::json::parse(rules)},
          {"api", {{"unix", socket()}}}};
}

std::optional<std::string> GatewayLab::try_start(const nlohmann::json& config) {
  std::ofstream(config_file()) << config.dump(1);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const UniqueFd read_end{ends[0]};
  UniqueFd write_end{ends[1]};
  const std::string log = log_path();
  const std::vector<std::string> words{TWINPATHD_PROGRAM, "--config",     config_file(), "--name", name_,
                                       "--netns",         gateway.name(), "--ready-fd",  "3"};
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) become_daemon(words, write_end.get(), log);
  write_end.reset();
  pid_ = child;
  std::string line = first_line(read_end.get());
  if (line == "ready") return std::nullopt;
  end_daemon(SIGKILL);
  return line.empty() ? "ended without a word" : line;
}

void GatewayLab::start(const nlohmann::json& config) {
  if (const auto refusal = try_start(config)) throw std::runtime_error("twinpathd: " + *refusal + "\n" + log());
}

int GatewayLab::end_daemon(int signal) {
  int status = 0;
  if (pid_ == 0) return status;
  ::kill(pid_, signal);
  const pid_t pid = pid_;
  pid_ = 0;
  if (eventually([&] { return ::waitpid(pid, &status, WNOHANG) != 0; })) return status;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, &status, 0);
  throw std::runtime_error("twinpathd did not end by itself\n" + log());
}

void GatewayLab::clean() {
  end_daemon(SIGTERM);
  const CommandOutput cleaned =
      run_command(std::string(TWINPATHD_PROGRAM) + " --clean --name " + name_ + " --netns " + gateway.name());
  if (cleaned.status != 0) throw std::runtime_error("twinpathd --clean: " + cleaned.output);
}

std::string GatewayLab::log() const {
  std::ifstream file(log_path());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.size() > kLogShown ? text.substr(text.size() - kLogShown) : text;
}

rest::Reply GatewayLab::request(const std::string& method, const std::string& target, const std::string& body) const {
  rest::Client connection{socket()};
  auto reply = connection.request(method, target, body);
  if (!reply) throw std::runtime_error(method + " " + target + ": " + reply.error().text + "\n" + log());
  return std::move(*reply);
}

nlohmann::json GatewayLab::get(const std::string& target) const {
  const rest::Reply reply = request("GET", target);
  if (reply.status != 200) throw std::runtime_error("GET " + target + ": " + reply.body);
  return nlohmann::json::parse(reply.body);
}

std::vector<nlohmann::json> GatewayLab::policies(const std::string& query) const {
  std::vector<nlohmann::json> pairs;
  std::string cursor;
  do {
    nlohmann::json page = get("/v1/policies?limit=1000" + (query.empty() ? "" : "&" + query) +
                              (cursor.empty() ? "" : "&cursor=" + rest::percent_encode(cursor)));
    for (nlohmann::json& pair : page["policies"]) pairs.push_back(std::move(pair));
    cursor = page.contains("cursor") && page["cursor"].is_string() ? page["cursor"].get<std::string>() : "";
  } while (!cursor.empty());
  return pairs;
}

void GatewayLab::obtain_next_hops() const {
  for (const char* far_end : {"10.1.0.2", "10.2.0.2", "2001:db8:1::2", "2001:db8:2::2"})
    gateway.run(std::string("ping -q -c 1 -W 5 ") + far_end);
}

std::uint64_t GatewayLab::drops(const std::string& reason) const {
  const nlohmann::json answer = get("/v1/drops");
  for (const nlohmann::json& entry : answer["drops"])
    if (entry["reason"] == reason) return entry["packets"].get<std::uint64_t>();
  return 0;
}

std::uint64_t GatewayLab::engine_received() const {
  return get("/v1/engines")["engines"][0]["received"].get<std::uint64_t>();
}

}  // namespace twinpath::test
