/* SPDX-License-Identifier: ISC */
/*
 * Two muxes at the ends of a line with a rate and a delay, under a clock of the test's own: how
 * far windows open, what that is worth, and what an interactive stream notices of it. What a
 * transport would hold in front of the line is a buffer here; once empty it is as long as wanted.
 * Payload is nothing but its length. No TCP: this compares rules, it does not predict speed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/mux.h>

enum {
    tick_us = 200,
    second_us = 1000000,
    kib = 1024,
    mib = 1024 * kib,
    segment = 16 * kib, /* bytes that arrive at once */
    most_segments = 1 << 14,
    most_streams = 64,
    most_samples = 4096,
    request = 100, /* bytes, and of the answer too */
};

struct line {
    uint64_t rate, delay_us; /* bytes per second, one way */
    size_t buffer;           /* bytes in front of it */
};

struct segment {
    uint64_t left_us, arrives_us;
    uint32_t size;
    uint8_t header[TN_FRAME_SIZE]; /* size 0: one of these, else payload */
};

struct direction {
    struct segment queue[most_segments];
    unsigned first, leaving, last; /* to arrive, to leave the buffer, to be added */
    size_t held;                   /* in the buffer */
    uint64_t free_ns;              /* when the line has sent all of it */
    bool dark;                     /* nothing arrives, for now */
};

enum kind { bulk, interactive, echo, sink, stuck };

struct app {
    tn_stream handle;
    enum kind kind;
    uint64_t received;
    uint64_t asked_us;
    uint32_t unconsumed, answer;
};

struct side {
    tn_mux *mux;
    struct app apps[most_streams];
    unsigned count;
    enum kind accepts;
    bool dead;
};

struct world {
    tn_mux_pool *pool;
    struct side server, client;
    struct direction down, up;
    struct line line;
    uint64_t now_us, budget;
    uint64_t latency[most_samples];
    unsigned samples;
};

static struct world w;

/* ---- the line */

static void put(struct direction *d, const uint8_t *header, uint32_t size)
{
    struct segment *s = &d->queue[d->last % most_segments];
    uint64_t bytes = size ? size : TN_FRAME_SIZE;
    assert_true(d->last - d->first < most_segments);
    d->last++;
    d->free_ns = d->free_ns > w.now_us * 1000 ? d->free_ns : w.now_us * 1000; /* nanoseconds */
    d->free_ns += bytes * 1000000000 / w.line.rate;
    s->left_us = d->free_ns / 1000;
    s->arrives_us = s->left_us + w.line.delay_us;
    s->size = size;
    if (header)
        memcpy(s->header, header, TN_FRAME_SIZE);
    d->held += bytes;
}

static size_t room(struct direction *d)
{
    for (; d->leaving != d->last; d->leaving++) {
        struct segment *s = &d->queue[d->leaving % most_segments];
        if (s->left_us > w.now_us)
            break;
        d->held -= s->size ? s->size : TN_FRAME_SIZE;
    }
    return d->held < w.line.buffer ? w.line.buffer - d->held : 0;
}

static void produce(struct side *side)
{
    for (unsigned i = 0; i < side->count; i++)
        if (side->apps[i].kind == bulk)
            tn_stream_queued(side->mux, side->apps[i].handle,
                             tn_stream_space(side->mux, side->apps[i].handle));
}

static void transmit(struct side *side, struct direction *d)
{
    tn_mux_frame frame;
    for (;;) {
        size_t space = room(d);
        produce(side);
        if (space < TN_FRAME_SIZE + 2048 || !tn_mux_gather(side->mux, w.now_us, space, &frame, 1))
            return;
        put(d, frame.hdr, 0);
        for (uint32_t left = frame.payload_len; left > 0;) {
            uint32_t n = left < segment ? left : segment;
            put(d, NULL, n);
            left -= n;
        }
    }
}

/* ---- applications */

static struct app *add_app(struct side *side, enum kind kind)
{
    assert_true(side->count < most_streams);
    struct app *app = &side->apps[side->count++];
    memset(app, 0, sizeof *app);
    app->kind = kind;
    return app;
}

static struct app *open_app(struct side *side, enum kind kind)
{
    struct app *app = add_app(side, kind);
    assert_int_equal(tn_stream_open(side->mux, app, &app->handle), TN_OK);
    return app;
}

static void ask(struct side *side, struct app *app)
{
    app->asked_us = w.now_us;
    tn_stream_queued(side->mux, app->handle, request);
}

static void on_data(struct side *side, struct app *app, size_t n)
{
    app->received += n;
    if (app->kind == stuck)
        return;
    assert_int_equal(tn_stream_consumed(side->mux, app->handle, n), TN_OK);
    if (app->kind == sink || app->received % request)
        return;
    if (app->kind == echo)
        tn_stream_queued(side->mux, app->handle, request);
    if (app->kind != interactive)
        return;
    assert_true(w.samples < most_samples);
    w.latency[w.samples++] = w.now_us - app->asked_us;
    app->asked_us = 0;
}

static void on_event(struct side *side, const tn_mux_event *event)
{
    struct app *app = event->user;
    if (event->type == TN_MUX_SESSION_ERROR) {
        assert_int_equal(event->reason, TN_MUX_ERR_DEAD);
        side->dead = true;
    }
    if (side->dead)
        return;
    assert_int_not_equal(event->type, TN_MUX_CLOSED);
    if (event->type == TN_MUX_NEW) {
        app = add_app(side, side->accepts);
        app->handle = event->stream;
        tn_stream_accept(side->mux, event->stream, app);
    }
    if (event->type == TN_MUX_DATA)
        on_data(side, app, event->len);
}

static void feed(struct side *side, const uint8_t *data, size_t size)
{
    tn_slice in = {data, size};
    tn_mux_event event;
    while (tn_mux_next(side->mux, &in, w.now_us, &event) != TN_MUX_NONE)
        on_event(side, &event);
}

static void receive(struct side *side, struct direction *d)
{
    static const uint8_t payload[segment];
    for (; !d->dark && d->first != d->leaving; d->first++) {
        struct segment *s = &d->queue[d->first % most_segments];
        if (s->arrives_us > w.now_us)
            break;
        feed(side, s->size ? payload : s->header, s->size ? s->size : TN_FRAME_SIZE);
    }
    feed(side, NULL, 0);
}

/* ---- the world */

static void begin(struct line line, const tn_mux_config *config, uint32_t credit)
{
    memset(&w, 0, sizeof w);
    w.line = line;
    w.budget = config ? config->window_budget : 32 * mib;
    w.now_us = second_us;
    w.client.accepts = sink;
    w.server.accepts = echo;
    tn_mux_pool_config pool;
    tn_mux_pool_config_init(&pool);
    assert_int_equal(tn_mux_pool_create(&pool, &w.pool), TN_OK);
    assert_int_equal(tn_mux_create(w.pool, TN_SERVER, config, w.now_us, NULL, &w.server.mux), 0);
    assert_int_equal(tn_mux_create(w.pool, TN_CLIENT, config, w.now_us, NULL, &w.client.mux), 0);
    if (!credit)
        return;
    assert_int_equal(tn_mux_set_initial_credit(w.server.mux, credit), TN_OK);
    assert_int_equal(tn_mux_set_initial_credit(w.client.mux, credit), TN_OK);
}

static void end(void)
{
    tn_mux_pool_stats stats;
    tn_mux_free(w.server.mux);
    tn_mux_free(w.client.mux);
    tn_mux_pool_get_stats(w.pool, &stats);
    assert_int_equal(stats.window_granted, 0);
    assert_int_equal(tn_mux_pool_destroy(w.pool), TN_OK);
}

static void run(uint64_t span_us)
{
    for (uint64_t until = w.now_us + span_us; w.now_us < until; w.now_us += tick_us) {
        transmit(&w.server, &w.down);
        transmit(&w.client, &w.up);
        room(&w.down);
        room(&w.up);
        receive(&w.client, &w.down);
        receive(&w.server, &w.up);
    }
    tn_mux_stats stats;
    tn_mux_get_stats(w.client.mux, &stats);
    assert_true(stats.window_granted <= w.budget);
}

static uint32_t window_of(struct side *side, struct app *app)
{
    tn_stream_info info;
    assert_int_equal(tn_stream_get_info(side->mux, app->handle, &info), TN_OK);
    return info.window;
}

static uint64_t bdp(void) { return w.line.rate * 2 * w.line.delay_us / second_us; }

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t percentile(unsigned per_cent)
{
    assert_true(w.samples > 20);
    qsort(w.latency, w.samples, sizeof w.latency[0], by_size);
    return w.latency[(w.samples - 1) * per_cent / 100];
}

/* ---- windows and goodput */

static const struct {
    const char *name;
    struct line line;
    uint32_t max_window;
} links[] = {
    {"1 Gbit/s, 100 ms", {125000000, 50000, 64 * mib}, 32 * mib},
    {"1 Gbit/s, 60 ms", {125000000, 30000, 64 * mib}, 16 * mib},
    {"100 Mbit/s, 50 ms", {12500000, 25000, 64 * mib}, 16 * mib},
    {"10 Mbit/s, 50 ms", {1250000, 25000, 64 * mib}, 16 * mib},
    {"2 Mbit/s, 80 ms", {250000, 40000, 64 * mib}, 16 * mib},
    {"10 Gbit/s, 20 ms", {1250000000, 10000, 64 * mib}, 64 * mib},
};

static void one_download(struct line line, uint32_t max_window, uint32_t credit)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_window = max_window;
    config.window_budget = max_window > 32 * mib ? max_window : 32 * mib;
    begin(line, &config, credit);
    run(second_us / 2); /* a session begins with a login: the first ping meets no queue */
    open_app(&w.server, bulk);
    run(2 * second_us);
    struct app *reader = &w.client.apps[0];
    uint64_t before = reader->received;
    run(2 * second_us);
    uint64_t rate = (reader->received - before) / 2;
    uint64_t most = 2 * bdp() > TN_INITIAL_WINDOW ? 2 * bdp() : TN_INITIAL_WINDOW;
    print_message("  %3u %% of %u kB/s, window %u KiB, %u %% of the BDP\n",
                  (unsigned)(rate * 100 / line.rate), (unsigned)(line.rate / 1000),
                  window_of(&w.client, reader) / kib,
                  (unsigned)((uint64_t)window_of(&w.client, reader) * 100 / bdp()));
    assert_true(rate >= line.rate * 9 / 10);
    assert_true(window_of(&w.client, reader) <= most);
    end();
}

static void one_stream_fills_the_link(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++) {
        print_message("%s\n", links[i].name);
        one_download(links[i].line, links[i].max_window, 0);
        one_download(links[i].line, links[i].max_window, TN_SMALL_WINDOW);
    }
}

static void many_streams_share_what_one_would_need(void **state)
{
    (void)state;
    struct line line = {12500000, 25000, 128 * kib};
    begin(line, NULL, 0);
    run(second_us / 2);
    for (int i = 0; i < 12; i++)
        open_app(&w.server, bulk);
    run(5 * second_us);
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    for (unsigned i = 0; i < w.client.count; i++) {
        struct app *app = &w.client.apps[i];
        assert_int_equal(window_of(&w.client, app), TN_INITIAL_WINDOW);
        least = app->received < least ? app->received : least;
        most = app->received > most ? app->received : most;
        sum += app->received;
    }
    assert_true(sum >= 5 * line.rate * 9 / 10);
    assert_true(least >= most * 98 / 100);
    end();
}

static void many_streams_that_each_need_more_get_it(void **state)
{
    (void)state;
    begin((struct line){125000000, 50000, mib}, NULL, 0);
    run(second_us / 2);
    for (int i = 0; i < 12; i++)
        open_app(&w.server, bulk);
    run(4 * second_us);
    uint64_t before = 0, after = 0;
    for (unsigned i = 0; i < 12; i++)
        before += w.client.apps[i].received;
    run(second_us);
    for (unsigned i = 0; i < 12; i++)
        after += w.client.apps[i].received;
    assert_true(after - before >= w.line.rate * 9 / 10);
    end();
}

static void a_stream_that_nobody_reads_stays_small(void **state)
{
    (void)state;
    begin((struct line){125000000, 30000, mib}, NULL, TN_SMALL_WINDOW);
    w.client.accepts = stuck;
    run(second_us / 2);
    for (int i = 0; i < 50; i++)
        open_app(&w.server, bulk);
    run(5 * second_us);
    for (unsigned i = 0; i < w.client.count; i++) {
        assert_int_equal(w.client.apps[i].received, TN_SMALL_WINDOW);
        assert_int_equal(window_of(&w.client, &w.client.apps[i]), TN_SMALL_WINDOW);
    }
    end();
}

static void a_long_download_does_not_open_its_window_for_ever(void **state)
{
    (void)state;
    begin((struct line){1250000, 25000, 64 * mib}, NULL, 0);
    run(second_us / 2);
    open_app(&w.server, bulk);
    run(180 * (uint64_t)second_us);
    assert_int_equal(window_of(&w.client, &w.client.apps[0]), TN_INITIAL_WINDOW);
    end();
}

static void a_path_that_becomes_longer_is_noticed(void **state)
{
    (void)state;
    for (unsigned seconds = 0; seconds < 60; seconds += 20) {
        begin((struct line){125000000, 100, 64 * mib}, NULL, TN_SMALL_WINDOW);
        run(second_us / 2);
        if (seconds)
            open_app(&w.server, bulk);
        run(seconds * (uint64_t)second_us / 20);
        w.line.delay_us = 30000;
        if (!seconds)
            open_app(&w.server, bulk);
        run(3 * second_us);
        uint64_t before = w.client.apps[0].received;
        run(second_us);
        assert_true(w.client.apps[0].received - before >= w.line.rate * 9 / 10);
        end();
    }
}

static void new_streams_begin_with_what_was_learned(void **state)
{
    (void)state;
    begin((struct line){12500000, 25000, 64 * mib}, NULL, TN_SMALL_WINDOW);
    run(second_us / 2);
    struct app *first = open_app(&w.server, bulk);
    run(3 * second_us);
    uint32_t learned = window_of(&w.client, &w.client.apps[0]);
    assert_true(learned >= bdp());
    open_app(&w.server, bulk);
    run(80000);
    assert_int_equal(window_of(&w.client, &w.client.apps[1]), learned);
    /* Then the two share what one had. */
    run(3 * second_us);
    uint64_t both = window_of(&w.client, &w.client.apps[0]);
    both += window_of(&w.client, &w.client.apps[1]);
    assert_in_range(both, bdp() * 5 / 4, bdp() * 2);
    /* Two hours later the path may be another one. */
    first->kind = sink;
    w.server.apps[1].kind = sink;
    for (int i = 0; i < 7200; i++) {
        w.now_us += second_us;
        run(tick_us);
    }
    open_app(&w.server, bulk);
    run(100000);
    assert_true(window_of(&w.client, &w.client.apps[2]) <= TN_INITIAL_WINDOW);
    end();
}

static void an_idle_window_is_given_back(void **state)
{
    (void)state;
    begin((struct line){12500000, 25000, 64 * mib}, NULL, 0);
    run(second_us / 2);
    struct app *writer = open_app(&w.server, bulk);
    run(3 * second_us);
    assert_true(window_of(&w.client, &w.client.apps[0]) > TN_INITIAL_WINDOW);
    writer->kind = sink;
    run(45 * (uint64_t)second_us);
    assert_int_equal(window_of(&w.client, &w.client.apps[0]), TN_INITIAL_WINDOW);
    /* The credit that is out still counts, until it has been used. */
    tn_mux_stats stats;
    tn_mux_get_stats(w.client.mux, &stats);
    assert_true(stats.window_granted > 0);
    assert_true(stats.windows_shrunk > 0);
    writer->kind = bulk;
    run(second_us / 5);
    end();
}

/* ---- fairness */

static void equal_streams_get_equal_shares(void **state)
{
    (void)state;
    begin((struct line){12500000, 5000, 32 * kib}, NULL, 0);
    run(second_us / 2);
    for (int i = 0; i < 16; i++)
        open_app(&w.server, bulk);
    run(second_us); /* for the rate to be known, and frames short */
    uint64_t begun[16];
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < 16; i++)
        begun[i] = w.client.apps[i].received;
    run(16 * 100 * 16 * (uint64_t)kib * second_us / w.line.rate); /* 100 quanta for each */
    for (unsigned i = 0; i < 16; i++) {
        double share = (double)(w.client.apps[i].received - begun[i]);
        sum += share;
        squares += share * share;
    }
    assert_true(sum * sum / (16 * squares) >= 0.99); /* Jain's index */
    end();
}

static void every_ready_stream_sends_within_two_rounds(void **state)
{
    (void)state;
    enum { streams = 16, frames = 2 * streams * 4 }; /* of 64 KiB: four quanta */
    tn_mux_frame frame;
    unsigned last[streams] = {0};
    begin((struct line){12500000, 5000, 4 * mib}, NULL, 0);
    for (unsigned i = 0; i < streams; i++)
        open_app(&w.server, bulk);
    for (unsigned n = 1; n <= 4 * streams; n++) {
        produce(&w.server);
        if (!tn_mux_gather(w.server.mux, w.now_us, mib, &frame, 1))
            break;
        if (!frame.user)
            continue;
        unsigned i = (unsigned)((struct app *)frame.user - w.server.apps);
        assert_true(n - last[i] <= frames);
        last[i] = n;
    }
    for (unsigned i = 0; i < streams; i++)
        assert_true(last[i] > 0);
    end();
}

static void an_answer_to_a_ping_leaves_next(void **state)
{
    (void)state;
    static const uint8_t ping[TN_FRAME_SIZE] = {0, TN_FRAME_PING, 0, TN_FRAME_SYN, 0, 0, 0, 0, 7};
    tn_mux_frame frame;
    begin((struct line){12500000, 5000, 64 * kib}, NULL, 0);
    for (int i = 0; i < 16; i++)
        open_app(&w.server, bulk);
    run(second_us / 5);
    for (int i = 0; i < 20; i++) {
        feed(&w.server, ping, sizeof ping);
        assert_int_equal(tn_mux_gather(w.server.mux, w.now_us, mib, &frame, 1), 1);
        assert_int_equal(frame.hdr[1], TN_FRAME_PING);
        assert_int_equal(frame.hdr[3], TN_FRAME_ACK);
        tn_mux_gather(w.server.mux, w.now_us, mib, &frame, 1);
    }
    end();
}

/* ---- signs of life */

static void one_direction_may_stall(void **state)
{
    (void)state;
    begin((struct line){1250000, 25000, 64 * kib}, NULL, 0);
    run(second_us / 2);
    open_app(&w.server, bulk);
    run(second_us);
    w.up.dark = true;
    run(19 * (uint64_t)second_us);
    w.up.dark = false;
    run(second_us);
    uint64_t before = w.client.apps[0].received;
    w.down.dark = true;
    run(19 * (uint64_t)second_us);
    w.down.dark = false;
    run(2 * second_us);
    assert_false(w.server.dead || w.client.dead);
    assert_true(w.client.apps[0].received > before);
    end();
}

static void both_ends_notice_a_dead_line(void **state)
{
    (void)state;
    begin((struct line){1250000, 25000, 64 * kib}, NULL, 0);
    run(second_us / 2);
    open_app(&w.server, bulk);
    run(second_us);
    w.up.dark = w.down.dark = true;
    run(20 * (uint64_t)second_us + 50000);
    assert_true(w.server.dead && w.client.dead);
    end();
}

/* ---- beside a bulk stream */

static void converse(uint64_t span_us)
{
    struct app *app = open_app(&w.client, interactive);
    for (uint64_t until = w.now_us + span_us; w.now_us < until;) {
        if (app->asked_us == 0)
            ask(&w.client, app);
        run(7 * tick_us);
    }
}

static void beside_a_download(struct line line, uint64_t allowed_us)
{
    begin(line, NULL, TN_SMALL_WINDOW);
    run(second_us / 2);
    open_app(&w.server, bulk);
    run(2 * second_us);
    uint64_t before = w.client.apps[0].received;
    uint64_t since = w.now_us;
    converse(20 * (uint64_t)second_us);
    uint64_t rate = (w.client.apps[0].received - before) * second_us / (w.now_us - since);
    uint64_t extra = percentile(99) - 2 * line.delay_us;
    print_message("  p99 is the round trip and %u us, bulk keeps %u %%\n", (unsigned)extra,
                  (unsigned)(rate * 100 / line.rate));
    assert_true(extra <= allowed_us);
    assert_true(rate >= line.rate * 8 / 10);
    end();
}

/* What lies in front of the line must leave first: the less the better, as long as it is fed. */
static void an_interactive_stream_waits_for_little(void **state)
{
    (void)state;
    beside_a_download((struct line){12500000, 25000, 64 * kib}, 8000);
    beside_a_download((struct line){125000, 25000, 4 * kib}, 60000);
}

/* ---- main */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_fills_the_link),
        cmocka_unit_test(many_streams_share_what_one_would_need),
        cmocka_unit_test(many_streams_that_each_need_more_get_it),
        cmocka_unit_test(a_stream_that_nobody_reads_stays_small),
        cmocka_unit_test(a_long_download_does_not_open_its_window_for_ever),
        cmocka_unit_test(a_path_that_becomes_longer_is_noticed),
        cmocka_unit_test(new_streams_begin_with_what_was_learned),
        cmocka_unit_test(an_idle_window_is_given_back),
        cmocka_unit_test(equal_streams_get_equal_shares),
        cmocka_unit_test(every_ready_stream_sends_within_two_rounds),
        cmocka_unit_test(an_answer_to_a_ping_leaves_next),
        cmocka_unit_test(one_direction_may_stall),
        cmocka_unit_test(both_ends_notice_a_dead_line),
        cmocka_unit_test(an_interactive_stream_waits_for_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
