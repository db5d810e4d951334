// SPDX-License-Identifier: ISC
//
// The small web server: requests as bytes, answers as bytes.

#include "flow/web.h"

#include "base/failure.h"
#include "check.h"
#include "peers.h"

#include <sys/stat.h>
#include <sys/un.h>

using namespace tunnel;

namespace {

// A server on a port of its own, with a few routes.
struct House {
    Loop loop;
    std::shared_ptr<WebCall> kept;
    WebServer server;
    Address address;
    int asked = 0;

    House() : server(loop, routes())
    {
        Descriptor socket = Listener::bind(*Address::parse("127.0.0.1:0"), false);
        address = Address::local_of(socket.get());
        server.listen(std::move(socket));
    }

    std::vector<WebServer::Route> routes()
    {
        return {
            {"GET", "/hello",
             [this](const auto &call) {
                 asked++;
                 call->answer(200, "text/plain", "hello " + call->query["name"]);
             }},
            {"POST", "/echo/*",
             [](const auto &call) { call->answer(200, "text/plain", call->word + call->body); }},
            {"POST", "/json",
             [](const auto &call) {
                 json_t *value = call->read_json();
                 if (!value)
                     return call->answer_error(400, "bad_json", "expected an object");
                 call->answer_json(200, value);
             }},
            {"GET", "/later", [this](const auto &call) { kept = call; }},
            {"GET", "/forgotten", [](const auto &) {}},
            {"GET", "/stream", [this](const auto &call) {
                 call->start_stream("text/plain");
                 kept = call;
             }}};
    }

    // What comes back on one connection until it ends or `done` is in it.
    std::string ask(const std::string &bytes, const std::string &done = "")
    {
        Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
        CHECK(connect(socket.get(), address.get(), address.size()) == 0);
        fcntl(socket.get(), F_SETFL, O_NONBLOCK);
        peers::Probe probe(loop, std::move(socket));
        probe.write(bytes);
        CHECK(peers::run_until(loop, [&] {
            return probe.ended || (!done.empty() && probe.received.find(done) != std::string::npos);
        }));
        return probe.received;
    }
};

std::string get(const std::string &path, const char *extra = "Connection: close\r\n")
{
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + extra + "\r\n";
}

std::string post(const std::string &path, const std::string &body)
{
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool has(const std::string &text, const std::string &what)
{
    return text.find(what) != std::string::npos;
}

} // namespace

TEST(a_route_answers_with_its_query)
{
    House house;
    std::string answer = house.ask(get("/hello?name=you%20all&x"));
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.ends_with("\r\n\r\nhello you all"));
    CHECK(has(answer, "Content-Length: 13\r\n") && has(answer, "Connection: close\r\n"));
}

TEST(what_is_not_there_is_404_and_another_method_405)
{
    House house;
    CHECK(has(house.ask(get("/nothing")), "404"));
    CHECK(has(house.ask(get("/hello/")), "404"));
    CHECK(has(house.ask(get("/echo/a")), "405"));
    CHECK(has(house.ask(post("/echo/", "")), "404"));
    CHECK_EQUAL(house.asked, 0);
}

TEST(a_body_comes_whole_up_to_the_limit)
{
    House house;
    CHECK(house.ask(post("/echo/word-", "body")).ends_with("\r\n\r\nword-body"));
    std::string large(60000, 'x');
    CHECK(house.ask(post("/echo/a", large)).ends_with(large));
    CHECK(house
              .ask("POST /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n2\r\nbc\r\n0\r\n\r\n")
              .ends_with("\r\n\r\nabc"));
    CHECK(has(house.ask(post("/echo/a", std::string(70000, 'x')), "\r\n\r\n"), " 413 "));
}

TEST(pipelined_requests_are_answered_in_their_order)
{
    House house;
    std::string many;
    for (int i = 0; i < 500; i++)
        many += get("/hello?name=" + std::to_string(i), "");
    std::string answer = house.ask(many + get("/hello?name=end"));
    CHECK_EQUAL(house.asked, 501);
    CHECK(answer.ends_with("hello end") && answer.find("hello 7") < answer.find("hello 8"));
}

TEST(what_is_no_http_is_refused_and_ends)
{
    House house;
    CHECK(has(house.ask("hello\r\n\r\n"), " 400 "));
    CHECK(has(house.ask("GET /hello HTTP/1.1\r\n\r\n"), " 400 "));
    CHECK(has(house.ask("GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"),
              " 400 "));
    CHECK_EQUAL(house.asked, 0);
}

TEST(json_is_read_once_and_shallow)
{
    House house;
    CHECK(house.ask(post("/json", "{\"a\":[1]}")).ends_with("{\"a\":[1]}\n"));
    for (const std::string &bad :
         {std::string("[1]"), std::string("{\"a\":1,\"a\":2}"), std::string("{}x"), std::string(),
          std::string(50000, '['), "{\"a\":" + std::string(17, '[') + std::string(17, ']') + "}"})
        CHECK(has(house.ask(post("/json", bad)), " 400 "));
}

TEST(an_answer_may_come_later_or_never)
{
    House house;
    Timer timer(house.loop, [&] { house.kept->answer(200, "text/plain", "at last"); });
    timer.start(20 * millisecond);
    CHECK(house.ask(get("/later")).ends_with("at last"));
    CHECK(house.kept->gone());
    CHECK(has(house.ask(get("/forgotten")), " 500 "));
}

TEST(a_stream_comes_in_pieces_and_tells_when_its_reader_leaves)
{
    House house;
    bool told = false;
    int sent = 0;
    Timer timer(house.loop, [&] {
        house.kept->on_gone = [&] { told = true; };
        CHECK(house.kept->send("piece" + std::to_string(sent++) + "\n"));
        if (sent < 3)
            timer.start(millisecond);
    });
    timer.start(20 * millisecond);
    CHECK(has(house.ask(get("/stream", ""), "piece2"), "Transfer-Encoding: chunked\r\n"));
    CHECK(peers::run_until(house.loop, [&] { return told; }));
    CHECK(house.kept->gone() && !house.kept->send("more"));
}

TEST(a_reader_who_does_not_read_is_not_waited_for)
{
    House house;
    Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
    CHECK(connect(socket.get(), house.address.get(), house.address.size()) == 0);
    std::string request = get("/stream", "");
    CHECK(write(socket.get(), request.data(), request.size()) == ssize_t(request.size()));
    CHECK(peers::run_until(house.loop, [&] { return house.kept != nullptr; }));
    const std::string piece(64 * 1024, 'x');
    bool refused = false;
    for (int i = 0; i < 1000 && !refused; i++)
        refused = !house.kept->send(piece);
    CHECK(refused);
    house.kept->finish();
}

TEST(a_local_socket_knows_who_asks)
{
    char place[] = "/tmp/web-test-XXXXXX";
    std::string folder = mkdtemp(place), path = folder + "/s";
    House house;
    LocalPeer seen;
    bool friendly = false;
    house.server.set_guard([&](const WebCall &call) {
        seen = call.peer;
        return friendly;
    });
    house.server.listen(listen_local(path, 0660));
    struct stat info;
    CHECK(stat(path.c_str(), &info) == 0 && (info.st_mode & 07777) == 0660);
    for (const char *status : {" 403 ", " 200 "}) {
        Descriptor socket = connect_local(path);
        fcntl(socket.get(), F_SETFL, O_NONBLOCK);
        peers::Probe probe(house.loop, std::move(socket));
        probe.write(get("/hello"));
        CHECK(peers::run_until(house.loop, [&] { return probe.ended; }));
        CHECK(has(probe.received, status));
        CHECK(seen.known && seen.trusted && seen.uid == getuid() && seen.pid == getpid());
        friendly = true;
    }
    unlink(path.c_str());
    rmdir(folder.c_str());
}

TEST(a_socket_that_was_left_behind_is_replaced_and_a_living_one_is_not)
{
    char place[] = "/tmp/web-test-XXXXXX";
    std::string folder = mkdtemp(place), path = folder + "/s";
    Descriptor first = listen_local(path, 0600);
    auto refused = [&](const std::string &at) {
        try {
            listen_local(at, 0600);
            return false;
        } catch (const Failure &) {
            return true;
        }
    };
    CHECK(refused(path));
    first.reset();
    CHECK(!refused(path));
    CHECK(refused(folder) && refused(folder + "/none/s") && refused(std::string(200, 'x')));
    unlink(path.c_str());
    rmdir(folder.c_str());
}
