// SPDX-License-Identifier: ISC
//
// Rates, counts and penalties on a clock that the test turns.

#include "check.h"
#include "net/address.h"
#include "server/limits.h"

using namespace tunnel;

namespace {

constexpr Micros start = 1000 * second;
using Verdict = Occupancy::Verdict;

uint64_t key(const char *address) { return source_key(*Address::parse(address)); }

} // namespace

TEST(a_bucket_gives_its_burst_and_then_its_rate)
{
    TokenBucket bucket(2, 3);
    for (int i = 0; i < 3; i++)
        CHECK(bucket.take(start));
    CHECK(!bucket.take(start));
    CHECK(!bucket.take(start + 400 * millisecond));
    CHECK(bucket.take(start + 500 * millisecond));
    CHECK(!bucket.take(start + 500 * millisecond));
}

TEST(a_request_rate_passes_so_many_in_a_minute)
{
    RequestRate rate;
    for (int i = 0; i < 6; i++)
        CHECK_EQUAL(rate.take(6, start), 0u);
    CHECK_EQUAL(rate.take(6, start), 10u);
    CHECK_EQUAL(rate.take(6, start + 9 * second), 1u);
    CHECK_EQUAL(rate.take(6, start + 10 * second), 0u);
    CHECK(rate.take(6, start + 10 * second) > 0);
    CHECK_EQUAL(rate.take(0, start), 0u); // no limit
}

TEST(a_request_rate_goes_on_where_another_stands)
{
    RequestRate old, next;
    CHECK_EQUAL(old.take(1, start), 0u);
    next.continue_from(old);
    CHECK(next.take(1, start) > 0);
}

TEST(ipv6_is_counted_by_its_64_and_mapped_addresses_as_ipv4)
{
    CHECK_EQUAL(key("[2001:db8:0:1::1]:1"), key("[2001:db8:0:1:ffff::2]:2"));
    CHECK(key("[2001:db8:0:1::1]:1") != key("[2001:db8:0:2::1]:1"));
    CHECK_EQUAL(key("[::ffff:192.0.2.1]:1"), key("192.0.2.1:2"));
    CHECK(key("192.0.2.1:1") != key("192.0.2.2:1"));
    CHECK(key("[::1]:1") != Occupancy::uncounted);
}

TEST(occupancy_is_limited_together_and_for_each_source)
{
    Occupancy inside;
    CHECK(inside.enter(1, 3, 2) == Verdict::entered);
    CHECK(inside.enter(1, 3, 2) == Verdict::entered);
    CHECK(inside.enter(1, 3, 2) == Verdict::source_full);
    CHECK(inside.enter(2, 3, 2) == Verdict::entered);
    CHECK(inside.enter(3, 3, 2) == Verdict::full);
    inside.leave(1);
    CHECK(inside.enter(1, 3, 2) == Verdict::entered);
    CHECK_EQUAL(inside.size(), 3u);
}

TEST(an_uncounted_source_has_only_the_common_limit)
{
    Occupancy inside;
    for (int i = 0; i < 10; i++)
        CHECK(inside.enter(Occupancy::uncounted, 10, 1) == Verdict::entered);
    CHECK(inside.enter(Occupancy::uncounted, 10, 1) == Verdict::full);
}

TEST(wrong_tokens_earn_a_wait_that_doubles_up_to_ten_minutes)
{
    Penalties penalties;
    Micros now = start;
    for (unsigned i = 1; i < Penalties::free_failures; i++) {
        penalties.failed(7, now);
        CHECK_EQUAL(penalties.wait(7, now), 0u);
    }
    for (Micros expected = 2 * second; expected < 600 * second; expected *= 2) {
        penalties.failed(7, now);
        CHECK_EQUAL(penalties.wait(7, now), expected);
        now += expected;
        CHECK_EQUAL(penalties.wait(7, now), 0u);
    }
    penalties.failed(7, now);
    CHECK_EQUAL(penalties.wait(7, now), 600 * second);
    CHECK_EQUAL(penalties.wait(8, now), 0u);
}

TEST(in_its_first_minute_an_address_guesses_at_most_ten_times)
{
    Penalties penalties;
    unsigned guesses = 0;
    for (Micros now = start; now < start + 60 * second; now += 100 * millisecond)
        if (penalties.wait(7, now) == 0) {
            penalties.failed(7, now);
            guesses++;
        }
    CHECK(guesses <= 10);
}

TEST(a_penalty_is_forgiven_by_a_login_and_forgotten_in_time)
{
    Penalties penalties;
    for (int i = 0; i < 5; i++)
        penalties.failed(7, start);
    penalties.forgive(7);
    CHECK_EQUAL(penalties.wait(7, start), 0u);
    for (int i = 0; i < 5; i++)
        penalties.failed(7, start);
    Micros later = start + 1000 * second;
    penalties.failed(7, later);
    CHECK_EQUAL(penalties.wait(7, later), 0u);
}

TEST(who_waits_is_told_so_a_few_times_only)
{
    Penalties penalties;
    for (int i = 0; i < 9; i++)
        penalties.failed(7, start);
    unsigned answers = 0;
    for (int i = 0; i < 1000; i++)
        answers += penalties.may_answer(7, start);
    CHECK_EQUAL(answers, 10u);
    CHECK(penalties.may_answer(8, start));
}

TEST(a_hundred_thousand_sources_do_not_grow_the_table_beyond_its_bound)
{
    Penalties penalties;
    for (uint64_t source = 1; source <= Penalties::max_sources + 50; source++)
        penalties.failed(source, start + source);
    CHECK_EQUAL(penalties.size(), Penalties::max_sources);
}
