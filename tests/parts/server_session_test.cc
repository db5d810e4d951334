// SPDX-License-Identifier: ISC
//
// Sessions on their workers, with clients that speak the control protocol by hand over a real
// link. All loops are turned by the test's own thread, so that a client can fall silent.

#include "check.h"
#include "flow/link.h"
#include "server/session.h"
#include "server/worker.h"

#include <optional>
#include <string>
#include <sys/socket.h>

using namespace tunnel;

namespace {

void turn(Loop &loop)
{
    Timer timer(loop, [&loop] { loop.stop(); });
    timer.start(millisecond);
    loop.run();
}

ServerSettings make_settings()
{
    ServerSettings settings = {};
    settings.domains = {"tun.test"};
    settings.name_grace = 60 * second;
    settings.handshake_timeout = 5 * second;
    settings.takeover_timeout = 300 * millisecond;
    settings.drain_timeout = 2 * second;
    settings.ping_interval = 10 * second;
    settings.ping_timeout = 10 * second;
    settings.max_control_streams = 8;
    settings.max_connections_per_user = 5;
    settings.max_tunnels_per_connection = 10;
    settings.max_links_per_session = 3;
    settings.max_streams_per_connection = 16;
    settings.max_handshakes = 200;
    return settings;
}

// A server of two workers, without ports.
struct House {
    std::shared_ptr<Policy> policy;
    Shared shared;
    Worker first, other;

    explicit House(ServerSettings settings = make_settings())
        : policy(make(settings)), first(shared, policy, 0), other(shared, policy, 1)
    {
        shared.workers = {&first, &other};
        shared.directory.set_public("tun.test", 80);
    }

    static std::shared_ptr<Policy> make(const ServerSettings &settings)
    {
        auto policy = std::make_shared<Policy>(settings);
        policy->tokens = TokenTable::parse("tokens", "alice-token:alice\nbob-token:bob\n");
        return policy;
    }

    void turn()
    {
        ::turn(first.loop());
        ::turn(other.loop());
    }
    void until_empty()
    {
        Micros end = monotonic_now() + 10 * second;
        while (first.clients().size() + other.clients().size() != 0) {
            turn();
            CHECK(monotonic_now() < end);
        }
    }
    unsigned worker_of(const char *name)
    {
        return shared.directory.find(name).seat.carrier()->ref.worker;
    }
    uint64_t links() { return first.counters().links.get() + other.counters().links.get(); }
};

tn_mux_pool *make_pool()
{
    tn_mux_pool_config config;
    tn_mux_pool_config_init(&config);
    tn_mux_pool *pool = nullptr;
    CHECK(tn_mux_pool_create(&config, &pool) == TN_OK);
    return pool;
}

// One stream as a client sees it; collects messages as text.
struct Talk final : Stream::Owner {
    std::unique_ptr<Stream> stream;
    std::string raw;
    std::vector<std::string> messages;
    bool fin = false;
    bool broken = false;

    void on_stream_data(std::span<const uint8_t> bytes) noexcept override
    {
        raw.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
        stream->left(0, true);
        while (raw.size() >= 4) {
            size_t size = size_t(uint8_t(raw[2])) << 8 | uint8_t(raw[3]);
            if (raw.size() < 4 + size)
                return;
            messages.push_back(raw.substr(4, size));
            raw.erase(0, 4 + size);
        }
    }
    void on_stream_fin() noexcept override { fin = true; }
    void on_stream_broken(tn_close_reason, uint32_t) noexcept override { broken = true; }

    void send_raw(std::string_view bytes)
    {
        stream->send({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
    }
    void send(std::string_view json)
    {
        char prefix[4] = {0, 0, char(json.size() >> 8), char(json.size())};
        send_raw(std::string(prefix, 4) + std::string(json));
    }
    bool says(size_t index, const char *text) const
    {
        return index < messages.size() && messages[index].find(text) != std::string::npos;
    }
};

struct Client final : Link::Owner {
    House &house;
    Loop loop;
    tn_mux_pool *pool = make_pool();
    std::optional<Link> link;
    std::vector<std::unique_ptr<Talk>> talks;  // ours
    std::vector<std::unique_ptr<Talk>> visits; // the server's
    bool open = false;
    bool goaway = false;
    bool closed = false;
    bool silent = false;

    Client(House &in, Worker &worker) : house(in)
    {
        int ends[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        tn_mux_config config;
        tn_mux_config_init(&config);
        link.emplace(loop, pool, Descriptor(ends[0]), nullptr, TN_CLIENT, config, *this);
        Address peer = *Address::parse("192.0.2.1:5000");
        auto place = house.shared.lobby.enter(peer, *house.policy, monotonic_now());
        CHECK(place.has_value());
        worker.clients().enter(source_key(peer), 0, 0);
        worker.adopt_session(Descriptor(ends[1]), peer, std::move(*place));
        until([this] { return open; });
    }
    ~Client()
    {
        talks.clear();
        visits.clear();
        link.reset();
        tn_mux_pool_destroy(pool);
    }

    void on_link_open() noexcept override { open = true; }
    void on_link_stream(std::unique_ptr<Stream> stream) noexcept override
    {
        visits.push_back(std::make_unique<Talk>());
        stream->set_owner(*visits.back());
        visits.back()->stream = std::move(stream);
    }
    void on_link_goaway() noexcept override { goaway = true; }
    void on_link_closed(const std::string &) noexcept override { closed = true; }

    Talk &talk()
    {
        talks.push_back(std::make_unique<Talk>());
        tn_error why = TN_OK;
        talks.back()->stream = link->open(*talks.back(), why);
        CHECK(why == TN_OK);
        return *talks.back();
    }

    void turn()
    {
        house.turn();
        if (!silent)
            ::turn(loop);
    }
    template <class Condition> void until(Condition condition)
    {
        Micros end = monotonic_now() + 10 * second;
        while (!condition()) {
            turn();
            CHECK(monotonic_now() < end);
        }
    }
    Talk &log_in(const std::string &payload)
    {
        Talk &stream = talk();
        stream.send("{\"type\":\"handshake\",\"payload\":{" + payload + "}}");
        until([&] { return !stream.messages.empty(); });
        return stream;
    }
};

std::string hello(const char *token, const char *more = "")
{
    return std::string("\"version\":1,\"token\":\"") + token + "\"" + more;
}

constexpr const char *app = ",\"tunnels\":[{\"subdomain\":\"app\",\"local_port\":3000}]";
constexpr const char *app_laptop =
    ",\"client_id\":\"laptop\",\"tunnels\":[{\"subdomain\":\"app\",\"local_port\":3000}]";
constexpr const char *app_control = ",\"capabilities\":[\"control\",\"udp\"],\"tunnels\":[{"
                                    "\"subdomain\":\"app\",\"local_port\":3000}]";

constexpr const char *app_carriers =
    ",\"client_id\":\"laptop\",\"capabilities\":[\"control\",\"carriers\"],\"tunnels\":[{"
    "\"subdomain\":\"app\",\"local_port\":3000}]";

// The session that the answer to a login names.
std::string session_of(const Talk &login)
{
    const std::string &json = login.messages.at(0);
    size_t start = json.find("sess_");
    CHECK(start != std::string::npos);
    return json.substr(start, json.find('"', start) - start);
}

std::string joining(const std::string &session, const char *more = "")
{
    return hello("alice-token", ",\"client_id\":\"laptop\",\"capabilities\":[\"control\","
                                "\"carriers\"],\"session_id\":\"") +
           session + "\"" + more;
}

} // namespace

TEST(a_plain_client_logs_in_and_closes_stream_1)
{
    House house;
    Client client(house, house.first);
    Talk &login = client.log_in(hello("alice-token", app));
    CHECK(login.says(0, "\"success\":true"));
    CHECK(login.says(0, "\"http://app.tun.test\""));
    CHECK(login.says(0, "\"session_id\":\"sess_"));
    CHECK(!login.says(0, "\"control\""));
    client.until([&] { return login.fin; });
    login.stream->finish();
    client.until([&] { return login.stream->ended(); });
    CHECK(!client.closed);
    CHECK_EQUAL(house.links(), 1u);
    CHECK_EQUAL(house.shared.lobby.size(), 0u);
}

TEST(with_capability_control_stream_1_stays_open_both_ways)
{
    House house;
    Client client(house, house.first);
    Talk &control = client.log_in(hello("alice-token", app_control));
    CHECK(control.says(0, "\"capabilities\":[\"control\"]"));
    control.send("{\"type\":\"ping\",\"request_id\":\"p1\",\"payload\":{\"timestamp\":"
                 "\"2026-01-05T14:02:11Z\"}}");
    control.send("{\"type\":\"add_tunnel\",\"request_id\":\"r2\",\"payload\":{\"tunnel\":{"
                 "\"subdomain\":\"dash\",\"local_port\":8080}}}");
    control.send("{\"type\":\"remove_tunnel\",\"payload\":{\"subdomain\":\"app\"}}");
    control.send("{\"type\":\"dance\",\"payload\":{}}");
    client.until([&] { return control.messages.size() == 5; });
    CHECK(control.says(1, "\"pong\"") && control.says(1, "p1"));
    CHECK(control.says(2, "\"tunnel_update\"") && control.says(2, "\"http://dash.tun.test\""));
    CHECK(control.says(3, "\"success\":true"));
    CHECK(control.says(4, "PROTOCOL_ERROR"));
    CHECK(!control.fin);
    CHECK(house.shared.directory.find("dash").kind == Route::Kind::here);
    CHECK(house.shared.directory.find("app").kind == Route::Kind::unknown);
}

TEST(later_messages_may_have_streams_of_their_own)
{
    House house;
    Client client(house, house.first);
    client.log_in(hello("alice-token", app));
    for (int i = 0; i < 20; i++) {
        Talk &ping = client.talk();
        ping.send("{\"type\":\"ping\",\"payload\":{\"timestamp\":\"2026-01-05T14:02:11Z\"}}");
        client.until([&] { return ping.fin; });
        CHECK(ping.says(0, "\"pong\""));
        ping.stream->finish();
        client.until([&] { return ping.stream->ended(); });
    }
    Talk &add = client.talk();
    add.send("{\"type\":\"add_tunnel\",\"payload\":{\"tunnel\":{\"local_port\":8080}}}");
    client.until([&] { return add.fin; });
    CHECK(add.says(0, "\"active\""));
}

TEST(a_wrong_token_a_wrong_version_and_a_wrong_message_are_refused_and_closed)
{
    House house;
    const struct {
        std::string json;
        const char *code;
    } cases[] = {
        {"{\"type\":\"handshake\",\"payload\":{" + hello("wrong", app) + "}}", "UNAUTHORIZED"},
        {"{\"type\":\"handshake\",\"payload\":{\"version\":2,\"token\":\"wrong\"}}",
         "VERSION_UNSUPPORTED"},
        {"{\"type\":\"ping\",\"payload\":{\"timestamp\":\"2026-01-05T14:02:11Z\"}}",
         "PROTOCOL_ERROR"},
        {"{\"type\":\"handshake\"", "PROTOCOL_ERROR"},
        {"{\"type\":\"handshake\",\"payload\":{" + hello("bob-token\",\"token\":\"alice-token") +
             "}}",
         "PROTOCOL_ERROR"},
    };
    for (const auto &each : cases) {
        Client client(house, house.first);
        Talk &login = client.talk();
        login.send(each.json);
        client.until([&] { return client.closed; });
        CHECK(login.says(0, "\"handshake_response\""));
        CHECK(login.says(0, "\"success\":false"));
        CHECK(login.says(0, each.code));
        house.until_empty();
    }
    CHECK_EQUAL(house.links(), 0u);
    house.until_empty();
    CHECK_EQUAL(house.shared.lobby.size(), 0u);
}

TEST(after_five_wrong_tokens_even_the_right_one_has_to_wait)
{
    House house;
    for (int i = 0; i < 5; i++) {
        Client client(house, house.first);
        CHECK(client.log_in(hello("wrong")).says(0, "UNAUTHORIZED"));
    }
    Client client(house, house.first);
    Talk &login = client.log_in(hello("alice-token"));
    CHECK(login.says(0, "RATE_LIMITED"));
    CHECK(login.says(0, "\"retry_after_ms\":"));
}

TEST(a_message_of_no_or_too_great_length_ends_the_session)
{
    for (const char *length : {"\0\0\0\0", "\0\1\0\1", "\xff\xff\xff\xff"}) {
        House house;
        Client client(house, house.first);
        client.talk().send_raw(std::string_view(length, 4));
        client.until([&] { return client.closed; });
        house.until_empty();
    }
}

TEST(a_handshake_in_pieces_is_understood)
{
    House house;
    Client client(house, house.first);
    Talk &login = client.talk();
    std::string json = "{\"type\":\"handshake\",\"payload\":{" + hello("alice-token", app) + "}}";
    std::string bytes = std::string("\0\0\0", 3) + char(json.size()) + json;
    CHECK(json.size() < 128);
    for (char byte : bytes) {
        login.send_raw({&byte, 1});
        client.turn();
    }
    client.until([&] { return !login.messages.empty(); });
    CHECK(login.says(0, "\"success\":true"));
}

TEST(who_does_not_log_in_in_time_is_closed)
{
    ServerSettings settings = make_settings();
    settings.handshake_timeout = 100 * millisecond;
    House house(settings);
    Client client(house, house.first);
    client.until([&] { return client.closed; });
    house.until_empty();
    CHECK_EQUAL(house.shared.lobby.size(), 0u);
}

TEST(a_second_login_ends_the_session)
{
    House house;
    Client client(house, house.first);
    Talk &control = client.log_in(hello("alice-token", app_control));
    control.send("{\"type\":\"handshake\",\"payload\":{" + hello("alice-token") + "}}");
    client.until([&] { return client.closed; });
    CHECK(control.says(1, "PROTOCOL_ERROR"));
    CHECK(house.shared.directory.find("app").kind == Route::Kind::offline);
}

TEST(the_same_client_on_another_worker_replaces_the_old_session)
{
    House house;
    Client old(house, house.first);
    old.log_in(hello("alice-token", app_laptop));
    Client next(house, house.other);
    CHECK(next.log_in(hello("alice-token", app_laptop)).says(0, "\"active\""));
    old.until([&] { return old.closed; });
    CHECK_EQUAL(old.visits.size(), 1u); // a stream of its own, for a plain client
    CHECK(old.visits[0]->says(0, "REPLACED"));
    CHECK_EQUAL(house.worker_of("app"), 1u);
    CHECK_EQUAL(house.links(), 1u);
}

TEST(a_silent_client_of_the_same_token_loses_its_name_in_time)
{
    House house;
    Client old(house, house.first);
    old.log_in(hello("alice-token", app));
    old.silent = true;
    Client next(house, house.other);
    Micros asked = monotonic_now();
    CHECK(next.log_in(hello("alice-token", app)).says(0, "\"active\""));
    CHECK(monotonic_now() - asked >= 300 * millisecond);
    CHECK_EQUAL(house.worker_of("app"), 1u);
    next.until([&] { return house.first.clients().size() == 0; });
    CHECK_EQUAL(house.worker_of("app"), 1u);
}

TEST(a_living_client_of_the_same_token_keeps_its_name)
{
    House house;
    Client old(house, house.first);
    old.log_in(hello("alice-token", app));
    Client next(house, house.other);
    Talk &login = next.talk();
    login.send("{\"type\":\"handshake\",\"payload\":{" + hello("alice-token", app) + "}}");
    next.until([&] {
        turn(old.loop);
        return !login.messages.empty();
    });
    CHECK(login.says(0, "SUBDOMAIN_TAKEN"));
    CHECK_EQUAL(house.worker_of("app"), 0u);
    CHECK_EQUAL(house.links(), 1u);
}

TEST(messages_behind_one_that_waits_for_a_rival_wait_too)
{
    House house;
    Client old(house, house.first);
    old.log_in(hello("alice-token", ",\"tunnels\":[{\"subdomain\":\"one\",\"local_port\":1},"
                                    "{\"subdomain\":\"two\",\"local_port\":2}]"));
    old.silent = true;
    Client next(house, house.first);
    Talk &control = next.log_in(hello("alice-token", app_control));
    for (const char *name : {"one", "two"})
        control.send(std::string("{\"type\":\"add_tunnel\",\"request_id\":\"id-") + name +
                     "\",\"payload\":{\"tunnel\":{\"subdomain\":\"" + name +
                     "\",\"local_port\":8080}}}");
    next.until([&] { return control.messages.size() == 3; });
    CHECK(control.says(1, "id-one") && control.says(1, "\"active\""));
    CHECK(control.says(2, "id-two") && control.says(2, "\"active\""));
}

TEST(a_client_that_leaves_while_its_login_waits_is_forgotten)
{
    House house;
    Client old(house, house.first);
    old.log_in(hello("alice-token", app));
    old.silent = true;
    {
        Client next(house, house.other);
        Talk &login = next.talk();
        login.send("{\"type\":\"handshake\",\"payload\":{" + hello("alice-token", app) + "}}");
        for (int i = 0; i < 20; i++)
            next.turn();
        CHECK(login.messages.empty());
    }
    for (int i = 0; i < 300; i++)
        house.turn();
    CHECK_EQUAL(house.other.clients().size(), 0u);
    CHECK_EQUAL(house.links(), 1u);
    CHECK_EQUAL(house.worker_of("app"), 0u);
}

TEST(visitors_get_streams_up_to_the_limit)
{
    House house;
    Client client(house, house.first);
    client.log_in(hello("alice-token", app));
    Session *session = house.shared.directory.find("app").seat.carrier()->session;
    std::vector<std::unique_ptr<Talk>> visits;
    tn_error why = TN_OK;
    for (int i = 0; i < 16; i++) {
        visits.push_back(std::make_unique<Talk>());
        visits.back()->stream = session->open_visit(*visits.back(), why);
        CHECK(visits.back()->stream != nullptr);
    }
    Talk more;
    CHECK(!session->open_visit(more, why));
    CHECK_EQUAL(int(why), int(TN_ERR_LIMIT));
    visits[0]->send_raw("hello");
    client.until([&] { return client.visits.size() == 16; });
    CHECK_EQUAL(session->link().stats().streams_out, 16u);
}

TEST(a_client_opens_at_most_eight_streams)
{
    House house;
    Client client(house, house.first);
    client.log_in(hello("alice-token", app_control));
    for (int i = 0; i < 7; i++)
        client.talk().send_raw("x");
    Talk &ninth = client.talk();
    ninth.send_raw("x");
    client.until([&] { return ninth.broken; });
    CHECK(!client.closed);
}

TEST(a_lost_client_leaves_nothing_behind)
{
    House house;
    {
        Client client(house, house.first);
        client.log_in(hello("alice-token", app));
    }
    for (int i = 0; i < 20; i++)
        house.turn();
    CHECK_EQUAL(house.links(), 0u);
    house.until_empty();
    CHECK(house.shared.directory.find("app").kind == Route::Kind::offline);
    CHECK_EQUAL(house.shared.directory.session_count(), 0u);
}

TEST(draining_tells_clients_and_then_ends_their_sessions)
{
    House house;
    Client client(house, house.first);
    Talk &control = client.log_in(hello("alice-token", app_control));
    bool done = false;
    house.first.drain(2 * second, [&] { done = true; });
    client.until([&] { return done; });
    CHECK(control.says(1, "\"shutdown\""));
    CHECK(control.says(1, "\"grace_period_ms\":2000"));
    client.until([&] { return client.closed; });
    CHECK_EQUAL(house.links(), 0u);
}

TEST(a_client_that_says_goodbye_frees_its_names_at_once)
{
    House house;
    Client client(house, house.first);
    Talk &control = client.log_in(hello("alice-token", app_control));
    control.send(
        "{\"type\":\"shutdown\",\"payload\":{\"reason\":\"bye\",\"grace_period_ms\":100}}");
    client.until([&] { return house.shared.directory.find("app").kind == Route::Kind::offline; });
    client.until([&] { return client.closed; });
    house.until_empty();
}

TEST(answers_that_nobody_reads_end_the_session)
{
    House house;
    Client client(house, house.first);
    Talk &control = client.log_in(hello("alice-token", app_control));
    std::string dance = "{\"type\":\"dance\",\"payload\":{}}";
    for (int i = 0; i < 1300; i++)
        control.send(dance);
    client.until([&] { return client.closed; });
    house.until_empty();
}

// ---------------------------------------------------------------- sessions of several links

TEST(a_link_on_another_worker_joins_the_session_instead_of_replacing_it)
{
    House house;
    Client first(house, house.first), second(house, house.other);
    Talk &login = first.log_in(hello("alice-token", app_carriers));
    CHECK(login.says(0, "\"capabilities\":[\"control\",\"carriers\"]"));
    std::string session = session_of(login);
    Talk &joined = second.log_in(joining(session));
    CHECK(joined.says(0, "\"success\":true"));
    CHECK_EQUAL(session_of(joined), session);
    CHECK_EQUAL(house.links(), 2u);
    CHECK_EQUAL(house.shared.directory.session_count(), 1u);
    CHECK_EQUAL(house.shared.lobby.size(), 0u);
    CHECK(!first.closed);
}

TEST(the_names_outlive_any_link_but_the_last)
{
    House house;
    auto first = std::make_unique<Client>(house, house.first);
    auto second = std::make_unique<Client>(house, house.other);
    std::string session = session_of(first->log_in(hello("alice-token", app_carriers)));
    second->log_in(joining(session));
    first.reset();
    second->until([&] { return house.first.clients().size() == 0; });
    CHECK_EQUAL(house.worker_of("app"), 1u);
    Client third(house, house.first);
    CHECK(third.log_in(joining(session)).says(0, "\"success\":true"));
    CHECK_EQUAL(house.links(), 2u);
    second.reset();
    third.until([&] { return house.other.clients().size() == 0; });
    CHECK_EQUAL(house.worker_of("app"), 0u);
    third.link->close("bye");
    third.until([&] { return third.closed; });
    house.until_empty();
    CHECK(house.shared.directory.find("app").kind == Route::Kind::offline);
}

TEST(who_joins_a_session_that_is_gone_is_told_so)
{
    House house;
    std::string session;
    {
        Client first(house, house.first);
        session = session_of(first.log_in(hello("alice-token", app_carriers)));
    }
    house.until_empty();
    for (const std::string &gone : {session, std::string("sess_0123456789abcdef")}) {
        Client late(house, house.other);
        Talk &answer = late.log_in(joining(gone));
        CHECK(answer.says(0, "\"success\":false") && answer.says(0, "SESSION_GONE"));
        late.until([&] { return late.closed; });
    }
}

TEST(a_link_beyond_the_limit_is_refused_and_the_session_goes_on)
{
    House house;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 4; i++)
        clients.push_back(std::make_unique<Client>(house, i % 2 ? house.other : house.first));
    std::string session = session_of(clients[0]->log_in(hello("alice-token", app_carriers)));
    clients[1]->log_in(joining(session));
    clients[2]->log_in(joining(session));
    CHECK(clients[3]->log_in(joining(session)).says(0, "CONNECTION_LIMIT"));
    clients[3]->until([&] { return clients[3]->closed; });
    CHECK_EQUAL(house.links(), 3u);
}

TEST(a_link_that_joins_brings_no_tunnels)
{
    House house;
    Client first(house, house.first), second(house, house.other);
    std::string session = session_of(first.log_in(hello("alice-token", app_carriers)));
    Talk &answer = second.log_in(joining(session, ",\"tunnels\":[{\"local_port\":1}]"));
    CHECK(answer.says(0, "PROTOCOL_ERROR"));
}

TEST(without_the_capability_a_session_id_means_nothing)
{
    House house;
    Client first(house, house.first), second(house, house.other);
    std::string session = session_of(first.log_in(hello("alice-token", app_carriers)));
    std::string other = std::string(",\"session_id\":\"") + session + "\"";
    Talk &answer = second.log_in(hello("alice-token", (app_laptop + other).c_str()));
    CHECK(answer.says(0, "\"success\":true"));
    CHECK(session_of(answer) != session);
    first.until([&] { return first.closed; });
}

TEST(carriers_is_not_accepted_without_a_client_id_or_where_one_link_is_the_limit)
{
    ServerSettings settings = make_settings();
    settings.max_links_per_session = 1;
    House house, narrow(settings);
    Client nameless(house, house.first), first(narrow, narrow.first);
    Talk &one = nameless.log_in(hello("alice-token", ",\"capabilities\":[\"carriers\"]"));
    CHECK(one.says(0, "\"success\":true") && !one.says(0, "carriers"));
    Talk &two = first.log_in(hello("alice-token", app_carriers));
    CHECK(two.says(0, "\"success\":true") && !two.says(0, "carriers"));
}

TEST(a_new_login_ends_every_link_of_the_old_session)
{
    House house;
    Client first(house, house.first), second(house, house.other), next(house, house.other);
    Talk &control = first.log_in(hello("alice-token", app_carriers));
    Talk &joined = second.log_in(joining(session_of(control)));
    next.log_in(hello("alice-token", app_carriers));
    next.until([&] {
        turn(first.loop);
        turn(second.loop);
        return first.closed && second.closed;
    });
    CHECK(control.says(1, "REPLACED"));
    CHECK(joined.says(1, "REPLACED"));
    CHECK_EQUAL(house.worker_of("app"), 1u);
    CHECK_EQUAL(house.links(), 1u);
}

TEST(a_goodbye_on_one_link_moves_its_visits_to_the_others)
{
    House house;
    Client first(house, house.first), second(house, house.other);
    Talk &control = first.log_in(hello("alice-token", app_carriers));
    second.log_in(joining(session_of(control)));
    control.send("{\"type\":\"shutdown\",\"payload\":{\"grace_period_ms\":100}}");
    first.until([&] { return first.closed; });
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(house.worker_of("app"), 1u);
}

TEST(draining_tells_every_link)
{
    House house;
    Client first(house, house.first), second(house, house.other);
    Talk &control = first.log_in(hello("alice-token", app_carriers));
    Talk &joined = second.log_in(joining(session_of(control)));
    int done = 0;
    for (Worker *worker : {&house.first, &house.other})
        worker->drain(2 * tunnel::second, [&] { done++; });
    first.until([&] {
        turn(second.loop);
        return done == 2;
    });
    CHECK(control.says(1, "\"shutdown\"") && joined.says(1, "\"shutdown\""));
}
