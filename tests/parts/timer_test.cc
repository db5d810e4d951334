// SPDX-License-Identifier: ISC

#include "check.h"
#include "net/timer.h"
#include "peers.h"

using namespace tunnel;

TEST(a_timer_fires_once_and_not_early)
{
    Loop loop;
    int fired = 0;
    Micros start = monotonic_now(), at = 0;
    Timer timer(loop, [&] {
        fired++;
        at = monotonic_now();
    });
    timer.start(30 * millisecond);
    CHECK(timer.running());
    peers::run_for(loop, 150 * millisecond);
    CHECK_EQUAL(fired, 1);
    CHECK(at - start >= 30 * millisecond);
    CHECK(!timer.running());
}

TEST(a_deadline_may_move_away_and_nearer)
{
    Loop loop;
    Micros start = monotonic_now(), at = 0;
    Timer timer(loop, [&] { at = monotonic_now() - start; });
    timer.start(20 * millisecond);
    timer.start(120 * millisecond);
    peers::run_for(loop, 60 * millisecond);
    CHECK_EQUAL(at, 0u);
    timer.start(5 * millisecond);
    CHECK(peers::run_until(loop, [&] { return at != 0; }));
    CHECK(at < 110 * millisecond);
}

TEST(a_stopped_timer_does_not_fire_and_can_start_again)
{
    Loop loop;
    int fired = 0;
    Timer timer(loop, [&] { fired++; });
    timer.start(5 * millisecond);
    timer.stop();
    peers::run_for(loop, 30 * millisecond);
    CHECK_EQUAL(fired, 0);
    timer.start(0);
    CHECK(peers::run_until(loop, [&] { return fired == 1; }));
    timer.start(never);
    CHECK(!timer.running());
}

TEST(zero_fires_in_the_next_turn_and_may_start_itself_again)
{
    Loop loop;
    int fired = 0;
    Timer timer(loop, [&] {
        if (++fired < 100)
            timer.start(0);
        else
            loop.stop();
    });
    timer.start(0);
    CHECK_EQUAL(fired, 0);
    loop.run();
    CHECK_EQUAL(fired, 100);
}

TEST(a_dead_timer_does_not_fire)
{
    Loop loop;
    auto timer = std::make_unique<Timer>(loop, [] { CHECK(false); });
    timer->start(5 * millisecond);
    timer.reset();
    peers::run_for(loop, 30 * millisecond);
}
