/* SPDX-License-Identifier: ISC */
/*
 * What a mux does with each kind of frame in each state, in both roles. "Go" below are the
 * observed habits of hashicorp/yamux, libp2p/go-yamux and rust-yamux, which must all be served.
 */
#include "mux_script.h"

static const struct script_row rows[] = {
    /* Opening, the peer */
    {"an_opened_stream_is_reported_and_acknowledged", "> WS p1 0; accept p1; gather",
     "new p1; WA p1 0"},
    {"data_may_come_with_the_syn", "> DS p1 5; accept p1; gather", "new p1; data p1 5; WA p1 0"},
    {"a_one_shot_request_opens_and_finishes", "> DSF p1 5; accept p1; shutdown p1; gather",
     "new p1; data p1 5; fin p1; WA p1 0; DF p1 0; closed p1 fin 0"},
    {"an_early_fin_does_not_cost_the_ack", "> WS p1 0; > WF p1 0; accept p1; gather",
     "new p1; fin p1; WA p1 0"},
    {"the_ack_rides_on_data_that_waits", "> WS p1 0; accept p1; queue p1 7; gather",
     "new p1; DA p1 7"},
    {"bytes_queued_before_accept_wait_for_it", "> WS p1 0; queue p1 7; gather; accept p1; gather",
     "new p1; DA p1 7"},
    {"a_whole_window_may_come_with_the_syn", "> DS p1 262144", "new p1; data p1 262144"},
    {"a_byte_more_resets_the_stream_unseen", "> DS p1 262145; gather; > PS 0 1; gather",
     "WR p1 4; PA 0 1"},
    {"credit_beyond_32_bits_resets_the_stream_unseen", "> WS p1 0xffffffff; gather", "WR p1 4"},
    {"credit_may_come_with_the_syn", "> WS p1 1000; accept p1; queue p1 263144; gather",
     "new p1; DA p1 262144; D p1 1000; writable p1"},
    {"syns_may_overtake_each_other", "> WS p3 0; > WS p1 0; > WS p2 0", "new p3; new p1; new p2"},
    {"an_id_is_used_once", "> WS p1 0; > WR p1 0; > WS p1 0; gather",
     "new p1; closed p1 reset_remote 0; WR p1 3"},
    {"an_id_far_below_the_highest_counts_as_used", "> WS p300 0; > WS p1 0; gather",
     "new p300; WR p1 3"},
    {"a_syn_for_a_live_stream_ends_the_session", "> WS p1 0; > WS p1 0; gather",
     "new p1; error dup_syn 0; closed p1 session 0; G 0 1"},
    {"a_syn_of_our_parity_ends_the_session", "> WS o1 0; gather", "error stream_id 0; G 0 1"},
    {"a_syn_for_stream_0_ends_the_session", "> WS 0 0; gather", "error stream_id 0; G 0 1"},
    {"a_syn_with_rst_is_nothing", "> WSR p1 0; > DSR p2 3; gather; > PS 0 1; gather", "PA 0 1"},
    {"an_unaccepted_stream_is_refused_in_time", "> WS p1 0; wait 9999; wait 1; gather",
     "new p1; closed p1 accept_timeout 3; WR p1 3"},
    {"a_stream_is_accepted_once", "> WS p1 0; accept p1; accept p1; gather",
     "new p1; =-4; WA p1 0"},
    {"a_syn_with_unknown_flags_opens", "> WSX p1 0; > DX p1 2", "new p1; data p1 2"},

    /* Opening, ours */
    {"a_stream_with_nothing_to_say_opens_by_window", "open; gather; > WA o1 0",
     "WS o1 0; acked o1"},
    {"the_first_bytes_ride_on_the_syn", "open; queue o1 5; gather", "DS o1 5"},
    {"no_more_than_16_kib_ride_on_the_syn", "open; queue o1 20000; gather",
     "DS o1 16384; D o1 3616"},
    {"a_short_request_takes_no_round_trip", "open; queue o1 5; shutdown o1; gather",
     "DS o1 5; DF o1 0"},
    {"an_empty_stream_opens_before_it_ends", "open; shutdown o1; gather", "WS o1 0; DF o1 0"},
    {"ids_follow_the_wire_not_the_calls", "open; open; reset o1 5; gather", "WS o1 0"},
    {"data_is_an_answer", "open; gather; > D o1 3", "WS o1 0; acked o1; data o1 3"},
    {"credit_is_an_answer", "open; gather; > W o1 9", "WS o1 0; acked o1"},
    {"a_fin_is_an_answer", "open; gather; > WF o1 0", "WS o1 0; acked o1; fin o1"},
    {"only_the_first_answer_counts", "open; gather; > WA o1 0; > WA o1 0", "WS o1 0; acked o1"},
    {"a_reset_instead_of_an_answer_is_a_refusal", "open; gather; > WR o1 3",
     "WS o1 0; closed o1 refused 3"},
    {"a_reset_after_an_answer_is_none", "open; gather; > WA o1 0; > WR o1 5",
     "WS o1 0; acked o1; closed o1 reset_remote 5"},
    {"an_opened_stream_may_wait_for_ever",
     "open; gather; > PS 0 1; gather; wait 9000; > PS 0 2; "
     "gather; wait 9000",
     "WS o1 0; PA 0 1; PA 0 2"},

    /* Half-close */
    {"fin_is_a_frame_of_its_own", "open; queue o1 9; gather; queue o1 3; shutdown o1; gather",
     "DS o1 9; D o1 3; DF o1 0"},
    {"a_stream_is_over_when_both_have_finished", "open; gather; > DF o1 4; shutdown o1; gather",
     "WS o1 0; acked o1; data o1 4; fin o1; DF o1 0; closed o1 fin 0"},
    {"the_peer_may_finish_last", "open; shutdown o1; gather; > DA o1 4; > WF o1 0",
     "WS o1 0; DF o1 0; acked o1; data o1 4; fin o1; closed o1 fin 0"},
    {"after_its_fin_we_go_on",
     "> WS p1 0; > WF p1 0; accept p1; queue p1 5; gather; queue p1 6; "
     "gather",
     "new p1; fin p1; DA p1 5; D p1 6"},
    {"a_second_fin_is_ignored", "> WS p1 0; > WF p1 0; > DF p1 0; > PS 0 1; gather",
     "new p1; fin p1; PA 0 1"},
    {"data_after_fin_resets_that_stream", "> WS p1 0; > WF p1 0; > D p1 3; > PS 0 1; gather",
     "new p1; fin p1; closed p1 protocol 1; PA 0 1; WR p1 1"},
    {"credit_after_fin_is_welcome", "> WS p1 0; > WF p1 0; > W p1 5; gather", "new p1; fin p1"},
    {"nothing_is_queued_after_shutdown", "open; shutdown o1; queue o1 1; ready o1; gather",
     "=-4; =-4; WS o1 0; DF o1 0"},
    {"shutdown_twice_is_once", "open; shutdown o1; shutdown o1; gather; shutdown o1; gather",
     "WS o1 0; DF o1 0"},
    /* Resets */
    {"our_reset_overtakes_data_and_is_the_last_word",
     "> WS p1 0; accept p1; queue p1 100; reset p1 5; gather; reset p1 5; accept p1",
     "new p1; WR p1 5; =-3; =-3"},
    {"late_frames_of_a_reset_stream_are_nothing",
     "> WS p1 0; reset p1 5; gather; > D p1 9; > W p1 3; > WF p1 0; > WR p1 0; > PS 0 1; gather",
     "new p1; WR p1 5; PA 0 1"},
    {"a_reset_of_data_type_loses_its_body", "> WS p1 0; > DR p1 10; > PS 0 1; gather",
     "new p1; closed p1 reset_remote 0; PA 0 1"},
    {"a_reset_discards_what_we_owe", "> WS p1 0; accept p1; queue p1 9; > WR p1 0; gather",
     "new p1; closed p1 reset_remote 0"},
    {"a_reset_after_half_close", "> WS p1 0; > WF p1 0; > WR p1 0; > PS 0 1; gather",
     "new p1; fin p1; closed p1 reset_remote 0; PA 0 1"},

    /* The owner is gone */
    {"a_closed_stream_finishes_and_drops_what_comes",
     "> WS p1 0; accept p1; queue p1 5; close p1; gather; > D p1 90000; gather; > WF p1 0",
     "new p1; DA p1 5; DF p1 0; W p1 90000; closed p1 fin 0"},
    {"lingering_ends_in_time", "> WS p1 0; accept p1; close p1; gather; wait 4999; wait 1; gather",
     "new p1; WA p1 0; DF p1 0; closed p1 linger 5; WR p1 5"},
    {"lingering_ends_after_a_mebibyte",
     "> WS p1 0; accept p1; close p1; gather; > D p1 262144; gather; > D p1 262144; gather; "
     "> D p1 262144; gather; > D p1 262144; gather; > D p1 1; gather",
     "new p1; WA p1 0; DF p1 0; W p1 262144; W p1 262144; W p1 262144; W p1 262144; "
     "closed p1 linger 5; WR p1 5"},
    {"a_closed_unanswered_stream_is_answered", "> WS p1 0; close p1; gather",
     "new p1; WA p1 0; DF p1 0"},

    /* Streams that nobody knows */
    {"frames_of_unknown_streams_are_ignored",
     "> D p9 5; > WF p9 0; > WR p9 0; > W o4 1; > D o4 3; > PS 0 1; gather", "PA 0 1"},
    {"a_huge_body_for_nobody_ends_the_session_at_its_header", "> D p9 0xffffffff!; gather",
     "error flood 0; G 0 1"},
    {"a_huge_body_on_a_syn_too", "> DS p1 0xffffffff!; gather", "error flood 0; G 0 1"},
    {"data_for_stream_0_ends_the_session", "> D 0 0; gather", "error stream_id 0; G 0 1"},
    {"credit_for_stream_0_ends_the_session", "> W 0 7; gather", "error stream_id 0; G 0 1"},

    /* Ping */
    {"a_ping_is_answered", "> PS 0 0; gather; > PS 0 0xffffffff; gather",
     "PA 0 0; PA 0 4294967295"},
    {"an_answer_carries_no_flag_but_its_own", "> PSX 0 5; gather", "PA 0 5"},
    {"pings_are_answered_in_order_and_before_data", "open; queue o1 5; > PS 0 3; > PS 0 4; gather",
     "PA 0 3; PA 0 4; DS o1 5"},
    {"answers_nobody_asked_for_are_ignored", "> PA 0 7; > P 0 8; gather", ""},
    {"a_ping_on_a_stream_ends_the_session", "> PS p1 1; gather", "error stream_id 0; G 0 1"},
    {"our_ping_is_answered_once", "> PA 0 1; ping; gather; > PA 0 2; > PA 0 2", "PS 0 2; pong"},
    {"one_ping_is_on_its_way_at_a_time", "ping; gather; ping; gather; > PA 0 1; ping; gather",
     "pong; PS 0 2"},
    {"silence_is_met_by_a_ping_then_the_end",
     "> PA 0 1; wait 9999; gather; wait 1; gather; wait 9999; wait 1; gather",
     "PS 0 2; error dead 0"},
    {"any_byte_is_a_sign_of_life",
     "> PA 0 1; wait 10000; gather; wait 5000; > D p9 0; wait 9000; wait 999; > PA 0 2", "PS 0 2"},

    /* Go away */
    {"after_the_peers_goaway_we_open_nothing",
     "> WS p1 0; > G 0 0; open; > D p1 2; accept p1; queue p1 2; gather",
     "new p1; goaway; =-7; data p1 2; DA p1 2"},
    {"flags_and_id_of_a_goaway_are_ignored", "> GSX 7 0; > G 0 0; > PS 0 1; gather",
     "goaway; PA 0 1"},
    {"a_goaway_with_a_code_is_the_end", "> WS p1 0; > G 0 2; gather",
     "new p1; error goaway_error 2; closed p1 session 0"},
    {"an_unknown_code_too", "> G 0 9; gather", "error goaway_error 9"},
    {"a_drain_refuses_and_waits",
     "> WS p1 0; accept p1; drain 0; gather; > WS p2 0; open; gather; shutdown p1; > WF p1 0; "
     "gather",
     "new p1; G 0 0; WA p1 0; =-7; WR p2 3; fin p1; DF p1 0; closed p1 fin 0; drained"},
    {"a_drain_without_streams_is_short", "drain 0; gather", "G 0 0; drained"},
    {"a_drain_ends_at_its_deadline", "> WS p1 0; accept p1; drain 500; gather; wait 500; gather",
     "new p1; G 0 0; WA p1 0; closed p1 reset_local 5; WR p1 5; drained"},
    {"a_failed_session_says_why_and_no_more",
     "> WS p1 0; accept p1; queue p1 5; open; > PS 0 1; fail 2; gather; > WS p2 0; open; drain 0; "
     "fail 1",
     "new p1; error local 0; closed p1 session 0; closed o1 session 0; G 0 2; =-9; =-9; =-9"},
    {"a_lost_transport_is_no_clean_end", "> DSF p1 3; accept p1; lost; gather",
     "new p1; data p1 3; fin p1; error transport 0; closed p1 session 0"},

    /* Garbage */
    {"an_unknown_type_ends_the_session", "> ? 0 0; gather", "error type 0; G 0 1"},
};

int main(void) { return script_main(rows, sizeof rows / sizeof rows[0]); }
