/* SPDX-License-Identifier: ISC */
/* What a hostile peer may try, and what it costs us at most. */
#include "mux_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct count {
    unsigned events[TN_MUX_REPLIES + 1];
    uint32_t reason;
};

static void put(uint8_t *out, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    tn_frame frame = {type, flags, id, length};
    tn_frame_encode(&frame, out);
}

static void feed(struct script *s, const uint8_t *data, size_t len, struct count *count)
{
    tn_slice in = {data, len};
    tn_mux_event event;
    while (tn_mux_next(s->mux, &in, s->now_us, &event) != TN_MUX_NONE) {
        count->events[event.type]++;
        if (event.type == TN_MUX_SESSION_ERROR)
            count->reason = event.reason;
    }
    assert_int_equal(in.len, 0);
}

static void feed_frame(struct script *s, struct count *count, uint8_t type, uint16_t flags,
                       uint32_t id, uint32_t length)
{
    uint8_t wire[TN_FRAME_SIZE];
    put(wire, type, flags, id, length);
    feed(s, wire, sizeof wire, count);
}

static uint64_t pool_bytes(struct script *s)
{
    tn_mux_pool_stats stats;
    tn_mux_pool_get_stats(s->pool, &stats);
    return stats.slab_bytes;
}

static unsigned gathered(struct script *s)
{
    tn_mux_frame frame;
    unsigned n = 0;
    while (tn_mux_gather(s->mux, s->now_us, SIZE_MAX / 2, &frame, 1))
        n++;
    return n;
}

static void begin(struct script *s) { script_begin(s, TN_SERVER, NULL); }

static void pings_nobody_lets_us_answer_are_a_flood(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    uint64_t before = pool_bytes(&s);
    for (int i = 0; i < 64; i++)
        feed_frame(&s, &count, TN_FRAME_PING, TN_FRAME_SYN, 0, 1);
    assert_int_equal(count.events[TN_MUX_REPLIES], 1);
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    for (int i = 64; i < 200000; i++)
        feed_frame(&s, &count, TN_FRAME_PING, TN_FRAME_SYN, 0, 1);
    assert_int_equal(count.reason, TN_MUX_ERR_FLOOD);
    assert_int_equal(pool_bytes(&s), before);
    assert_int_equal(gathered(&s), 1); /* the GOAWAY */
    script_end(&s);
}

static void pings_that_are_answered_in_time_are_none(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    for (int i = 0; i < 200000; i++) {
        unsigned before = count.events[TN_MUX_REPLIES];
        feed_frame(&s, &count, TN_FRAME_PING, TN_FRAME_SYN, 0, 1);
        if (count.events[TN_MUX_REPLIES] != before)
            assert_int_equal(gathered(&s), 32);
    }
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    script_end(&s);
}

static void a_syn_flood_costs_little(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    uint64_t before = pool_bytes(&s);
    for (uint32_t i = 0; i < 10000; i++)
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
    assert_int_equal(count.events[TN_MUX_NEW], 256); /* the accept backlog */
    assert_int_equal(count.reason, TN_MUX_ERR_FLOOD);
    assert_true(pool_bytes(&s) - before < 64 * 1024);
    script_end(&s);
}

static void refusals_that_leave_are_no_flood(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    unsigned refused = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        unsigned before = count.events[TN_MUX_REPLIES];
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        if (count.events[TN_MUX_REPLIES] != before)
            refused += gathered(&s);
    }
    refused += gathered(&s);
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    assert_int_equal(count.events[TN_MUX_NEW] + refused, 10000);
    script_end(&s);
}

static void rapid_resets_end_the_session(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    for (uint32_t i = 0; i < 50000; i++) {
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_RST, 1 + 2 * i, 0);
    }
    assert_int_equal(count.events[TN_MUX_NEW], 1001);
    assert_int_equal(count.reason, TN_MUX_ERR_FLOOD);
    assert_int_equal(gathered(&s), 1);
    script_end(&s);
}

static void resets_at_a_bearable_rate_do_not(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    for (uint32_t i = 0; i < 5000; i++) {
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_RST, 1 + 2 * i, 0);
        s.now_us += 1000000 / 33 + 1;
    }
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    script_end(&s);
}

static void a_bucket_of_0_is_no_limit(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.reset_burst = 0;
    script_begin(&s, TN_SERVER, &config);
    for (uint32_t i = 0; i < 50000; i++) {
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_RST, 1 + 2 * i, 0);
    }
    assert_int_equal(count.events[TN_MUX_CLOSED], 50000);
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    script_end(&s);
}

static void resets_of_our_own_streams_are_not_counted(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    begin(&s);
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(tn_stream_open(s.mux, NULL, &s.ours[0]), TN_OK);
        gathered(&s);
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_RST, 2 + 2 * i, 0);
    }
    assert_int_equal(count.events[TN_MUX_CLOSED], 5000);
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    script_end(&s);
}

/* Frames that mean nothing: a bucket of 10,000 of them, then the end. */
static void meaningless_frames_are_counted(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint16_t flags;
        uint32_t id;
    } glitches[] = {
        {TN_FRAME_DATA, 0, 1},                            /* empty */
        {TN_FRAME_WINDOW, 0, 1},                          /* no credit */
        {TN_FRAME_WINDOW, 0, 999},                        /* never opened */
        {TN_FRAME_WINDOW, TN_FRAME_RST, 998},             /* nor by us */
        {TN_FRAME_DATA, TN_FRAME_FIN, 3},                 /* finished long ago */
        {TN_FRAME_PING, TN_FRAME_ACK, 0},                 /* nobody asked */
        {TN_FRAME_DATA, TN_FRAME_SYN | TN_FRAME_RST, 21}, /* never was */
    };
    for (size_t i = 0; i < sizeof glitches / sizeof glitches[0]; i++) {
        struct script s;
        struct count count = {0};
        begin(&s);
        script_run(&s, "> WS p1 0; > WSF p2 0");
        for (int n = 0; n < 10000; n++)
            feed_frame(&s, &count, glitches[i].type, glitches[i].flags, glitches[i].id, 0);
        assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
        feed_frame(&s, &count, glitches[i].type, glitches[i].flags, glitches[i].id, 0);
        assert_int_equal(count.reason, TN_MUX_ERR_FLOOD);
        script_end(&s);
    }
}

static void bodies_for_nobody_are_bounded(void **state)
{
    (void)state;
    static uint8_t wire[TN_FRAME_SIZE + 1000];
    struct script s;
    struct count count = {0};
    begin(&s);
    put(wire, TN_FRAME_DATA, 0, 77, 1000);
    for (int i = 0; i < 1048; i++)
        feed(&s, wire, sizeof wire, &count);
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    feed(&s, wire, sizeof wire, &count);
    assert_int_equal(count.reason, TN_MUX_ERR_FLOOD);
    script_end(&s);
}

/* What was under way when we reset a stream is honest, however much it is. */
static void credit_of_reset_streams_may_still_arrive(void **state)
{
    (void)state;
    static uint8_t wire[TN_FRAME_SIZE + TN_INITIAL_WINDOW];
    struct script s;
    struct count count = {0};
    begin(&s);
    for (uint32_t i = 0; i < 100; i++) {
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        tn_stream stream;
        uint32_t cursor = 0;
        assert_true(tn_mux_iter(s.mux, &cursor, &stream));
        assert_int_equal(tn_stream_reset(s.mux, stream, TN_RST_CANCEL), TN_OK);
    }
    for (uint32_t i = 0; i < 100; i++) {
        put(wire, TN_FRAME_DATA, 0, 1 + 2 * i, TN_INITIAL_WINDOW);
        feed(&s, wire, sizeof wire, &count);
    }
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    script_end(&s);
}

static void refused_streams_may_have_sent_a_window(void **state)
{
    (void)state;
    static uint8_t wire[TN_FRAME_SIZE + TN_INITIAL_WINDOW];
    struct script s;
    struct count count = {0};
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_inbound = 0;
    script_begin(&s, TN_SERVER, &config);
    for (uint32_t i = 0; i < 256; i++) {
        put(wire, TN_FRAME_DATA, TN_FRAME_SYN, 1 + 2 * i, TN_INITIAL_WINDOW);
        feed(&s, wire, sizeof wire, &count);
    }
    assert_int_equal(count.events[TN_MUX_SESSION_ERROR], 0);
    assert_int_equal(gathered(&s), 256);
    script_end(&s);
}

static void streams_that_are_reset_while_output_is_stuck_stay_bounded(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_inbound = 16;
    script_begin(&s, TN_SERVER, &config);
    for (uint32_t i = 0; i < 1000 && !count.events[TN_MUX_SESSION_ERROR]; i++) {
        feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        tn_stream stream;
        uint32_t cursor = 0;
        if (tn_mux_iter(s.mux, &cursor, &stream))
            assert_int_equal(tn_stream_reset(s.mux, stream, TN_RST_CANCEL), TN_OK);
    }
    assert_int_equal(count.events[TN_MUX_NEW], 16);
    assert_int_equal(count.reason, TN_MUX_ERR_FLOOD);
    script_end(&s);
}

static void one_byte_frames_cost_no_memory(void **state)
{
    (void)state;
    struct script s;
    struct count count = {0};
    uint8_t wire[TN_FRAME_SIZE + 1] = {0};
    begin(&s);
    script_run(&s, "> WS p1 0; accept p1; gather");
    uint64_t before = pool_bytes(&s);
    put(wire, TN_FRAME_DATA, 0, 1, 1);
    for (int i = 0; i < 200000; i++)
        feed(&s, wire, sizeof wire, &count);
    assert_int_equal(count.events[TN_MUX_DATA], 200000);
    assert_int_equal(pool_bytes(&s), before);
    script_end(&s);
}

/* ---- memory */

struct failing {
    int left; /* allocations that succeed */
    size_t bytes;
};

static void *failing_alloc(void *ctx, size_t size, size_t align)
{
    struct failing *failing = ctx;
    if (failing->left-- <= 0)
        return NULL;
    failing->bytes += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void failing_free(void *ctx, void *memory, size_t size)
{
    ((struct failing *)ctx)->bytes -= size;
    free(memory);
}

/* Returns whether everything went well, that is, whether `left` was enough. */
static bool live_with(struct failing *memory)
{
    tn_mux_pool_config config;
    tn_mux_pool *pool;
    tn_mux *mux;
    tn_mux_pool_config_init(&config);
    config.alloc = (tn_alloc){failing_alloc, failing_free, memory};
    if (tn_mux_pool_create(&config, &pool) != TN_OK)
        return false;
    bool well = tn_mux_create(pool, TN_SERVER, NULL, 0, NULL, &mux) == TN_OK;
    if (well) {
        struct script s = {.mux = mux};
        struct count count = {0};
        tn_stream stream;
        for (int i = 0; i < 200; i++)
            well &= tn_stream_open(mux, NULL, &stream) == TN_OK;
        for (uint32_t i = 0; i < 300; i++)
            feed_frame(&s, &count, TN_FRAME_WINDOW, TN_FRAME_SYN, 1 + 2 * i, 0);
        gathered(&s);
        well &= count.events[TN_MUX_NEW] == 256;
        tn_mux_free(mux);
    }
    assert_int_equal(tn_mux_pool_destroy(pool), TN_OK);
    return well;
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    bool well = false;
    int n = 0;
    for (; !well; n++) {
        struct failing memory = {.left = n};
        well = live_with(&memory);
        assert_int_equal(memory.bytes, 0);
    }
    assert_in_range(n, 10, 100);
}

static void an_emptied_pool_gives_its_memory_back(void **state)
{
    (void)state;
    struct script s;
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.ack_backlog = 20000;
    script_begin(&s, TN_SERVER, &config);
    static tn_stream streams[10000];
    for (int i = 0; i < 10000; i++)
        assert_int_equal(tn_stream_open(s.mux, NULL, &streams[i]), TN_OK);
    gathered(&s);
    assert_in_range(pool_bytes(&s) / 10000, 84, 116); /* a stream and its entry in the table */
    for (int i = 0; i < 10000; i++)
        assert_int_equal(tn_stream_reset(s.mux, streams[i], 0), TN_OK);
    assert_int_equal(gathered(&s), 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(tn_stream_ready(s.mux, streams[i]), TN_ERR_STALE);
    assert_true(pool_bytes(&s) < 200 * 1024); /* the table stays */
    script_end(&s);
}

static void a_handle_fits_one_mux_only(void **state)
{
    (void)state;
    struct script s;
    tn_mux *other;
    begin(&s);
    assert_int_equal(tn_mux_create(s.pool, TN_CLIENT, NULL, 0, NULL, &other), TN_OK);
    script_run(&s, "open");
    assert_int_equal(tn_stream_queued(other, s.ours[0], 1), TN_ERR_STALE);
    assert_int_equal(tn_stream_queued(s.mux, s.ours[0], 1), TN_OK);
    assert_int_equal(tn_mux_pool_destroy(s.pool), TN_ERR_STATE);
    tn_mux_free(other);
    script_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_nobody_lets_us_answer_are_a_flood),
        cmocka_unit_test(pings_that_are_answered_in_time_are_none),
        cmocka_unit_test(a_syn_flood_costs_little),
        cmocka_unit_test(refusals_that_leave_are_no_flood),
        cmocka_unit_test(rapid_resets_end_the_session),
        cmocka_unit_test(resets_at_a_bearable_rate_do_not),
        cmocka_unit_test(a_bucket_of_0_is_no_limit),
        cmocka_unit_test(resets_of_our_own_streams_are_not_counted),
        cmocka_unit_test(meaningless_frames_are_counted),
        cmocka_unit_test(bodies_for_nobody_are_bounded),
        cmocka_unit_test(credit_of_reset_streams_may_still_arrive),
        cmocka_unit_test(refused_streams_may_have_sent_a_window),
        cmocka_unit_test(streams_that_are_reset_while_output_is_stuck_stay_bounded),
        cmocka_unit_test(one_byte_frames_cost_no_memory),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(an_emptied_pool_gives_its_memory_back),
        cmocka_unit_test(a_handle_fits_one_mux_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
