// SPDX-License-Identifier: ISC
//
// The pool against real sockets on loopback.

#include "client/local_pool.h"

#include "check.h"
#include "net/address.h"
#include "net/listener.h"

#include <set>

using namespace tunnel;

namespace {

struct Nobody final : Connection::Owner {
    void on_readable() noexcept override { readable++; }
    void on_sent(size_t) noexcept override {}
    void on_broken() noexcept override { broken++; }
    int readable = 0;
    int broken = 0;
};

ClientSettings settings()
{
    ClientSettings settings = {};
    settings.pool_max_idle = 2;
    settings.pool_max_open = 3;
    settings.pool_max_lifetime = 300 * second;
    settings.pool_idle_timeout = 60 * second;
    settings.pool_dial_timeout = second;
    return settings;
}

// A service that accepts and keeps what it accepted, and a pool that uses it.
struct World {
    explicit World(const ClientSettings &given = settings())
        : service(std::make_unique<Listener>(loop, *Address::parse("127.0.0.1:0"), false,
                                             [this](Descriptor socket, const Address &) {
                                                 accepted.push_back(std::move(socket));
                                             })),
          target{"127.0.0.1", service->address().port()}, options(given), pool(loop, options)
    {}

    // Runs the loop until `done`, which must come within 3 s.
    template <class Done> void until(Done done)
    {
        Timer watch(loop, [&] {
            CHECK(done());
            loop.stop();
        });
        Timer poll(loop, [&] {
            if (done())
                loop.stop();
            else
                poll.start(millisecond);
        });
        watch.start(3 * second);
        poll.start(0);
        loop.run();
    }
    void run_for(Micros span)
    {
        Timer watch(loop, [&] { loop.stop(); });
        watch.start(span);
        loop.run();
    }

    LocalOutcome take(bool fresh = false)
    {
        LocalOutcome got;
        bool done = false;
        auto request = pool.acquire(target, fresh, owner, [&](LocalOutcome outcome) {
            got = std::move(outcome);
            done = true;
        });
        until([&] { return done; });
        return got;
    }
    LocalLease lease(bool fresh = false)
    {
        LocalOutcome outcome = take(fresh);
        CHECK(outcome.lease.connection != nullptr);
        return std::move(outcome.lease);
    }

    Loop loop;
    Nobody owner;
    std::vector<Descriptor> accepted;
    std::unique_ptr<Listener> service;
    LocalTarget target;
    ClientSettings options;
    LocalPool pool;
};

void say(const Descriptor &socket, const char *text)
{
    CHECK(send(socket.get(), text, strlen(text), 0) == ssize_t(strlen(text)));
}

} // namespace

TEST(a_connection_that_was_given_back_serves_again)
{
    World world;
    LocalLease first = world.lease();
    CHECK(!first.reused);
    Connection *connection = first.connection.get();
    world.pool.give_back(std::move(first));
    CHECK(world.pool.stats().idle == 1);

    bool at_once = false;
    auto request = world.pool.acquire(world.target, false, world.owner, [&](LocalOutcome outcome) {
        CHECK(outcome.lease.connection.get() == connection);
        CHECK(outcome.lease.reused);
        at_once = true;
        world.pool.drop(std::move(outcome.lease));
    });
    CHECK(at_once && !request);
    CHECK(world.pool.stats().open == 0);
}

TEST(the_most_recently_used_comes_first)
{
    World world;
    LocalLease first = world.lease(), second_one = world.lease();
    Connection *recent = second_one.connection.get();
    world.pool.give_back(std::move(first));
    world.pool.give_back(std::move(second_one));
    LocalLease again = world.lease();
    CHECK(again.connection.get() == recent);
    world.pool.drop(std::move(again));
}

TEST(an_idle_connection_that_the_service_closed_is_not_lent)
{
    World world;
    world.pool.give_back(world.lease());
    world.until([&] { return world.accepted.size() == 1; });
    world.accepted.clear();
    world.until([&] { return world.pool.stats().open == 0; });
    LocalLease lease = world.lease();
    CHECK(!lease.reused);
    world.pool.drop(std::move(lease));
}

TEST(an_idle_connection_that_was_reset_is_not_lent)
{
    World world;
    world.pool.give_back(world.lease());
    world.until([&] { return world.accepted.size() == 1; });
    linger abort = {1, 0};
    setsockopt(world.accepted[0].get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    world.accepted.clear();
    world.until([&] { return world.pool.stats().open == 0; });
    CHECK(world.owner.broken == 0);
}

TEST(bytes_that_nobody_asked_for_end_an_idle_connection)
{
    World world;
    world.pool.give_back(world.lease());
    world.until([&] { return world.accepted.size() == 1; });
    say(world.accepted[0], "HTTP/1.1 408 Request Timeout\r\n\r\n");
    world.until([&] { return world.pool.stats().open == 0; });
    CHECK(world.owner.readable == 0);
}

TEST(a_connection_with_something_to_read_is_not_taken_back)
{
    World world;
    LocalLease lease = world.lease();
    world.until([&] { return world.accepted.size() == 1; });
    say(world.accepted[0], "surplus");
    world.until([&] { return world.owner.readable > 0; });
    world.pool.give_back(std::move(lease));
    CHECK(world.pool.stats().open == 0 && world.pool.stats().idle == 0);
}

TEST(a_fresh_one_is_never_a_used_one)
{
    World world;
    world.pool.give_back(world.lease());
    LocalLease lease = world.lease(true);
    CHECK(!lease.reused);
    CHECK(world.pool.stats().open == 2);
    world.pool.drop(std::move(lease));
}

TEST(at_the_limit_an_idle_one_makes_way_for_a_fresh_one)
{
    ClientSettings one = settings();
    one.pool_max_open = 1;
    World world(one);
    world.pool.give_back(world.lease());
    LocalLease lease = world.lease(true);
    CHECK(!lease.reused);
    CHECK(world.pool.stats().open == 1 && world.pool.stats().idle == 0);
    world.pool.drop(std::move(lease));
}

TEST(who_comes_at_the_limit_waits_and_is_served_in_order)
{
    World world;
    LocalLease leases[] = {world.lease(), world.lease(), world.lease()};
    std::vector<int> order;
    std::vector<LocalLease> got;
    auto done = [&](int number) {
        return [&, number](LocalOutcome outcome) {
            order.push_back(number);
            got.push_back(std::move(outcome.lease));
        };
    };
    auto first = world.pool.acquire(world.target, false, world.owner, done(1));
    auto second_one = world.pool.acquire(world.target, false, world.owner, done(2));
    auto third = world.pool.acquire(world.target, false, world.owner, done(3));
    world.run_for(20 * millisecond);
    CHECK(order.empty() && world.pool.stats().waiting == 3);

    world.pool.give_back(std::move(leases[0]));
    CHECK(order == std::vector<int>{1} && got[0].reused);
    second_one.reset(); // he has lost patience
    world.pool.drop(std::move(leases[1]));
    world.until([&] { return order.size() == 2; });
    CHECK(order[1] == 3 && !got[1].reused);
    CHECK(world.pool.stats().open == 3 && world.pool.stats().waiting == 0);
    for (LocalLease &lease : got)
        world.pool.drop(std::move(lease));
    world.pool.drop(std::move(leases[2]));
    CHECK(world.pool.stats().open == 0);
}

TEST(giving_up_a_dial_frees_its_place_for_who_waits)
{
    ClientSettings one = settings();
    one.pool_max_open = 1;
    World world(one);
    bool wrong = false, right = false;
    auto dialling =
        world.pool.acquire(world.target, false, world.owner, [&](LocalOutcome) { wrong = true; });
    auto waiting = world.pool.acquire(world.target, false, world.owner, [&](LocalOutcome outcome) {
        right = true;
        world.pool.drop(std::move(outcome.lease));
    });
    dialling.reset();
    world.until([&] { return right; });
    CHECK(!wrong && world.pool.stats().open == 0);
}

TEST(a_request_may_be_destroyed_by_its_own_done)
{
    World world;
    std::unique_ptr<LocalPool::Request> request;
    bool done = false;
    request = world.pool.acquire(world.target, false, world.owner, [&](LocalOutcome outcome) {
        request.reset();
        world.pool.drop(std::move(outcome.lease));
        done = true;
    });
    world.until([&] { return done; });
    CHECK(world.pool.stats().open == 0);
}

TEST(a_refused_dial_is_told_at_once_and_holds_no_place)
{
    World world;
    world.service.reset();
    Micros start = monotonic_now();
    LocalOutcome outcome = world.take();
    CHECK(!outcome.lease.connection);
    CHECK(outcome.failed == Dialer::Failed::refused);
    CHECK(outcome.error.find("127.0.0.1:") != std::string::npos);
    CHECK(monotonic_now() - start < 100 * millisecond);
    CHECK(world.pool.stats().open == 0);
}

TEST(a_service_that_takes_no_connection_is_given_up_in_time)
{
    // A listener whose queue is full drops what comes: nobody accepts here.
    Descriptor deaf(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Address any = *Address::parse("127.0.0.1:0");
    CHECK(bind(deaf.get(), any.get(), any.size()) == 0 && listen(deaf.get(), 0) == 0);
    Address address = Address::local_of(deaf.get());
    std::vector<Descriptor> fillers;
    for (int i = 0; i < 4; i++) {
        fillers.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        (void)connect(fillers.back().get(), address.get(), address.size());
    }

    ClientSettings quick = settings();
    quick.pool_dial_timeout = 200 * millisecond;
    World world(quick);
    world.target.port = address.port();
    Micros start = monotonic_now();
    LocalOutcome outcome = world.take();
    CHECK(outcome.failed == Dialer::Failed::timeout);
    CHECK(monotonic_now() - start >= 190 * millisecond);
    CHECK(world.pool.stats().open == 0);
}

TEST(a_name_is_dialled_as_well_as_a_number)
{
    World world;
    world.target.host = "localhost";
    LocalLease lease = world.lease();
    world.pool.drop(std::move(lease));
}

TEST(idle_connections_end_after_the_idle_time)
{
    ClientSettings quick = settings();
    quick.pool_idle_timeout = 100 * millisecond;
    World world(quick);
    world.pool.give_back(world.lease());
    CHECK(world.pool.stats().idle == 1);
    Micros start = monotonic_now();
    world.until([&] { return world.pool.stats().open == 0; });
    CHECK(monotonic_now() - start >= 90 * millisecond);
}

TEST(idle_connections_above_the_limit_outlive_a_busy_moment_only)
{
    World world;
    LocalLease leases[] = {world.lease(), world.lease(), world.lease()};
    for (LocalLease &lease : leases)
        world.pool.give_back(std::move(lease));
    CHECK(world.pool.stats().idle == 3);
    world.until([&] { return world.pool.stats().idle == 2; });
    world.run_for(100 * millisecond);
    CHECK(world.pool.stats().idle == 2);
}

TEST(an_old_connection_is_not_used_again)
{
    ClientSettings quick = settings();
    quick.pool_max_lifetime = 50 * millisecond;
    World world(quick);
    LocalLease lease = world.lease();
    world.run_for(60 * millisecond);
    world.pool.give_back(std::move(lease));
    CHECK(world.pool.stats().open == 0);
}

TEST(with_no_idle_ones_allowed_a_connection_still_goes_to_who_waits)
{
    ClientSettings none = settings();
    none.pool_max_idle = 0;
    none.pool_max_open = 1;
    World world(none);
    LocalLease lease = world.lease();
    LocalLease got;
    auto request = world.pool.acquire(world.target, false, world.owner, [&](LocalOutcome outcome) {
        got = std::move(outcome.lease);
    });
    world.pool.give_back(std::move(lease));
    CHECK(got.connection && got.reused);
    world.pool.give_back(std::move(got));
    CHECK(world.pool.stats().open == 0);
}
