// SPDX-License-Identifier: ISC
//
// Plain connections. What TLS adds is in tls_test.cc.

#include "check.h"
#include "net/connection.h"
#include "peers.h"

#include <linux/tcp.h>
#include <sys/wait.h>

using namespace tunnel;
using peers::Probe;
using peers::run_until;

namespace {

std::span<const uint8_t> bytes_of(const std::string &text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

struct Pair {
    Loop loop;
    std::pair<Descriptor, Descriptor> sockets = peers::tcp_pair();
    Probe a{loop, std::move(sockets.first)};
    Probe b{loop, std::move(sockets.second)};
};

// A connection and the bare socket at its other end.
struct Half {
    Loop loop;
    std::pair<Descriptor, Descriptor> sockets = peers::tcp_pair();
    Probe a{loop, std::move(sockets.first)};
    Descriptor peer{std::move(sockets.second)};

    void peer_sends(const std::string &text)
    {
        CHECK_EQUAL(send(peer.get(), text.data(), text.size(), 0), ssize_t(text.size()));
    }
};

} // namespace

TEST(bytes_pass_both_ways)
{
    Pair p;
    p.a.write("question");
    p.b.write("answer");
    CHECK_EQUAL(p.a.connection->queued(), 8u);
    CHECK(
        run_until(p.loop, [&] { return p.a.received == "answer" && p.b.received == "question"; }));
    CHECK_EQUAL(p.a.sent, 8u);
    CHECK_EQUAL(p.a.connection->queued(), 0u);
}

TEST(a_half_close_leaves_the_other_direction_open)
{
    Pair p;
    p.a.write("last");
    p.a.connection->finish();
    CHECK(run_until(p.loop, [&] { return p.b.ended; }));
    CHECK(p.b.connection->end() == Connection::End::fin && p.b.received == "last");
    p.b.write("still there");
    p.b.connection->finish();
    CHECK(run_until(p.loop, [&] { return p.a.ended; }));
    CHECK(p.a.received == "still there" && p.a.connection->end() == Connection::End::fin);
    CHECK_EQUAL(p.a.broken + p.b.broken, 0);
}

TEST(a_reset_is_seen_as_broken)
{
    Pair p;
    peers::run_for(p.loop, 5 * millisecond);
    p.a.connection->reset();
    CHECK(p.a.connection->closed());
    CHECK(run_until(p.loop, [&] { return p.b.ended; }));
    CHECK(p.b.connection->end() == Connection::End::broken);
    CHECK_EQUAL(p.b.connection->error(), "Connection reset by peer");
    CHECK_EQUAL(p.a.broken + p.b.broken, 0); // one asked for it, the other's read() said it
}

// libevent reports bytes and a reset that are there at once as EV_READ|EV_WRITE, like bytes
// alone; a short read then cleared the flag and the reset was never seen.
TEST(a_reset_right_behind_the_last_bytes_is_seen)
{
    Half h;
    peers::run_for(h.loop, 5 * millisecond);
    h.peer_sends("partial answer");
    peers::kill_with_reset(std::move(h.peer));
    Micros start = monotonic_now();
    CHECK(run_until(h.loop, [&] { return h.a.ended; }));
    CHECK(monotonic_now() - start < 500 * millisecond);
    CHECK(h.a.received == "partial answer");
    CHECK(h.a.connection->end() == Connection::End::broken);
}

TEST(a_fin_right_behind_the_last_bytes_is_seen_at_once)
{
    Half h;
    peers::run_for(h.loop, 5 * millisecond);
    h.peer_sends("whole answer");
    h.peer.reset();
    CHECK(run_until(h.loop, [&] { return h.a.ended; }));
    CHECK(h.a.received == "whole answer" && h.a.connection->end() == Connection::End::fin);
    CHECK(h.a.readables <= 2);
}

TEST(an_owner_that_does_not_read_can_ask_for_a_reset)
{
    Half h;
    h.a.reads = false;
    h.peer_sends("x");
    peers::run_for(h.loop, 5 * millisecond);
    CHECK(!h.a.connection->peer_reset());
    peers::kill_with_reset(std::move(h.peer));
    peers::run_for(h.loop, 5 * millisecond);
    CHECK(h.a.connection->peer_reset() == (h.a.connection->end() == Connection::End::broken));
}

TEST(an_early_answer_can_be_read_after_sending_failed)
{
    Half h;
    h.a.reads = false;
    h.peer_sends("413 too large");
    peers::kill_with_reset(std::move(h.peer));
    h.a.write("more of the upload");
    CHECK(run_until(h.loop, [&] { return h.a.broken == 1; }));
    CHECK(!h.a.connection->error().empty());
    h.a.drain();
    CHECK(h.a.ended && h.a.received == "413 too large");
    CHECK(h.a.connection->end() == Connection::End::broken);
    h.a.write("ignored");
    peers::run_for(h.loop, 5 * millisecond);
    CHECK_EQUAL(h.a.broken, 1);
}

TEST(kill_of_the_process_reaches_the_peer_as_a_reset_if_abortive)
{
    for (bool abortive : {true, false}) {
        auto [a, b] = peers::tcp_pair();
        pid_t child = fork();
        if (child == 0) {
            b.reset();
            Loop loop;
            Probe probe(loop, std::move(a));
            probe.connection->set_abortive(true);
            probe.connection->set_abortive(abortive);
            probe.write("part");
            peers::run_for(loop, 20 * millisecond);
            raise(SIGKILL);
        }
        a.reset();
        int status;
        waitpid(child, &status, 0);
        char bytes[16];
        CHECK_EQUAL(recv(b.get(), bytes, sizeof bytes, 0), 4);
        CHECK_EQUAL(recv(b.get(), bytes, sizeof bytes, 0), abortive ? -1 : 0);
    }
}

TEST(what_is_put_in_a_turn_leaves_in_one_system_call)
{
    Half h;
    peers::run_for(h.loop, 5 * millisecond);
    tcp_info before = {}, after = {};
    socklen_t size = sizeof before;
    int on = 1;
    setsockopt(h.a.connection->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    getsockopt(h.a.connection->fd(), IPPROTO_TCP, TCP_INFO, &before, &size);
    std::string whole;
    std::vector<std::string> parts;
    for (int i = 0; i < 40; i++)
        parts.push_back(peers::pattern(10, uint32_t(i)));
    for (const auto &part : parts) {
        h.a.connection->put(bytes_of(part));
        whole += part;
    }
    h.loop.flush();
    getsockopt(h.a.connection->fd(), IPPROTO_TCP, TCP_INFO, &after, &size);
    CHECK_EQUAL(after.tcpi_data_segs_out - before.tcpi_data_segs_out, 1u);
    CHECK_EQUAL(h.a.sent, 400u);
    char bytes[500];
    CHECK_EQUAL(recv(h.peer.get(), bytes, sizeof bytes, 0), 400);
    CHECK(std::string(bytes, 400) == whole);
}

TEST(more_pieces_than_fit_in_one_call_arrive_in_order)
{
    Pair p;
    std::vector<std::string> parts;
    std::string whole;
    for (int i = 0; i < 1000; i++)
        parts.push_back(peers::pattern(size_t(i) * 7 % 900 + 1, uint32_t(i)));
    for (const auto &part : parts) {
        p.a.connection->put(bytes_of(part));
        whole += part;
    }
    CHECK(run_until(p.loop, [&] { return p.b.received.size() == whole.size(); }));
    CHECK(p.b.received == whole);
    CHECK_EQUAL(p.a.sent, whole.size());
}

TEST(a_slow_reader_holds_the_sender_back_and_nothing_is_lost)
{
    Pair p;
    p.b.reads = false;
    std::string big = peers::pattern(32 << 20);
    p.a.write(big);
    peers::run_for(p.loop, 50 * millisecond);
    CHECK(p.a.connection->queued() > 0);
    CHECK_EQUAL(p.a.sent + p.a.connection->queued(), big.size());
    size_t sent = p.a.sent;
    peers::run_for(p.loop, 50 * millisecond);
    CHECK_EQUAL(p.a.sent, sent);
    CHECK_EQUAL(p.b.readables <= 50, true);
    p.b.reads = true;
    p.b.step = 10'000;
    p.b.drain();
    p.a.connection->finish();
    CHECK(run_until(p.loop, [&] { return p.b.ended; }));
    CHECK(p.b.received == big);
    CHECK_EQUAL(p.a.sent, big.size());
}

// 1 MiB at a time, the next when the kernel has taken the last: what a relay does.
TEST(sixty_four_mebibytes_each_way_are_exact)
{
    Pair p;
    std::string big = peers::pattern(64 << 20);
    struct Source {
        Probe &probe;
        const std::string &bytes;
        size_t at = 0;
        void more()
        {
            if (probe.connection->queued() > 0)
                return;
            size_t n = std::min<size_t>(bytes.size() - at, 1 << 20);
            probe.connection->put(bytes_of(bytes).subspan(at, n));
            at += n;
            if (at == bytes.size())
                probe.connection->finish();
        }
    } from_a{p.a, big}, from_b{p.b, big};
    p.a.then_sent = [&] { from_a.more(); };
    p.b.then_sent = [&] { from_b.more(); };
    from_a.more();
    from_b.more();
    CHECK(run_until(p.loop, [&] { return p.a.ended && p.b.ended; }));
    CHECK(p.a.received == big && p.b.received == big);
}

TEST(a_connection_is_handed_to_another_loop_with_its_unread_bytes)
{
    Half h;
    h.a.reads = false;
    h.peer_sends("unread");
    peers::run_for(h.loop, 5 * millisecond);
    Descriptor socket = h.a.connection->release();
    CHECK(h.a.connection->closed() && socket);
    Loop other;
    Probe moved(other, std::move(socket));
    CHECK(run_until(other, [&] { return moved.received == "unread"; }));
}

TEST(an_owner_may_retire_the_connection_from_its_own_callback)
{
    struct Owner : Connection::Owner {
        std::unique_ptr<Connection> connection;
        int calls = 0;
        void on_readable() noexcept override
        {
            calls++;
            Loop &loop = connection->loop();
            loop.retire(std::move(connection));
        }
        void on_sent(size_t) noexcept override { on_readable(); }
        void on_broken() noexcept override { calls += 100; }
    };
    Half h;
    Owner reader, writer;
    auto [c, d] = peers::tcp_pair();
    auto [e, f] = peers::tcp_pair();
    reader.connection = std::make_unique<Connection>(h.loop, std::move(c), reader);
    writer.connection = std::make_unique<Connection>(h.loop, std::move(e), writer);
    send(d.get(), "x", 1, 0);
    writer.connection->write(bytes_of("y"));
    CHECK(run_until(h.loop, [&] { return reader.calls && writer.calls; }));
    peers::run_for(h.loop, 100 * millisecond);
    CHECK_EQUAL(reader.calls, 1);
    CHECK_EQUAL(writer.calls, 1);
}

TEST(nothing_follows_a_reset_or_the_end_of_the_connection)
{
    Half h;
    h.a.write("never sent");
    h.a.connection->reset();
    CHECK_EQUAL(h.a.connection->queued(), 0u);
    uint8_t byte;
    CHECK_EQUAL(h.a.connection->read(&byte, 1), -1);
    h.a.write("ignored");
    h.a.connection->finish();
    peers::run_for(h.loop, 100 * millisecond);
    CHECK_EQUAL(h.a.readables + h.a.broken + int(h.a.sent), 0);
    auto [c, d] = peers::tcp_pair();
    auto gone = std::make_unique<Probe>(h.loop, std::move(c));
    gone->write("lost");
    gone.reset();
    peers::run_for(h.loop, 100 * millisecond);
}

TEST(the_owner_can_be_changed)
{
    Half h;
    auto [c, d] = peers::tcp_pair();
    Probe other(h.loop, std::move(c));
    h.a.connection->set_owner(other);
    h.peer_sends("x");
    CHECK(run_until(h.loop, [&] { return other.readables > 0; }));
    CHECK_EQUAL(h.a.readables, 0);
}

TEST(unix_sockets_work_too)
{
    Loop loop;
    int fds[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    Probe a(loop, Descriptor(fds[0])), b(loop, Descriptor(fds[1]));
    std::string big = peers::pattern(4 << 20);
    a.write(big);
    a.connection->finish();
    CHECK(run_until(loop, [&] { return b.ended; }));
    CHECK(b.received == big && b.connection->end() == Connection::End::fin);
}
