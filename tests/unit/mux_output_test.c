/* SPDX-License-Identifier: ISC */
/* What goes next: sources that are asked, room in buffers, and fairness. */
#include "mux_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static size_t give(void *left, tn_stream stream, void *user, uint8_t *dst, size_t len)
{
    size_t n = *(size_t *)left < len ? *(size_t *)left : len;
    (void)stream;
    (void)user;
    memset(dst, 'b', n);
    *(size_t *)left -= n;
    return n;
}

static size_t pull(struct script *s, uint8_t *dst, size_t cap, size_t *left, tn_frame *first)
{
    size_t n = tn_mux_gather_copy(s->mux, s->now_us, dst, cap, give, left);
    if (n)
        assert_int_equal(tn_frame_decode(first, dst, n), TN_FRAME_SIZE);
    return n;
}

static void a_ready_source_is_asked_until_it_gives_less(void **state)
{
    (void)state;
    static uint8_t dst[400000];
    struct script s;
    tn_frame frame;
    size_t left = 100000;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> WS p1 0; accept p1; gather; ready p1");
    assert_true(tn_mux_want_write(s.mux));
    assert_int_equal(pull(&s, dst, 50012, &left, &frame), 50012);
    assert_int_equal(frame.length, 50000);
    assert_true(tn_mux_want_write(s.mux));
    assert_int_equal(pull(&s, dst, sizeof dst, &left, &frame), 50012);
    assert_false(tn_mux_want_write(s.mux));

    /* Nothing there: no frame, and not ready any more. */
    script_run(&s, "ready p1");
    assert_int_equal(pull(&s, dst, sizeof dst, &left, &frame), 0);
    assert_false(tn_mux_want_write(s.mux));

    /* Credit runs out: it stays ready and resumes by itself. */
    left = 200000;
    script_run(&s, "ready p1");
    assert_int_equal(pull(&s, dst, sizeof dst, &left, &frame), 162144 + 12);
    assert_false(tn_mux_want_write(s.mux));
    script_run(&s, "> W p1 100000");
    assert_true(tn_mux_want_write(s.mux));
    assert_int_equal(pull(&s, dst, sizeof dst, &left, &frame), 37856 + 12);
    assert_false(tn_mux_want_write(s.mux));
    script_end(&s);
}

static void no_crumbs_are_cut_at_the_end_of_a_buffer(void **state)
{
    (void)state;
    static uint8_t dst[300000];
    struct script s;
    tn_frame frame;
    size_t left = 100000;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> WS p1 0; accept p1; gather; ready p1");
    assert_int_equal(pull(&s, dst, 2059, &left, &frame), 0);
    assert_true(tn_mux_want_write(s.mux));
    assert_int_equal(pull(&s, dst, 2060, &left, &frame), 2060);
    script_run(&s, "reset p1 5; gather; > WS p2 0; accept p2; gather; queue p2 100");
    assert_int_equal(pull(&s, dst, 111, &left, &frame), 0);
    assert_int_equal(pull(&s, dst, 112, &left, &frame), 112);
    script_end(&s);
}

static void an_owed_ack_goes_out_although_the_source_is_dry(void **state)
{
    (void)state;
    uint8_t dst[4096];
    struct script s;
    tn_frame frame;
    size_t left = 0;
    script_begin(&s, TN_SERVER, NULL);
    script_run(&s, "> WS p1 0; accept p1; ready p1");
    assert_int_equal(pull(&s, dst, sizeof dst, &left, &frame), 12);
    assert_int_equal(frame.type, TN_FRAME_WINDOW);
    assert_int_equal(frame.flags, TN_FRAME_ACK);
    assert_false(tn_mux_want_write(s.mux));
    script_end(&s);
}

static void fin_waits_for_a_source_that_is_still_ready(void **state)
{
    (void)state;
    uint8_t dst[4096];
    struct script s;
    tn_frame frame;
    size_t left = 10;
    script_begin(&s, TN_CLIENT, NULL);
    script_run(&s, "open; ready o1; shutdown o1");
    assert_int_equal(pull(&s, dst, sizeof dst, &left, &frame), 22 + 12);
    assert_int_equal(frame.flags, TN_FRAME_SYN);
    assert_int_equal(tn_frame_decode(&frame, dst + 22, 12), TN_FRAME_SIZE);
    assert_int_equal(frame.flags, TN_FRAME_FIN);
    script_end(&s);
}

/* ---- fairness */

static void frames_of(struct script *s, unsigned count, tn_mux_frame *frames)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(tn_mux_gather(s->mux, s->now_us, SIZE_MAX / 2, &frames[i], 1), 1);
}

static void equal_streams_share_equally(void **state)
{
    (void)state;
    struct script s;
    tn_mux_frame frames[60];
    size_t sent[3] = {0};
    script_begin(&s, TN_CLIENT, NULL);
    script_run(&s, "open; open; open; gather; > W o1 9000000; > W o2 9000000; > W o3 9000000; "
                   "queue o1 5000000; queue o2 5000000; queue o3 5000000");
    frames_of(&s, 60, frames);
    for (int i = 0; i < 60; i++)
        for (int k = 0; k < 3; k++)
            if (frames[i].stream.slot == s.ours[k].slot)
                sent[k] += frames[i].payload_len;
    for (int k = 0; k < 3; k++)
        assert_in_range(sent[k], 19 * 65536, 21 * 65536);
    script_end(&s);
}

static void weights_divide_the_link(void **state)
{
    (void)state;
    struct script s;
    tn_mux_frame frames[100];
    size_t heavy = 0, light = 0;
    script_begin(&s, TN_CLIENT, NULL);
    script_run(&s, "open; open; gather; > W o1 90000000; > W o2 90000000; queue o1 20000000; "
                   "queue o2 20000000");
    assert_int_equal(tn_stream_set_priority(s.mux, s.ours[0], 2, 64), TN_OK);
    frames_of(&s, 100, frames);
    for (int i = 0; i < 100; i++)
        *(frames[i].stream.slot == s.ours[0].slot ? &heavy : &light) += frames[i].payload_len;
    assert_in_range(heavy, light * 7 / 2, light * 9 / 2);
    script_end(&s);
}

static void a_new_flow_goes_before_bulk(void **state)
{
    (void)state;
    struct script s;
    tn_mux_frame frames[3];
    script_begin(&s, TN_CLIENT, NULL);
    script_run(&s, "open; open; open; gather; queue o1 260000; queue o2 260000");
    frames_of(&s, 2, frames);
    script_run(&s, "queue o3 100");
    frames_of(&s, 1, frames);
    assert_int_equal(frames[0].stream.slot, s.ours[2].slot);
    assert_int_equal(frames[0].payload_len, 100);
    script_end(&s);
}

static void no_class_starves(void **state)
{
    (void)state;
    struct script s;
    size_t sent[2] = {0};
    script_begin(&s, TN_CLIENT, NULL);
    script_run(&s, "open; open; gather; > W o1 200000000; > W o2 200000000; queue o1 100000000; "
                   "queue o2 100000000");
    assert_int_equal(tn_stream_set_priority(s.mux, s.ours[0], 0, 16), TN_OK);
    assert_int_equal(tn_stream_set_priority(s.mux, s.ours[1], 3, 16), TN_OK);
    for (int i = 0; i < 800; i++) {
        tn_mux_frame frame;
        frames_of(&s, 1, &frame);
        sent[frame.stream.slot == s.ours[1].slot] += frame.payload_len;
    }
    assert_in_range(sent[0] / sent[1], 55, 70);
    script_end(&s);
}

static void control_is_at_most_4_kib_between_data(void **state)
{
    (void)state;
    struct script s;
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.ack_backlog = 1000;
    script_begin(&s, TN_CLIENT, &config);
    script_run(&s, "open; gather; queue o1 200000");
    for (int i = 0; i < 500; i++)
        assert_int_equal(tn_stream_open(s.mux, NULL, &s.ours[1]), TN_OK);
    tn_mux_frame frames[400];
    size_t n = tn_mux_gather(s.mux, s.now_us, SIZE_MAX / 2, frames, 400), data = 0;
    while (data < n && !frames[data].payload_len)
        data++;
    assert_int_equal(data, 4096 / 12);
    script_end(&s);
}

static void frames_are_short_where_streams_contend_on_a_slow_link(void **state)
{
    (void)state;
    struct script s;
    tn_mux_frame frame;
    script_begin(&s, TN_CLIENT, NULL);
    tn_mux_transport_hint(s.mux, 0, 125000); /* 1 Mbit/s */
    script_run(&s, "open; gather; queue o1 200000");
    frames_of(&s, 1, &frame);
    assert_int_equal(frame.payload_len, 200000); /* alone */
    script_run(&s, "open; gather; > W o1 200000; queue o1 100000; queue o2 100000");
    frames_of(&s, 1, &frame);
    assert_int_equal(frame.payload_len, 2048);
    script_end(&s);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name, NULL, NULL, #name                                                             \
    }

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_ready_source_is_asked_until_it_gives_less),
        CASE(no_crumbs_are_cut_at_the_end_of_a_buffer),
        CASE(an_owed_ack_goes_out_although_the_source_is_dry),
        CASE(fin_waits_for_a_source_that_is_still_ready),
        CASE(equal_streams_share_equally),
        CASE(weights_divide_the_link),
        CASE(a_new_flow_goes_before_bulk),
        CASE(no_class_starves),
        CASE(control_is_at_most_4_kib_between_data),
        CASE(frames_are_short_where_streams_contend_on_a_slow_link),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
