/* SPDX-License-Identifier: ISC */
/* Credit both ways: what we may send, what the peer may send, how much of it may wait. */
#include "mux_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct script_row rows[] = {
    /* What we send */
    {"we_never_send_more_than_our_credit",
     "> WS p1 0; accept p1; queue p1 300000; gather; > W p1 1; gather; > W p1 100000; gather",
     "new p1; DA p1 262144; writable p1; D p1 1; D p1 37855"},
    {"credit_ends_at_32_bits", "> WS p1 0xfffbffff; > W p1 1; > PS 0 1; gather",
     "new p1; closed p1 window 4; PA 0 1; WR p1 4"},
    {"a_window_of_32_bits_is_usable", "> WS p1 0xfffbffff; accept p1; queue p1 5; gather",
     "new p1; DA p1 5"},
    {"credit_of_nothing_is_nothing", "> WS p1 0; > W p1 0; > W p1 0", "new p1"},
    {"fin_needs_no_credit", "> WS p1 0; accept p1; queue p1 262144; gather; shutdown p1; gather",
     "new p1; DA p1 262144; writable p1; DF p1 0"},
    {"a_producer_is_woken_below_the_low_mark",
     "> WS p1 0; accept p1; queue p1 393216; gather; > W p1 65535; gather; > W p1 1; gather",
     "new p1; DA p1 262144; D p1 65535; D p1 1; writable p1"},
    {"a_peer_that_finished_and_grants_nothing_stalls",
     "> WS p1 0; > WF p1 0; accept p1; queue p1 262145; gather; wait 9999; > PS 0 1; gather; "
     "wait 9999; > PS 0 1; gather; wait 9999; > PS 0 1; gather; wait 3; gather",
     "new p1; fin p1; DA p1 262144; writable p1; PA 0 1; PA 0 1; PA 0 1; closed p1 stalled 6; "
     "WR p1 6"},
    {"credit_ends_a_stall",
     "> WS p1 0; > WF p1 0; accept p1; queue p1 262146; gather; wait 9999; > W p1 1; gather; "
     "wait 9999; > PS 0 1; gather; wait 9999; > PS 0 1; gather; wait 9999; > W p1 1; gather",
     "new p1; fin p1; DA p1 262144; writable p1; D p1 1; PA 0 1; PA 0 1; D p1 1"},
    {"a_peer_that_only_finished_may_be_idle",
     "> WS p1 0; > WF p1 0; accept p1; gather; wait 9999; > PS 0 1; gather; wait 9999; > PS 0 1; "
     "gather; wait 9999; > PS 0 1; gather; wait 9999; queue p1 1; gather",
     "new p1; fin p1; WA p1 0; PA 0 1; PA 0 1; PA 0 1; D p1 1"},

    /* What we take */
    {"exactly_the_window_is_taken", "> WS p1 0; > D p1 262144", "new p1; data p1 262144"},
    {"a_byte_beyond_it_resets_that_stream_only",
     "> WS p1 0; > WS p2 0; > D p1 262144; > D p1 1; > D p2 3; gather",
     "new p1; new p2; data p1 262144; closed p1 window 4; data p2 3; WR p1 4"},
    {"credit_is_granted_in_quarters",
     "> WS p1 0; accept p1; gather; > D p1 262144; consume p1 65535; gather; consume p1 1; gather",
     "new p1; WA p1 0; data p1 262144; W p1 65536"},
    {"grants_merge_until_they_are_gathered",
     "> WS p1 0; accept p1; gather; > D p1 262144; consume p1 65536; consume p1 65536; "
     "consume p1 131072; gather",
     "new p1; WA p1 0; data p1 262144; W p1 262144"},
    {"granted_credit_may_be_used_and_no_more",
     "> WS p1 0; accept p1; > D p1 262144; consume p1 65536; gather; > D p1 65536; > D p1 1",
     "new p1; data p1 262144; WA p1 65536; data p1 65536; closed p1 window 4"},
    {"no_more_is_consumed_than_came", "> WS p1 0; accept p1; > D p1 9; consume p1 10; consume p1 9",
     "new p1; data p1 9; =-1"},
    {"nothing_is_granted_after_the_peers_fin",
     "> WS p1 0; accept p1; gather; > D p1 262144; consume p1 262144; > WF p1 0; gather",
     "new p1; WA p1 0; data p1 262144; fin p1"},
    {"a_body_is_not_credit_twice",
     "> WS p1 0; accept p1; gather; > D p1 200000; consume p1 200000; > D p1 62144; gather",
     "new p1; WA p1 0; data p1 262144; W p1 200000"},
};

static void check(const tn_mux_config *config, const char *claim, const char *steps,
                  const char *trace)
{
    struct script_row row = {claim, steps, trace};
    script_check(&row, config);
}

static void a_larger_window_is_announced_with_syn_and_ack(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.initial_window = 1 << 20;
    check(&config, *state, "open; queue o1 5; gather; > WS p1 0; accept p1; gather; > D p1 1048576",
          "WS o1 786432; D o1 5; new p1; WA p1 786432; data p1 1048576");
}

static void the_window_budget_bounds_larger_windows(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.initial_window = 1 << 20;
    config.window_budget = 786432;
    check(&config, *state, "open; open; gather; reset o1 5; open; gather",
          "WS o1 786432; WS o2 0; WR o1 5; WS o3 786432");
}

static void grants_shrink_under_memory_pressure(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.buffered_soft = 1;
    config.buffered_hard = 262144 * 8;
    /* Half of the way to a quarter of the hard limit: windows are 5/8, so 163840. */
    check(&config, *state,
          "> WS p1 0; > WS p2 0; accept p1; accept p2; gather; > D p1 262144; > D p2 131072; "
          "consume p2 131072; gather; > D p2 131072; consume p2 131072; gather",
          "new p1; new p2; WA p1 0; WA p2 0; data p1 262144; data p2 262144; W p2 163840");
}

static void the_worst_holder_is_evicted_at_the_hard_limit(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.buffered_soft = 1000;
    config.buffered_hard = 300000;
    check(&config, *state,
          "> WS p1 0; > WS p2 0; accept p1; accept p2; gather; > D p1 200000; > D p2 100000; "
          "> D p2 1; gather",
          "new p1; new p2; WA p1 0; WA p2 0; data p1 200000; data p2 100001; closed p1 evicted 7; "
          "WR p1 7");
}

static void reading_goes_on_while_the_reader_is_evicted(void **state)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.buffered_soft = 1000;
    config.buffered_hard = 100000;
    struct script s;
    script_begin(&s, TN_SERVER, &config);
    s.slice = 4096;
    script_run(&s, "> WS p1 0; accept p1; gather; > D p1 200000; > PS 0 1; gather");
    assert_non_null(strstr(s.trace, "closed p1 evicted 7; PA 0 1; WR p1 7"));
    script_end(&s);
    (void)state;
}

static void payload_may_be_placed_directly(void **state)
{
    (void)state;
    struct script s;
    tn_stream stream;
    void *user;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> WS p1 0; accept p1; gather; > DF p1 1000!");
    assert_int_equal(tn_mux_rx_hint(s.mux, &stream, &user), 1000);
    assert_ptr_equal(user, &s);
    assert_int_equal(tn_mux_rx_placed(s.mux, 1001, s.now_us), TN_ERR_INVAL);
    assert_int_equal(tn_mux_rx_placed(s.mux, 400, s.now_us), TN_OK);
    assert_int_equal(tn_mux_rx_placed(s.mux, 600, s.now_us), TN_OK);
    assert_int_equal(tn_mux_rx_hint(s.mux, &stream, &user), 0);
    script_run(&s, "consume p1 1000; consume p1 1; wait 0");
    assert_string_equal(s.trace, "new p1; WA p1 0; fin p1; =-1");
    script_end(&s);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name, NULL, NULL, #name                                                             \
    }

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_larger_window_is_announced_with_syn_and_ack),
        CASE(the_window_budget_bounds_larger_windows),
        CASE(grants_shrink_under_memory_pressure),
        CASE(the_worst_holder_is_evicted_at_the_hard_limit),
        CASE(reading_goes_on_while_the_reader_is_evicted),
        CASE(payload_may_be_placed_directly),
    };
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    return script_main(rows, sizeof rows / sizeof rows[0]) || failed;
}
