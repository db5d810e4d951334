/* SPDX-License-Identifier: ISC */
/* Backlogs, limits, timers and what is done for peers with habits of their own. */
#include "mux_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(const tn_mux_config *config, const char *claim, const char *steps,
                  const char *trace)
{
    struct script_row row = {claim, steps, trace};
    script_check(&row, config);
}

static void a_half_closed_silent_stream_ends_after_its_time(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.ping_interval_ms = 0;
    check(&config, *state,
          "> WS p1 0; accept p1; shutdown p1; gather; wait 299999; > D p1 1; wait 299999; wait 1; "
          "gather",
          "new p1; WA p1 0; DF p1 0; data p1 1; closed p1 linger 6; WR p1 6");
}

static void a_quirk_holds_an_early_fin_for_the_answer(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.peer_quirks = TN_Q_NO_EARLY_FIN;
    check(&config, *state, "open; shutdown o1; gather; > WA o1 0; gather",
          "WS o1 0; acked o1; DF o1 0");
    check(&config, *state,
          "open; queue o1 5; shutdown o1; gather; wait 249; gather; wait 1; gather",
          "DS o1 5; DF o1 0");
}

static void a_quirk_keeps_the_goaway_for_the_end_of_a_drain(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.peer_quirks = TN_Q_GOAWAY_FATAL;
    check(&config, *state,
          "> WS p1 0; accept p1; gather; drain 0; gather; > WS p2 0; gather; > WR p1 0; gather",
          "new p1; WA p1 0; WR p2 3; closed p1 reset_remote 0; G 0 0; drained");
}

static void a_quirk_sends_resets_without_code(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.peer_quirks = TN_Q_NO_RST_CODE;
    config.max_inbound = 1;
    check(&config, *state, "> WS p1 0; > WS p2 0; reset p1 5; gather", "new p1; WR p2 0; WR p1 0");
}

static void an_unanswered_open_fails_alone_if_so_configured(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.ack_timeout_ms = 2000;
    check(&config, *state, "open; gather; wait 1999; wait 1; gather; > WA o1 0; > PS 0 1; gather",
          "WS o1 0; closed o1 open_timeout 6; WR o1 6; PA 0 1");
}

static void the_ack_backlog_frees_itself(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.ack_backlog = 1;
    check(&config, *state, "open; open; gather; > WA o1 0; open; gather",
          "=-5; WS o1 0; openable; acked o1; WS o2 0");
    /* hashicorp/yamux never acknowledges a stream whose FIN came before it was accepted. */
    check(&config, *state, "open; shutdown o1; gather; open; wait 4999; wait 1; open; gather",
          "WS o1 0; DF o1 0; =-5; openable; WS o2 0");
}

static void limits_are_free_again_when_the_last_fin_is_gathered(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_inbound = 1;
    config.max_outbound = 1;
    check(&config, *state,
          "> DSF p1 1; accept p1; shutdown p1; > WS p2 0; gather; > WS p3 0; gather",
          "new p1; data p1 1; fin p1; WR p2 3; WA p1 0; DF p1 0; closed p1 fin 0; new p3");
    check(&config, *state, "open; gather; open; reset o1 5; open; gather; open; gather",
          "WS o1 0; =-6; =-6; WR o1 5; WS o2 0");
}

static unsigned met(const struct script *s, unsigned ours)
{
    uint32_t cursor = 0;
    unsigned count = 0, found = 0;
    tn_stream stream;
    for (; tn_mux_iter(s->mux, &cursor, &stream); count++)
        for (unsigned i = 0; i < ours; i++)
            found += !memcmp(&stream, &s->ours[i], sizeof stream);
    assert_int_equal(count, found);
    return found;
}

static void a_walk_meets_every_stream_with_a_valid_handle(void **state)
{
    (void)state;
    struct script s;
    script_begin(&s, TN_CLIENT, NULL);
    script_run(&s, "open; open; gather; open"); /* the last has no id yet */
    assert_int_equal(met(&s, 3), 3);
    script_run(&s, "reset o1 5"); /* its RST is not gathered, but its handle is gone */
    assert_int_equal(met(&s, 3), 2);
    tn_mux_frame frame;
    script_run(&s, "gather; > DF o2 0; shutdown o2");
    assert_int_equal(tn_mux_gather(s.mux, s.now_us, 100, &frame, 1), 1);
    assert_int_equal(met(&s, 3), 2); /* over, its end not reported */
    script_run(&s, "wait 0");
    assert_int_equal(met(&s, 3), 1);
    script_end(&s);
}

static void news_made_by_a_gather_are_due_at_once(void **state)
{
    (void)state;
    struct script s;
    tn_mux_frame frame;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> DSF p1 0; accept p1; gather; shutdown p1");
    assert_true(tn_mux_next_timeout(s.mux) > s.now_us);
    assert_int_equal(tn_mux_gather(s.mux, s.now_us, 100, &frame, 1), 1);
    assert_true(tn_mux_next_timeout(s.mux) <= s.now_us);
    script_run(&s, "wait 0");
    assert_true(tn_mux_next_timeout(s.mux) > s.now_us);
    script_end(&s);
}

static void timers_fire_when_they_said_they_would(void **state)
{
    (void)state;
    struct script s;
    tn_mux_event event;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> WS p1 0");
    s.now_us = tn_mux_next_timeout(s.mux);
    assert_int_equal(s.now_us, 11000000);
    assert_int_equal(tn_mux_next(s.mux, NULL, s.now_us - 1, &event), TN_MUX_NONE);
    assert_int_equal(tn_mux_next(s.mux, NULL, s.now_us, &event), TN_MUX_CLOSED);
    script_end(&s);
}

static void a_frozen_mux_does_not_age(void **state)
{
    (void)state;
    struct script s;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> WS p1 0; wait 9000");
    tn_mux_suspend(s.mux, s.now_us);
    assert_true(tn_mux_next_timeout(s.mux) == UINT64_MAX);
    script_run(&s, "wait 100000");
    tn_mux_resume(s.mux, s.now_us);
    assert_int_equal(tn_mux_next_timeout(s.mux), s.now_us + 1000000);
    script_run(&s, "wait 999");
    assert_string_equal(s.trace, "new p1");
    script_run(&s, "wait 1");
    assert_string_equal(s.trace, "new p1; closed p1 accept_timeout 3");
    script_end(&s);
}

static void bad_configurations_are_refused(void **state)
{
    (void)state;
    struct script s;
    tn_mux_config config;
    tn_mux *mux;
    script_begin(&s, TN_SERVER, NULL);
    tn_mux_config_init(&config);
    config.initial_window = TN_INITIAL_WINDOW - 1;
    assert_int_equal(tn_mux_create(s.pool, TN_CLIENT, &config, 0, NULL, &mux), TN_ERR_INVAL);
    tn_mux_config_init(&config);
    config.buffered_soft = config.buffered_hard;
    assert_int_equal(tn_mux_create(s.pool, TN_CLIENT, &config, 0, NULL, &mux), TN_ERR_INVAL);
    tn_mux_config_init(&config);
    config.struct_size++;
    assert_int_equal(tn_mux_create(s.pool, TN_CLIENT, &config, 0, NULL, &mux), TN_ERR_INVAL);
    script_end(&s);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name, NULL, NULL, #name                                                             \
    }

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_half_closed_silent_stream_ends_after_its_time),
        CASE(a_quirk_holds_an_early_fin_for_the_answer),
        CASE(a_quirk_keeps_the_goaway_for_the_end_of_a_drain),
        CASE(a_quirk_sends_resets_without_code),
        CASE(an_unanswered_open_fails_alone_if_so_configured),
        CASE(the_ack_backlog_frees_itself),
        CASE(limits_are_free_again_when_the_last_fin_is_gathered),
        CASE(a_walk_meets_every_stream_with_a_valid_handle),
        CASE(news_made_by_a_gather_are_due_at_once),
        CASE(timers_fire_when_they_said_they_would),
        CASE(a_frozen_mux_does_not_age),
        CASE(bad_configurations_are_refused),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
