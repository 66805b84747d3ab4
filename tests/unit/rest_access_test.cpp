// Who may connect: the socket file, the loopback listener, tokens and web pages.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "harness/raw_client.hpp"
#include "harness/running_server.hpp"
#include "rest/client.hpp"

using namespace twinpath;
using namespace twinpath::rest;

TEST_CASE("full HTTP does not lock out the unix socket") {
  ServerLimits limits;
  limits.connections = 1;
  Running server(limits, "127.0.0.1:0");
  RawClient http(server.http_port());
  http.say(get("/v1/status"));
  http.hear("}\n");
  CHECK(Client(server.socket()).request("GET", "/v1/status")->status == 200);
}

TEST_CASE("HTTP with a token serves only who has it; the unix socket needs none") {
  Running server({}, "127.0.0.1:0", "s3cret");
  const struct {
    const char* header;
    const char* answer;
  } cases[] = {
      {"", "401 Unauthorized"},
      {"Authorization: Bearer wrong\r\n", "401 Unauthorized"},
      {"Authorization: Bearer s3cre\r\n", "401 Unauthorized"},
      {"Authorization: Bearer s3crets3cret\r\n", "401 Unauthorized"},
      {"Authorization: Bearer \r\n", "401 Unauthorized"},
      {"Authorization: Basic s3cret\r\n", "401 Unauthorized"},
      {"Authorization: Bearer s3cret\r\n", "200 OK"},
      {"authorization: bearer s3cret\r\n", "200 OK"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.header);
    RawClient client(server.http_port());
    client.say(get_once("/v1/status", c.header));
    const std::string heard = client.hear();
    CHECK(has(heard, c.answer));
    CHECK(has(heard, "WWW-Authenticate: Bearer") == has(heard, "401"));
  }
  CHECK(Client(server.socket()).request("GET", "/v1/status")->status == 200);
}

TEST_CASE("a stranger's body is not waited for") {
  Running server({}, "127.0.0.1:0", "s3cret");
  RawClient client(server.http_port());
  client.say("PUT /v1/config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  CHECK(has(client.hear("}\n"), "401 Unauthorized"));
}

TEST_CASE("HTTP refuses what a browser sends for a foreign page") {
  Running server({}, "127.0.0.1:0");
  const struct {
    const char* header;
    const char* answer;
  } cases[] = {
      {"Host: 127.0.0.1:9080\r\n", "202 Accepted"},
      {"Host: [::1]:9080\r\n", "202 Accepted"},
      {"Host: localhost:1\r\nOrigin: http://localhost:1\r\n", "202 Accepted"},
      {"Host: evil.example\r\n", "421 Misdirected Request"},
      {"", "421 Misdirected Request"},
      {"Host: localhost\r\nOrigin: http://evil.example\r\n", "403 Forbidden"},
      {"Host: localhost\r\nOrigin: null\r\n", "403 Forbidden"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.header);
    RawClient client(server.http_port());
    client.say(fmt::format("POST /v1/shutdown HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{}\r\n", c.header));
    CHECK(has(client.hear(), c.answer));
  }
}

TEST_CASE("HTTP listens on loopback only, and says so") {
  FakeGateway gateway;
  boost::asio::io_context context;
  const struct {
    const char* http;
    const char* part;  // of the refusal; empty: none
  } cases[] = {
      {"127.0.0.1:0", ""},
      {"[::1]:0", ""},
      {"localhost:0", ""},
      {"0.0.0.0:9080", "loopback"},
      {"192.0.2.1:9080", "TLS"},
      {"127.0.0.1", "ADDRESS:PORT"},
      {"127.0.0.1:", "ADDRESS:PORT"},
      {"127.0.0.1:99999", "ADDRESS:PORT"},
      {"gateway:80", "ADDRESS:PORT"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.http);
    const auto server = Server::open(context, gateway, {"", c.http, "", {}});
    CHECK(server.has_value() == (*c.part == '\0'));
    if (!server) CHECK(has(server.error().text, c.part));
  }
}

TEST_CASE("the socket file has mode 0660 and goes when the server goes") {
  FakeGateway gateway;
  boost::asio::io_context context;
  TemporaryFolder folder;
  const std::string path = folder.file("api.sock");
  {
    const auto server = Server::open(context, gateway, {path, "", "", {}});
    REQUIRE(server);
    struct stat found {};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    CHECK((found.st_mode & 0777) == 0660);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a dead daemon's socket is replaced, a live one's is not, nor any other file") {
  FakeGateway gateway;
  boost::asio::io_context context;
  TemporaryFolder folder;
  const std::string path = folder.file("api.sock");
  {
    const UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  const auto first = Server::open(context, gateway, {path, "", "", {}});
  REQUIRE(first);
  const auto second = Server::open(context, gateway, {path, "", "", {}});
  REQUIRE_FALSE(second);
  CHECK(has(second.error().text, "another daemon listens on"));
  CHECK(std::filesystem::exists(path));

  std::filesystem::create_directory(folder.file("folder"));
  const auto third = Server::open(context, gateway, {folder.file("folder"), "", "", {}});
  REQUIRE_FALSE(third);
  CHECK(has(third.error().text, "is not a socket"));
  CHECK_FALSE(Server::open(context, gateway, {folder.file("no/such/api.sock"), "", "", {}}));
  CHECK_FALSE(Server::open(context, gateway, {std::string(200, 'x'), "", "", {}}));
}
