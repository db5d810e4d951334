// SPDX-License-Identifier: ISC

#include "base/failure.h"
#include "check.h"
#include "net/listener.h"
#include "peers.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/wait.h>

using namespace tunnel;
using peers::run_until;

namespace {

Descriptor connect_to(const Address &address, int family = AF_INET)
{
    Address to = *Address::numeric(family == AF_INET ? "127.0.0.1" : "::1", address.port());
    Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(socket.get(), to.get(), to.size()) != 0)
        socket.reset();
    return socket;
}

const Address loopback = *Address::parse("127.0.0.1:0");

// Runs in a child, so that its limits are its own.
int in_child(const std::function<void()> &work)
{
    pid_t child = fork();
    if (child == 0) {
        work();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

} // namespace

TEST(connections_are_accepted_ready_for_use)
{
    Loop loop;
    std::vector<Descriptor> accepted;
    std::string peer;
    Listener listener(loop, loopback, false, [&](Descriptor socket, const Address &from) {
        accepted.push_back(std::move(socket));
        peer = from.text();
    });
    CHECK(listener.address().port() != 0);
    Descriptor a = connect_to(listener.address());
    CHECK(run_until(loop, [&] { return accepted.size() == 1; }));
    CHECK_EQUAL(peer, Address::local_of(a.get()).text());
    int fd = accepted[0].get(), nodelay = 0;
    socklen_t size = sizeof nodelay;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size);
    CHECK_EQUAL(nodelay, 1);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

TEST(a_crowd_is_accepted_to_the_last)
{
    Loop loop;
    size_t accepted = 0;
    Listener listener(loop, loopback, false, [&](Descriptor, const Address &) { accepted++; });
    std::vector<Descriptor> crowd;
    for (int i = 0; i < 500; i++)
        crowd.push_back(connect_to(listener.address()));
    CHECK(run_until(loop, [&] { return accepted == crowd.size(); }));
}

TEST(any_takes_both_families)
{
    Loop loop;
    std::vector<std::string> peers;
    Listener listener(loop, *Address::parse(":0"), false,
                      [&](Descriptor, const Address &from) { peers.push_back(from.ip_text()); });
    Descriptor four = connect_to(listener.address());
    CHECK(run_until(loop, [&] { return peers.size() == 1; }));
    CHECK_EQUAL(peers[0], "127.0.0.1");
    if (listener.address().family() != AF_INET6)
        return;
    Descriptor six = connect_to(listener.address(), AF_INET6);
    CHECK(run_until(loop, [&] { return !six || peers.size() == 2; }));
}

TEST(a_taken_port_is_named)
{
    Loop loop;
    Listener first(loop, loopback, false, [](Descriptor, const Address &) {});
    try {
        Listener second(loop, first.address(), false, [](Descriptor, const Address &) {});
        CHECK(false);
    } catch (const Failure &failure) {
        CHECK_EQUAL(failure.code(), exit_unavailable);
        CHECK_EQUAL(std::string(failure.what()),
                    "cannot listen on " + first.address().text() + ": Address already in use");
    }
}

TEST(workers_share_a_port)
{
    Loop a, b;
    size_t accepted = 0;
    auto count = [&](Descriptor, const Address &) { accepted++; };
    Listener first(a, loopback, true, count);
    Listener second(b, first.address(), true, count);
    std::vector<Descriptor> crowd;
    for (int i = 0; i < 50; i++)
        crowd.push_back(connect_to(first.address()));
    peers::run_for(a, 50 * millisecond);
    size_t by_first = accepted;
    peers::run_for(b, 50 * millisecond);
    CHECK_EQUAL(accepted, crowd.size());
    CHECK(by_first > 0 && by_first < crowd.size());
}

TEST(a_stopped_listener_has_closed_its_port)
{
    Loop loop;
    Listener listener(loop, loopback, false, [&](Descriptor, const Address &) { listener.stop(); });
    std::vector<Descriptor> some;
    for (int i = 0; i < 5; i++)
        some.push_back(connect_to(listener.address()));
    peers::run_for(loop, 20 * millisecond);
    CHECK(!connect_to(listener.address()));
}

TEST(who_waits_when_a_listener_finishes_is_accepted)
{
    Loop loop;
    size_t accepted = 0;
    Listener listener(loop, loopback, false, [&](Descriptor, const Address &) { accepted++; });
    std::vector<Descriptor> crowd;
    for (int i = 0; i < 200; i++)
        crowd.push_back(connect_to(listener.address()));
    listener.finish();
    CHECK_EQUAL(accepted, crowd.size());
    CHECK(!connect_to(listener.address()));
}

// libevent's own listener takes most of a processor at the limit, and serves nobody.
TEST(out_of_descriptors_it_pauses_and_goes_on_when_some_are_back)
{
    CHECK_EQUAL(in_child([] {
                    Loop loop;
                    std::vector<Descriptor> accepted;
                    Listener listener(loop, loopback, false,
                                      [&](Descriptor socket, const Address &) {
                                          accepted.push_back(std::move(socket));
                                      });
                    std::vector<Descriptor> crowd;
                    for (int i = 0; i < 60; i++)
                        crowd.push_back(connect_to(listener.address()));
                    rlimit limit = {rlim_t(crowd.back().get()) + 21, 4096};
                    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);

                    rusage before, after;
                    getrusage(RUSAGE_SELF, &before);
                    peers::run_for(loop, 250 * millisecond);
                    getrusage(RUSAGE_SELF, &after);
                    CHECK(accepted.size() >= 15 && accepted.size() <= 21);
                    CHECK(after.ru_nvcsw - before.ru_nvcsw < 40);
                    long busy = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1'000'000 +
                                after.ru_utime.tv_usec - before.ru_utime.tv_usec;
                    CHECK(busy < 50'000);

                    size_t held = accepted.size();
                    accepted.clear();
                    peers::run_for(loop, 150 * millisecond);
                    CHECK(accepted.size() >= 15);
                    limit.rlim_cur = 4096;
                    setrlimit(RLIMIT_NOFILE, &limit);
                    size_t before_last = accepted.size();
                    // Nobody was dropped.
                    CHECK(run_until(loop, [&] { return held + accepted.size() == crowd.size(); }));
                    CHECK(accepted.size() > before_last);
                }),
                0);
}
