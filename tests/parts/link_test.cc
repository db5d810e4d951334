// SPDX-License-Identifier: ISC
//
// Two links over a socket pair on one loop: streams as byte flows, their ends and their deaths.

#include "check.h"
#include "flow/link.h"
#include "flow/relay.h"

#include <functional>
#include <string>
#include <sys/socket.h>

using namespace tunnel;

namespace {

std::span<const uint8_t> bytes(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

// Keeps what a stream says; grants credit at once unless told to hold it.
struct Ear final : Stream::Owner {
    std::string got;
    bool answered = false;
    bool fin = false;
    bool closed = false;
    bool broken = false;
    bool hold = false;
    tn_close_reason reason = TN_CR_FIN;
    uint32_t code = 0;
    std::unique_ptr<Stream> stream;
    std::string source; // for pulls
    size_t pulled = 0;

    void on_stream_answered() noexcept override { answered = true; }
    void on_stream_data(std::span<const uint8_t> piece) noexcept override
    {
        got.append(reinterpret_cast<const char *>(piece.data()), piece.size());
        if (!hold)
            stream->left(0, true);
    }
    void on_stream_fin() noexcept override { fin = true; }
    void on_stream_closed() noexcept override { closed = true; }
    void on_stream_broken(tn_close_reason why, uint32_t with) noexcept override
    {
        broken = true;
        reason = why;
        code = with;
    }
    size_t on_stream_pull(uint8_t *dst, size_t size) noexcept override
    {
        size_t n = std::min(size, source.size() - pulled);
        std::copy_n(source.data() + pulled, n, dst);
        pulled += n;
        if (pulled == source.size())
            stream->want_pulled();
        return n;
    }
    void on_stream_pulled() noexcept override { stream->finish(); }
};

struct Side final : Link::Owner {
    std::unique_ptr<Link> link;
    std::vector<std::unique_ptr<Ear>> ears; // of accepted streams
    std::string end;
    bool open = false;
    bool drained = false;
    bool hold = false;

    void on_link_open() noexcept override { open = true; }
    void on_link_stream(std::unique_ptr<Stream> stream) noexcept override
    {
        ears.push_back(std::make_unique<Ear>());
        ears.back()->hold = hold;
        stream->set_owner(*ears.back());
        ears.back()->stream = std::move(stream);
    }
    void on_link_drained() noexcept override { drained = true; }
    void on_link_closed(const std::string &reason) noexcept override { end = reason; }
};

struct World {
    Loop loop;
    tn_mux_pool *pool = nullptr;
    Side client;
    Side server;

    World()
    {
        tn_mux_pool_config pool_config;
        tn_mux_pool_config_init(&pool_config);
        CHECK(tn_mux_pool_create(&pool_config, &pool) == TN_OK);
        tn_mux_config config;
        tn_mux_config_init(&config);
        int ends[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        client.link = std::make_unique<Link>(loop, pool, Descriptor(ends[0]), nullptr, TN_CLIENT,
                                             config, client);
        server.link = std::make_unique<Link>(loop, pool, Descriptor(ends[1]), nullptr, TN_SERVER,
                                             config, server);
        until([this] { return client.open && server.open; });
    }
    ~World()
    {
        for (Side *side : {&client, &server})
            side->ears.clear();
        client.link.reset();
        server.link.reset();
        tn_mux_pool_destroy(pool);
    }

    std::unique_ptr<Ear> open(Side &side)
    {
        auto ear = std::make_unique<Ear>();
        tn_error why = TN_OK;
        ear->stream = side.link->open(*ear, why);
        CHECK(ear->stream);
        return ear;
    }

    // Runs the loop until `done`, at most five seconds.
    void until(std::function<bool()> done)
    {
        bool late = false;
        Timer limit(loop, [&] {
            late = true;
            loop.stop();
        });
        limit.start(5 * second);
        Timer look(loop, [] {});
        std::function<void()> poll = [&] {
            if (done())
                loop.stop();
            else
                loop.post(poll);
        };
        loop.post(poll);
        loop.run();
        CHECK(!late);
    }
};

TEST(bytes_arrive_with_the_open_and_are_answered)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("hello"));
    world.until([&] { return !world.server.ears.empty() && world.server.ears[0]->got == "hello"; });
    world.server.ears[0]->stream->send(bytes("world"));
    world.until([&] { return ear->got == "world" && ear->answered; });
}

TEST(a_half_close_leaves_the_other_direction_open)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("ask"));
    ear->stream->finish();
    world.until([&] { return !world.server.ears.empty() && world.server.ears[0]->fin; });
    Ear &other = *world.server.ears[0];
    CHECK(other.got == "ask");
    other.stream->send(bytes("answer"));
    other.stream->finish();
    world.until([&] { return ear->closed && other.closed; });
    CHECK(ear->got == "answer");
    CHECK(!ear->broken && !other.broken);
}

TEST(a_source_is_read_when_its_turn_comes)
{
    World world;
    auto ear = world.open(world.client);
    ear->source.resize(3 * 1024 * 1024);
    for (size_t i = 0; i < ear->source.size(); i++)
        ear->source[i] = char(i * 7 + i / 1000);
    ear->stream->send(bytes("first:"));
    ear->stream->ready();
    world.until([&] { return !world.server.ears.empty() && world.server.ears[0]->fin; });
    CHECK(world.server.ears[0]->got == "first:" + ear->source);
}

TEST(no_more_than_a_window_comes_while_nothing_is_taken)
{
    World world;
    world.server.hold = true;
    auto ear = world.open(world.client);
    ear->source.resize(1024 * 1024, 'x');
    ear->stream->ready();
    world.until([&] {
        return !world.server.ears.empty() && world.server.ears[0]->got.size() == TN_INITIAL_WINDOW;
    });
    auto other = world.open(world.client); // and others go on
    other->stream->send(bytes("ping"));
    world.until(
        [&] { return world.server.ears.size() == 2 && world.server.ears[1]->got == "ping"; });
    CHECK(world.server.ears[0]->got.size() == TN_INITIAL_WINDOW);
    world.server.ears[0]->hold = false;
    world.server.ears[0]->stream->left(0, true);
    world.until([&] { return world.server.ears[0]->fin; });
    CHECK(world.server.ears[0]->got.size() == ear->source.size());
}

TEST(a_reset_carries_its_code_and_is_no_clean_end)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return !world.server.ears.empty() && !world.server.ears[0]->got.empty(); });
    world.server.ears[0]->stream->send(bytes("y"));
    world.until([&] { return ear->answered; });
    world.server.ears[0]->stream->reset(TN_RST_TIMEOUT);
    world.until([&] { return ear->broken; });
    CHECK(ear->reason == TN_CR_RESET_REMOTE);
    CHECK(ear->code == TN_RST_TIMEOUT);
    CHECK(!ear->fin && !ear->closed);
}

TEST(a_stream_is_acknowledged_without_an_answer_too)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return ear->answered; });
    CHECK(ear->got.empty());
}

TEST(a_reset_before_any_answer_is_a_refusal)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return !world.server.ears.empty() && !world.server.ears[0]->got.empty(); });
    world.server.ears[0]->stream->reset(TN_RST_OVERLOAD);
    world.until([&] { return ear->broken; });
    CHECK(ear->reason == TN_CR_REFUSED);
}

TEST(a_stream_that_is_let_go_is_reset)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return !world.server.ears.empty() && !world.server.ears[0]->got.empty(); });
    ear->stream.reset();
    world.until([&] { return world.server.ears[0]->broken; });
}

TEST(more_opens_than_the_peer_acknowledges_wait_for_their_turn)
{
    World world;
    std::vector<std::unique_ptr<Ear>> ears;
    for (int i = 0; i < 1000; i++) {
        ears.push_back(world.open(world.client));
        ears.back()->stream->send(bytes(std::to_string(i)));
        if (i % 2)
            ears.back()->stream->finish();
    }
    world.until([&] { return world.server.ears.size() == 1000; });
    for (int i = 0; i < 1000; i++) {
        CHECK(world.server.ears[i]->got == std::to_string(i));
        CHECK(!ears[i]->broken);
    }
    world.until([&] { return world.server.ears[999]->fin && ears[999]->answered; });
    CHECK(!world.server.ears[998]->fin);
}

TEST(a_stream_may_go_while_it_waits)
{
    World world;
    std::vector<std::unique_ptr<Ear>> ears;
    for (int i = 0; i < 300; i++)
        ears.push_back(world.open(world.client));
    for (int i = 256; i < 299; i++)
        ears[i].reset();
    world.until([&] { return world.server.ears.size() == 257; });
}

TEST(nothing_comes_through_a_fence)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return !world.server.ears.empty() && !world.server.ears[0]->got.empty(); });
    world.server.ears[0]->stream->send(bytes("late"));
    world.client.link->fence();
    CHECK(ear->broken);
    CHECK(ear->reason == TN_CR_SESSION);
    world.until([&] { return world.server.ears[0]->broken; });
    CHECK(ear->got.empty());
}

TEST(the_death_of_a_link_breaks_its_streams)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return !world.server.ears.empty() && !world.server.ears[0]->got.empty(); });
    world.client.link->connection().reset();
    world.until([&] { return world.server.ears[0]->broken; });
    CHECK(world.server.ears[0]->reason == TN_CR_SESSION);
    CHECK(!world.server.end.empty());
}

TEST(a_close_sends_what_is_queued_first)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("last words"));
    world.client.link->close("enough");
    world.until([&] { return !world.server.end.empty() && !world.client.end.empty(); });
    CHECK(world.server.ears.size() == 1);
    CHECK(world.server.ears[0]->got == "last words");
    CHECK(world.client.end == "enough");
}

TEST(a_drain_ends_when_the_last_stream_does)
{
    World world;
    auto ear = world.open(world.client);
    ear->stream->send(bytes("x"));
    world.until([&] { return !world.server.ears.empty() && !world.server.ears[0]->got.empty(); });
    world.client.link->drain(0);
    tn_error why = TN_OK;
    CHECK(!world.client.link->open(*ear, why));
    CHECK(why == TN_ERR_GOAWAY);
    ear->stream->finish();
    world.server.ears[0]->stream->finish();
    world.until([&] { return world.client.drained; });
}

// ---------------------------------------------------------------- relay

struct RelayEnd final : Relay::Owner {
    std::unique_ptr<Relay> relay;
    int ends = 0;
    Relay::Ended how = Relay::Ended::complete;
    void on_relay_end(Relay::Ended reason) noexcept override
    {
        ends++;
        how = reason;
    }
};

// A relay at the server's end of a stream; the test holds the far end of its socket.
struct RelayWorld : World {
    struct Nobody final : Connection::Owner {
        void on_readable() noexcept override {}
        void on_sent(size_t) noexcept override {}
        void on_broken() noexcept override {}
    } nobody;
    std::unique_ptr<Ear> ear;
    std::unique_ptr<Connection> socket;
    Descriptor far;
    RelayEnd end;

    explicit RelayWorld(Micros idle = 0)
    {
        ear = open(client);
        ear->stream->send(bytes("early "));
        until([this] { return !server.ears.empty() && !server.ears[0]->got.empty(); });
        int ends[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        far.reset(ends[1]);
        socket = std::make_unique<Connection>(loop, Descriptor(ends[0]), nobody);
        Relay::Owner &owner = end;
        end.relay = std::make_unique<Relay>(*socket, *server.ears[0]->stream, idle, owner);
        end.relay->preload_to_socket(bytes(server.ears[0]->got));
        end.relay->start();
    }
    ~RelayWorld()
    {
        end.relay.reset();
        ear.reset();
    }

    std::string take()
    {
        char buffer[65536];
        ssize_t n = recv(far.get(), buffer, sizeof buffer, 0);
        return n > 0 ? std::string(buffer, size_t(n)) : std::string();
    }
};

TEST(a_relay_carries_both_ways_and_ends_when_both_have_finished)
{
    RelayWorld world;
    world.ear->stream->send(bytes("down"));
    CHECK(send(world.far.get(), "up", 2, 0) == 2);
    std::string down;
    world.until([&] {
        down += world.take();
        return down == "early down" && world.ear->got == "up";
    });
    shutdown(world.far.get(), SHUT_WR);
    world.until([&] { return world.ear->fin; });
    CHECK(world.end.ends == 0);
    world.ear->stream->send(bytes(" late"));
    world.ear->stream->finish();
    world.until([&] {
        down += world.take();
        return world.end.ends == 1;
    });
    world.until([&] {
        down += world.take();
        return down == "early down late";
    });
    CHECK(world.end.how == Relay::Ended::complete);
    CHECK(!world.ear->broken);
}

TEST(a_reset_stream_resets_the_socket)
{
    RelayWorld world;
    world.ear->stream->reset(TN_RST_CANCEL);
    world.until([&] { return world.end.ends == 1; });
    CHECK(world.end.how == Relay::Ended::stream_lost);
    CHECK(world.socket->closed());
}

TEST(an_idle_relay_ends_after_its_time)
{
    RelayWorld world(50 * millisecond);
    world.until([&] { return world.end.ends == 1; });
    CHECK(world.end.how == Relay::Ended::idle);
    world.until([&] { return world.ear->broken; });
}

} // namespace
