// SPDX-License-Identifier: ISC

#include "check.h"
#include "net/loop.h"
#include "net/signals.h"
#include "peers.h"

#include <csignal>
#include <sys/resource.h>
#include <thread>

using namespace tunnel;

namespace {

struct Counter : Loop::Task {
    explicit Counter(std::function<void()> call) : work(std::move(call)) {}
    void on_turn_end() noexcept override
    {
        runs++;
        work();
    }
    std::function<void()> work;
    int runs = 0;
};

long context_switches()
{
    rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

} // namespace

TEST(posted_work_runs_in_order_on_the_loops_thread)
{
    Loop loop;
    std::thread::id loop_thread, other_thread;
    std::vector<int> order;
    bool inside = false;
    std::thread other([&] {
        for (int i = 0; i < 1000; i++)
            loop.post([&, i] {
                order.push_back(i);
                inside = loop.in_loop_thread();
            });
        loop.stop();
    });
    loop.run();
    other.join();
    CHECK_EQUAL(order.size(), 1000u);
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(inside);
    CHECK(!loop.in_loop_thread());
}

TEST(loops_in_threads_post_to_each_other)
{
    Loop a, b;
    int rounds = 0;
    std::function<void()> ping = [&] {
        b.post([&] {
            a.post([&] {
                if (++rounds < 2000)
                    return ping();
                b.stop();
                a.stop();
            });
        });
    };
    a.post(ping);
    std::thread other([&] { b.run(); });
    a.run();
    other.join();
    CHECK_EQUAL(rounds, 2000);
}

TEST(stop_before_run_ends_it_at_once)
{
    Loop loop;
    loop.stop();
    loop.run();
}

TEST(a_task_is_queued_once_and_runs_at_the_turns_end)
{
    Loop loop;
    Counter task([] {});
    bool before = true;
    loop.post([&] {
        loop.schedule(task);
        loop.schedule(task);
        before = task.runs == 0;
        loop.stop();
    });
    loop.run();
    CHECK(before);
    CHECK_EQUAL(task.runs, 1);
}

TEST(a_task_scheduled_by_a_task_runs_in_the_next_turn_without_a_wait)
{
    Loop loop;
    Counter task([&] {
        if (task.runs < 5)
            loop.schedule(task);
        else
            loop.stop();
    });
    loop.schedule(task);
    loop.run();
    CHECK_EQUAL(task.runs, 5);
}

TEST(a_task_that_dies_is_taken_back)
{
    Loop loop;
    auto victim = std::make_unique<Counter>([] { CHECK(false); });
    Counter killer([&] { victim.reset(); });
    loop.post([&] {
        loop.schedule(killer);
        loop.schedule(*victim);
        loop.stop();
    });
    loop.run();
    CHECK_EQUAL(killer.runs, 1);
}

TEST(the_retired_die_after_the_callback)
{
    struct Object {
        bool *dead;
        ~Object() { *dead = true; }
    };
    Loop loop;
    bool dead = false, dead_inside = true;
    loop.post([&] {
        auto object = std::unique_ptr<Object>(new Object{&dead});
        loop.retire(std::move(object));
        dead_inside = dead;
        loop.stop();
    });
    loop.run();
    CHECK(!dead_inside);
    CHECK(dead);
}

TEST(a_loop_that_is_never_run_frees_what_it_was_given)
{
    auto held = std::make_shared<int>(1);
    {
        Loop loop;
        loop.post([held] {});
        loop.retire(std::make_unique<std::shared_ptr<int>>(held));
    }
    CHECK_EQUAL(held.use_count(), 1);
}

TEST(an_idle_loop_sleeps)
{
    Loop loop;
    auto [a, b] = peers::tcp_pair();
    peers::Probe probe(loop, std::move(a));
    peers::run_for(loop, 200 * millisecond); // the first edges
    long before = context_switches();
    peers::run_for(loop, second);
    CHECK(context_switches() - before <= 3);
}

TEST(borrowed_memory_does_not_overlap)
{
    Loop loop;
    std::vector<std::pair<uint8_t *, size_t>> pieces;
    for (size_t i = 1; i < 300; i++) {
        size_t size = i * 37 % 50'000 + 1;
        uint8_t *memory = loop.borrow(size);
        memset(memory, int(i & 0xff), size);
        pieces.push_back({memory, size});
    }
    for (size_t i = 0; i < pieces.size(); i++)
        CHECK(pieces[i].first[0] == ((i + 1) & 0xff) &&
              pieces[i].first[pieces[i].second - 1] == ((i + 1) & 0xff));
}

TEST(signals_arrive_as_events)
{
    Loop loop;
    int got = 0;
    Signals signals(loop, {SIGUSR1, SIGHUP}, [&](int number) {
        got = number;
        loop.stop();
    });
    loop.post([] { raise(SIGUSR1); });
    loop.run();
    CHECK_EQUAL(got, SIGUSR1);
}
