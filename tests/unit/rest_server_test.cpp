// The server on real sockets: one connection after the other, and clients that misbehave.
#include "rest/server.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <thread>

#include "harness/raw_client.hpp"
#include "harness/running_server.hpp"
#include "rest/client.hpp"

using namespace twinpath;
using namespace twinpath::rest;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr std::string_view status_end = "\"edge1\"}\n";

}  // namespace

TEST_CASE("the client reads and writes through the unix socket and keeps its connection") {
  Running server;
  Client client(server.socket());
  for (int i = 0; i < 3; ++i) {
    const Result<Reply> reply = client.request("GET", "/v1/status");
    REQUIRE_MESSAGE(reply, reply.error().text);
    CHECK(reply->status == 200);
    CHECK(reply->content_type == "application/json");
    CHECK(json::parse(reply->body)["name"] == "edge1");
  }
  const Result<Reply> put = client.request("PUT", "/v1/config", R"({"name": "edge1"})");
  REQUIRE(put);
  CHECK(put->status == 200);
  CHECK(server.gateway.last_config == R"({"name": "edge1"})");
  CHECK(client.request("HEAD", "/v1/status")->body.empty());
  CHECK(client.request("GET", "/nothing")->status == 404);
  CHECK(*client.peer_pid() == ::getpid());
}

TEST_CASE("a body of many megabytes is read whole") {
  Running server;
  Client client(server.socket());
  const std::string document = "\"" + std::string(15'000'000, 'x') + "\"";
  const Result<Reply> reply = client.request("PUT", "/v1/config", document);
  REQUIRE_MESSAGE(reply, reply.error().text);
  CHECK(reply->status == 200);
  CHECK(server.gateway.last_config.size() == document.size());
}

TEST_CASE("an answer of many megabytes arrives whole") {
  Running server;
  server.gateway.metrics_text = std::string(20'000'000, 'm');
  Client client(server.socket());
  CHECK(client.request("GET", "/metrics")->body.size() == 20'000'000);
  CHECK(client.request("GET", "/metrics")->body.size() == 20'000'000);
}

TEST_CASE("a streamed response arrives whole, in chunks, and the connection goes on") {
  Running server;
  server.gateway.add_pairs(5000);
  Client client(server.socket());
  for (int i = 0; i < 2; ++i) {
    const Result<Reply> reply = client.request("GET", "/v1/policies?limit=all");
    REQUIRE_MESSAGE(reply, reply.error().text);
    const json document = json::parse(reply->body);
    CHECK(document["policies"].size() == 5000);
    CHECK(document["policies"][4999]["id"] == "5000");
    CHECK(document["cursor"].is_null());
  }
  RawClient raw(server.socket());
  raw.say("HEAD /v1/policies?limit=all HTTP/1.1\r\nHost: x\r\n\r\n" + get("/v1/policies?limit=all") +
          get_once("/v1/status"));
  const std::string heard = raw.hear();
  CHECK(RawClient::count(heard, "Transfer-Encoding: chunked\r\n") == 2);
  CHECK(RawClient::count(heard, "\r\n0\r\n\r\n") == 1);
  CHECK(RawClient::count(heard, "\"cursor\":null") == 1);
  CHECK(has(heard, "edge1"));
}

TEST_CASE("HTTP/1.0, which knows no chunks, gets a streamed response that ends with the connection") {
  Running server;
  server.gateway.add_pairs(300);
  RawClient client(server.socket());
  client.say("GET /v1/policies?limit=all HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string heard = client.hear();
  CHECK_FALSE(has(heard, "chunked"));
  CHECK(has(heard, "Connection: close"));
  CHECK(json::parse(heard.substr(heard.find("\r\n\r\n")))["policies"].size() == 300);
}

TEST_CASE("a slow client stops its stream, and nobody else's requests") {
  Running server;
  server.gateway.add_pairs(50'000);
  RawClient slow(server.socket());
  slow.say(get_once("/v1/policies?limit=all"));
  CHECK(server.becomes([](const FakeGateway& gateway) { return gateway.pages_asked > 1; }));
  std::this_thread::sleep_for(100ms);  // more than enough to fill the socket
  int asked = 0;
  CHECK(server.becomes([&](const FakeGateway& gateway) { return (asked = gateway.pages_asked) > 0; }));
  CHECK(asked < 250);  // pages of the whole table
  Client other(server.socket());
  for (int i = 0; i < 20; ++i) CHECK(other.request("GET", "/v1/status")->status == 200);
  CHECK(server.becomes([&](const FakeGateway& gateway) { return gateway.pages_asked == asked; }));
  const std::string heard = slow.hear();
  CHECK(RawClient::count(heard, "\"assured\"") == 50'000);
  CHECK(has(heard, "\r\n0\r\n\r\n"));
}

TEST_CASE("a stream ends with the client that goes away in the middle") {
  Running server;
  server.gateway.add_pairs(50'000);
  {
    RawClient client(server.socket());
    client.say(get("/v1/policies?limit=all"));
    CHECK(has(client.hear("\"policies\""), "200 OK"));
  }
  CHECK(server.becomes_unconnected());
  CHECK(server.becomes([](const FakeGateway& gateway) { return gateway.pages_asked < 250; }));
  CHECK(Client(server.socket()).request("GET", "/v1/status")->status == 200);
}

TEST_CASE("a client that takes no more of a stream is cut off") {
  ServerLimits limits;
  limits.response = 100ms;
  Running server(limits);
  server.gateway.add_pairs(50'000);
  RawClient client(server.socket());
  client.say(get("/v1/policies?limit=all"));
  CHECK(server.becomes([](const FakeGateway& gateway) { return gateway.pages_asked > 1; }));
  CHECK(server.becomes_unconnected());
}

TEST_CASE("a stream that fails on its way ends without its last chunk, and the client knows") {
  Running server;
  server.gateway.add_pairs(1000);
  server.gateway.pages_given = 3;
  const Result<Reply> reply = Client(server.socket()).request("GET", "/v1/policies?limit=all");
  REQUIRE_FALSE(reply);
  CHECK(has(reply.error().text, "partial message"));
  CHECK(Client(server.socket()).request("GET", "/v1/status")->status == 200);
}

TEST_CASE("nobody listening is an error with its errno") {
  TemporaryFolder folder;
  Client client(folder.file("nobody.sock"));
  const Result<Reply> reply = client.request("GET", "/v1/status");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == ENOENT);
}

TEST_CASE("pipelined requests are answered in their order on one connection") {
  Running server;
  RawClient client(server.socket());
  client.say(get("/v1/ports") + get("/v1/rules") + get_once("/v1/zones"));
  const std::string heard = client.hear();
  CHECK(RawClient::count(heard, "HTTP/1.1 200 OK") == 3);
  CHECK(heard.find("\"ports\"") < heard.find("\"rules\""));
  CHECK(heard.find("\"rules\"") < heard.find("\"zones\""));
  CHECK(RawClient::count(heard, "Connection: keep-alive") == 2);
}

TEST_CASE("HEAD says what GET would, without the body") {
  Running server;
  RawClient client(server.socket());
  client.say("HEAD /v1/status HTTP/1.1\r\nHost: x\r\n\r\n" + get_once("/v1/status"));
  const std::string heard = client.hear();
  CHECK(RawClient::count(heard, "Content-Length: 32") == 2);
  CHECK(RawClient::count(heard, "edge1") == 1);
}

TEST_CASE("HTTP/1.0 is answered and closed") {
  Running server;
  RawClient client(server.socket());
  client.say("GET /v1/status HTTP/1.0\r\n\r\n");
  CHECK(has(client.hear(), "Connection: close"));
}

TEST_CASE("a wrong method is told what is allowed") {
  Running server;
  RawClient client(server.socket());
  client.say("PATCH /v1/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string heard = client.hear();
  CHECK(has(heard, "405 Method Not Allowed"));
  CHECK(has(heard, "\r\nAllow: GET, HEAD, PUT\r\n"));
}

TEST_CASE("what is no HTTP is refused and closed") {
  Running server;
  const struct {
    const char* name;
    std::string request;
    const char* answer;
  } cases[] = {
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", "400 Bad Request"},
      {"no version", "GET /v1/status\r\n\r\n", "400 Bad Request"},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request"},
      {"two lengths", "PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
       "400 Bad Request"},
      {"length and chunks",
       "PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
       "400 Bad Request"},
      {"length below zero", "PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"},
      {"a chunk without size", "PUT /v1/config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       "400 Bad Request"},
      {"a header without end", "GET /v1/status HTTP/1.1\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n", "431 "},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    RawClient client(server.socket());
    client.say(c.request);
    const std::string heard = client.hear();
    CAPTURE(heard);
    CHECK(has(heard, c.answer));
    CHECK(has(heard, "\"error\""));
    CHECK_FALSE(has(heard, "<silence>"));
  }
}

TEST_CASE("a body that says it is too large is refused before it is sent") {
  Running server;
  RawClient client(server.socket());
  client.say("PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n");
  const std::string heard = client.hear();
  CHECK(has(heard, "413 Payload Too Large"));
  CHECK(has(heard, "too_large"));
  CHECK(server.gateway.last_config.empty());
}

TEST_CASE("a body that grows too large in pieces is refused, and who sends it all the same can read why") {
  ServerLimits limits;
  limits.body_bytes = 1'000'000;
  Running server(limits);
  RawClient client(server.socket());
  client.say("PUT /v1/config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i)
    if (!client.say("10000\r\n" + std::string(0x10000, ' ') + "\r\n")) break;
  CHECK(has(client.hear(), "413 Payload Too Large"));
}

TEST_CASE("chunked bodies are put together") {
  Running server;
  RawClient client(server.socket());
  client.say("PUT /v1/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n");
  client.say("1\r\n}\r\n0\r\n\r\n");
  CHECK(has(client.hear(), "200 OK"));
  CHECK(server.gateway.last_config == "{}");
}

TEST_CASE("a client that waits to be told to go on is told so") {
  Running server;
  RawClient client(server.socket());
  client.say(
      "PUT /v1/config HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  CHECK(has(client.hear("\r\n\r\n"), "100 Continue"));
  client.say("{}");
  CHECK(has(client.hear(), "200 OK"));
}

TEST_CASE("silent and slow clients are cut off, each by its own limit") {
  ServerLimits limits;
  limits.idle = 100ms;
  limits.header = 100ms;
  limits.progress = 100ms;
  limits.body = 300ms;
  Running server(limits);
  const struct {
    const char* name;
    const char* say;
    const char* drip;  // said again and again
  } cases[] = {
      {"says nothing", "", ""},
      {"stops inside the header", "GET /v1/st", ""},
      {"drips the header", "GET /v1/", "a"},
      {"stops before the body", "PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", ""},
      {"drips the body for ever", "PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", " "},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    RawClient client(server.socket());
    client.say(c.say);
    const auto start = std::chrono::steady_clock::now();
    bool open = true;
    while (open && *c.drip != '\0' && std::chrono::steady_clock::now() - start < 3s) {
      open = client.say(c.drip);
      std::this_thread::sleep_for(20ms);
    }
    CHECK_FALSE(has(client.hear({}, 1, 2000), "<silence>"));
    CHECK(std::chrono::steady_clock::now() - start < 2s);
  }
}

TEST_CASE("a connection that has been answered may rest until the idle limit") {
  ServerLimits limits;
  limits.header = 50ms;
  limits.idle = 10s;
  Running server(limits);
  RawClient client(server.socket());
  client.say(get("/v1/status"));
  client.hear(status_end.substr(status_end.size() - 2));
  std::this_thread::sleep_for(200ms);
  CHECK(client.say(get_once("/v1/status")));
  CHECK(has(client.hear(), "200 OK"));
}

TEST_CASE("one connection too many is told so, and the next is served when one has gone") {
  ServerLimits limits;
  limits.connections = 2;
  Running server(limits);
  RawClient first(server.socket());
  first.say(get("/v1/status"));
  first.hear("}\n");
  {
    RawClient second(server.socket());
    second.say(get("/v1/status"));
    second.hear("}\n");
    RawClient third(server.socket());
    CHECK(has(third.hear(), "503 Service Unavailable"));
  }
  std::string heard;
  for (int attempt = 0; attempt < 50 && !has(heard, "200 OK"); ++attempt) {
    std::this_thread::sleep_for(10ms);
    RawClient fourth(server.socket());
    fourth.say(get_once("/v1/status"));
    heard = fourth.hear();
  }
  CHECK(has(heard, "200 OK"));
}

TEST_CASE("the gateway is shut down after the client has its answer") {
  Running server;
  RawClient client(server.socket());
  client.say("POST /v1/shutdown?detach=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK(has(client.hear(), "202 Accepted"));
  CHECK(server.becomes([](const FakeGateway& gateway) { return gateway.shut_downs == 1 && gateway.detached; }));
}

TEST_CASE("a gateway that throws costs one answer, not the connection") {
  Running server;
  RawClient client(server.socket());
  client.say(get("/v1/engines") + get_once("/v1/status"));
  const std::string heard = client.hear();
  CHECK(has(heard, "500 Internal Server Error"));
  CHECK(has(heard, "engines are on strike"));
  CHECK(has(heard, "200 OK"));
}

TEST_CASE("a server that goes takes its open connections along") {
  auto server = std::make_unique<Running>();
  server->gateway.add_pairs(50'000);
  RawClient resting(server->socket());
  resting.say(get("/v1/status"));
  resting.hear("}\n");
  RawClient streaming(server->socket());
  streaming.say(get("/v1/policies?limit=all"));
  streaming.hear("\"policies\"");
  RawClient halfway(server->socket());
  halfway.say("PUT /v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
  server.reset();
  CHECK(resting.hear().empty());
  CHECK_FALSE(has(streaming.hear(), "\"cursor\""));
  CHECK(halfway.hear().empty());
}
