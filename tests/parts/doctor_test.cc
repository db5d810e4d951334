// SPDX-License-Identifier: ISC

#include "client/doctor.h"

#include "base/date.h"
#include "check.h"

using namespace tunnel;
using State = Finding::State;

TEST(clocks_may_differ_by_seconds)
{
    const std::string there = "2026-01-31T12:00:00.500Z";
    const int64_t now = parse_date("2026-01-31T12:00:00Z");
    CHECK(compare_clocks(there, now).state == State::ok);
    CHECK(compare_clocks(there, now - 10).state == State::ok);
    CHECK(compare_clocks(there, now - 11).text.starts_with("11 seconds behind"));
    CHECK(compare_clocks(there, now + 86400).text.starts_with("86400 seconds ahead"));
    CHECK(compare_clocks(there, now + 86400).state == State::warn);
    for (const char *none : {"", "soon", "2026-01-31T12:00:00.5", "2026-01-31T12:00:00ZZ"})
        CHECK(compare_clocks(none, now).state == State::skipped);
}

TEST(a_finding_is_a_line_for_a_person_and_an_object_for_a_program)
{
    const Finding fine = good(Hop::dns, "a -> b");
    CHECK_EQUAL(finding_line(fine), "dns       ok    a -> b\n");
    CHECK_EQUAL(finding_json(fine),
                "{\"type\":\"check\",\"hop\":\"dns\",\"state\":\"ok\",\"text\":\"a -> b\"}\n");
    const Finding bad = failed(Hop::local, "\"x\"", "start it");
    CHECK_EQUAL(finding_line(bad), "local     fail  \"x\"\n                fix: start it\n");
    CHECK_EQUAL(finding_json(bad), "{\"type\":\"check\",\"hop\":\"local\",\"state\":\"fail\","
                                   "\"text\":\"\\\"x\\\"\",\"fix\":\"start it\"}\n");
    CHECK(bad.exit == exit_unavailable);
}

TEST(every_hop_has_a_name_and_a_fix)
{
    for (int hop = int(Hop::config); hop <= int(Hop::round_trip); hop++)
        CHECK(*hop_name(Hop(hop)) && *hop_fix(Hop(hop)) && hop_exit(Hop(hop)) != exit_ok);
}
