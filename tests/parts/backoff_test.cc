// SPDX-License-Identifier: ISC

#include "client/backoff.h"

#include "check.h"

using namespace tunnel;

namespace {

constexpr Backoff::Settings usual = {second, 10 * second, 2.0, 0};
constexpr Micros least = 100 * millisecond;

} // namespace

TEST(a_lucky_client_waits_a_tenth_of_a_second)
{
    Backoff backoff(usual);
    for (int i = 0; i < 50; i++)
        CHECK(backoff.fail(0) == least);
}

TEST(the_spread_doubles_up_to_the_longest_delay)
{
    Backoff backoff(usual);
    const Micros spreads[] = {1, 2, 4, 8, 10, 10, 10};
    for (Micros spread : spreads)
        CHECK(backoff.fail(0.5) == least + spread * second / 2);
}

TEST(no_delay_is_longer_than_the_longest)
{
    Backoff backoff(usual);
    for (int i = 0; i < 2000; i++)
        CHECK(backoff.fail(0.999999) <= least + 10 * second);
}

TEST(a_good_life_starts_anew_and_a_short_one_does_not)
{
    Backoff backoff(usual);
    for (int i = 0; i < 5; i++)
        backoff.fail(0);
    backoff.lived(59 * second);
    CHECK(backoff.failures() == 5);
    backoff.lived(60 * second);
    CHECK(backoff.failures() == 0);
    CHECK(backoff.fail(0.5) == least + second / 2);
}

TEST(what_the_server_asks_for_comes_on_top_of_the_jitter)
{
    Backoff backoff(usual);
    CHECK(backoff.fail(0.5, 5 * second) == 5 * second + least + second / 2);
}

TEST(a_server_cannot_ask_for_ever)
{
    Backoff backoff(usual);
    CHECK(backoff.fail(0, never) == 600 * second + least);
}

TEST(the_tries_end_where_they_are_limited)
{
    Backoff backoff({second, 10 * second, 2.0, 3});
    backoff.fail(0);
    backoff.fail(0);
    CHECK(!backoff.exhausted());
    backoff.fail(0);
    CHECK(backoff.exhausted());
}

TEST(a_session_ends_a_row_of_tries_and_its_loss_is_none)
{
    Backoff backoff({second, 10 * second, 2.0, 1});
    for (uint64_t lost = 1; lost <= 3; lost++) {
        backoff.lived(second);
        backoff.fail(0);
        CHECK(!backoff.exhausted());
        CHECK(backoff.failures() == lost);
    }
    backoff.fail(0);
    CHECK(backoff.exhausted());
}

TEST(without_a_limit_the_tries_never_end)
{
    Backoff backoff(usual);
    for (int i = 0; i < 100000; i++)
        backoff.fail(0);
    CHECK(!backoff.exhausted());
}
