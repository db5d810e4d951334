// SPDX-License-Identifier: ISC

#include "check.h"
#include "net/dialer.h"
#include "net/listener.h"
#include "peers.h"

#include <netinet/tcp.h>
#include <thread>

using namespace tunnel;
using peers::run_until;

namespace {

struct Call {
    bool done = false;
    Dialer::Outcome outcome;

    Dialer::Done take()
    {
        return [this](Dialer::Outcome result) {
            done = true;
            outcome = std::move(result);
        };
    }
};

// A port where nobody listens.
uint16_t free_port()
{
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Address any = *Address::parse("127.0.0.1:0");
    bind(socket.get(), any.get(), any.size());
    return Address::local_of(socket.get()).port();
}

// A port that answers nobody: its queue of one is full.
struct Silent {
    Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::vector<Descriptor> filling;
    Address address;

    Silent()
    {
        Address any = *Address::parse("127.0.0.1:0");
        bind(socket.get(), any.get(), any.size());
        listen(socket.get(), 0);
        address = Address::local_of(socket.get());
        for (int i = 0; i < 4; i++) {
            filling.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            connect(filling.back().get(), address.get(), address.size());
        }
    }
};

const auto ignore = [](Descriptor, const Address &) {};

} // namespace

TEST(a_number_is_dialed_and_done_comes_later)
{
    Loop loop;
    Listener listener(loop, *Address::parse("127.0.0.1:0"), false, ignore);
    Call call;
    Dialer dialer(loop, "127.0.0.1", listener.address().port(), second, call.take());
    CHECK(!call.done);
    CHECK(run_until(loop, [&] { return call.done; }));
    CHECK(call.outcome.failed == Dialer::Failed::no && call.outcome.socket);
    int fd = call.outcome.socket.get(), nodelay = 0;
    socklen_t size = sizeof nodelay;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size);
    CHECK_EQUAL(nodelay, 1);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(Address::peer_of(fd) == listener.address());
}

TEST(localhost_falls_back_to_the_family_that_listens)
{
    Loop loop;
    std::unique_ptr<Listener> listener;
    try {
        listener = std::make_unique<Listener>(loop, *Address::parse("[::1]:0"), false, ignore);
    } catch (const std::exception &) {
        return; // no IPv6 here
    }
    Call call;
    Dialer dialer(loop, "localhost", listener->address().port(), second, call.take());
    CHECK(run_until(loop, [&] { return call.done; }));
    CHECK(call.outcome.socket && Address::peer_of(call.outcome.socket.get()).family() == AF_INET6);
}

TEST(a_refusal_names_the_address)
{
    Loop loop;
    uint16_t port = free_port();
    Call call;
    Dialer dialer(loop, "127.0.0.1", port, second, call.take());
    CHECK(!call.done);
    CHECK(run_until(loop, [&] { return call.done; }));
    CHECK(call.outcome.failed == Dialer::Failed::refused && !call.outcome.socket);
    CHECK_EQUAL(call.outcome.error, "127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(silence_ends_at_the_deadline)
{
    Loop loop;
    Silent silent;
    Call call;
    Micros start = monotonic_now();
    Dialer dialer(loop, "127.0.0.1", silent.address.port(), 100 * millisecond, call.take());
    CHECK(run_until(loop, [&] { return call.done; }));
    CHECK(call.outcome.failed == Dialer::Failed::timeout);
    CHECK(monotonic_now() - start >= 100 * millisecond);
    CHECK_EQUAL(call.outcome.error, silent.address.text() + ": no answer within 100ms");
}

TEST(the_next_address_joins_a_silent_one)
{
    Loop loop;
    Silent silent; // on 127.0.0.1
    std::unique_ptr<Listener> listener;
    try {
        Address six = *Address::parse("[::1]:0");
        six.set_port(silent.address.port());
        listener = std::make_unique<Listener>(loop, six, false, ignore);
    } catch (const std::exception &) {
        return; // no IPv6 here
    }
    Call call;
    Micros start = monotonic_now();
    Dialer dialer(loop, "localhost", silent.address.port(), 5 * second, call.take());
    CHECK(run_until(loop, [&] { return call.done; }));
    CHECK(call.outcome.socket && Address::peer_of(call.outcome.socket.get()).family() == AF_INET6);
    CHECK(monotonic_now() - start >= 250 * millisecond);
}

TEST(a_name_that_does_not_exist_is_told_from_the_network)
{
    Loop loop;
    Call call;
    Dialer dialer(loop, "no.such.host.invalid", 80, 9 * second,
                  call.take()); // RFC 6761 section 6.4
    CHECK(run_until(loop, [&] { return call.done; }));
    CHECK(call.outcome.failed == Dialer::Failed::name ||
          call.outcome.failed == Dialer::Failed::timeout);
    CHECK(call.outcome.error.starts_with("no.such.host.invalid"));
}

TEST(a_dead_dialer_says_nothing)
{
    Loop loop;
    Listener listener(loop, *Address::parse("127.0.0.1:0"), false, ignore);
    Silent silent;
    Call call;
    auto dial = [&](const char *host, const Address &address) {
        return std::make_unique<Dialer>(loop, host, address.port(), second, call.take());
    };
    dial("127.0.0.1", listener.address());
    dial("no.such.host.invalid", listener.address());
    auto waiting = dial("127.0.0.1", silent.address);
    peers::run_for(loop, 5 * millisecond);
    waiting.reset();
    peers::run_for(loop, 50 * millisecond);
    CHECK(!call.done);
}

TEST(a_dialer_may_be_deleted_by_what_it_calls)
{
    Loop loop;
    Listener listener(loop, *Address::parse("127.0.0.1:0"), false, ignore);
    std::unique_ptr<Dialer> dialer;
    bool done = false;
    dialer = std::make_unique<Dialer>(loop, "127.0.0.1", listener.address().port(), second,
                                      [&](Dialer::Outcome) {
                                          dialer.reset();
                                          done = true;
                                      });
    CHECK(run_until(loop, [&] { return done; }));
    CHECK(!dialer);
}

TEST(names_are_looked_up_for_several_loops_at_once)
{
    auto work = [] {
        Loop loop;
        int answers = 0;
        std::vector<std::unique_ptr<Resolver::Query>> queries;
        for (int i = 0; i < 20; i++)
            queries.push_back(Resolver::resolve(loop, i % 2 ? "127.0.0.1" : "ip6-localhost", 1,
                                                [&](auto, const std::string &) { answers++; }));
        for (int i = 0; i < 20; i++)
            Resolver::resolve(loop, "ip6-localhost", 1,
                              [](auto, const std::string &) { CHECK(false); });
        CHECK_EQUAL(answers, 0);
        CHECK(run_until(loop, [&] { return answers == 20; }));
    };
    std::thread other(work);
    work();
    other.join();
}

TEST(the_time_that_sent_bytes_may_wait_is_set)
{
    auto [a, b] = peers::tcp_pair();
    set_user_timeout(a.get(), 15 * second);
    unsigned span = 0;
    socklen_t size = sizeof span;
    getsockopt(a.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &span, &size);
    CHECK_EQUAL(span, 15'000u);
}
