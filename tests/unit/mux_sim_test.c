/* SPDX-License-Identifier: ISC */
/*
 * Two muxes talk over two pipes that stall and cut as they like, under a clock and a random
 * number generator of the test's own. The applications send patterns that name their stream
 * and place, so that loss, mixing, doubling and disorder all show without storing anything.
 *
 * On the wire a stub checks what every peer relies on: credit is kept, ids ascend, FIN stands
 * alone, nothing but credit and RST follows it, nothing at all follows RST.
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
    pipe_size = 65536,
    streams_each = 12, /* opened by each side */
    most_apps = 4 * streams_each,
    most_id = 4 * streams_each + 8,
    preamble = 8, /* pattern and length, in front of the bytes of each direction */
};

enum plan { finish, abort_early, leave, plans };

struct app { /* one end of one stream */
    tn_stream handle;
    bool live, shut, done, fin_seen, clean;
    bool by_ready; /* announces its bytes by tn_stream_ready() */
    enum plan plan;
    uint32_t pattern, total, produced, sent; /* outbound, preamble included */
    uint32_t their_pattern, their_total, received, unconsumed;
    uint8_t head[preamble];
    uint32_t window; /* the largest it had: credit once given is not taken back */
};

struct side;

struct tap { /* what one side has put on the wire for one id */
    int64_t credit;
    bool fin, rst, syn;
};

struct side {
    tn_mux *mux;
    struct app apps[most_apps];
    unsigned count, opened;
    struct tap taps[most_id];
    uint32_t last_id, body; /* of the tap: last SYN, payload still to pass */
    uint8_t pipe[pipe_size];
    size_t begin, end;
    unsigned stalled; /* steps for which nothing leaves */
    bool frozen;      /* until everybody finishes up */
    struct side *other;
    struct world *world;
    tn_role role;
};

struct world {
    tn_mux_pool *pool;
    struct side sides[2];
    uint64_t seed, now_us, random, slicing, hash;
    unsigned slice_mode; /* 0: as it comes, 1: single bytes, 2: at random */
    bool described;      /* gather into descriptors, not by pull */
    bool running;        /* or over, as it should be */
    uint32_t largest;    /* bytes of a long message */
    uint64_t budget;     /* of the windows of each side */
    unsigned allocations;
};

static struct world world;
static uint64_t windows_grown; /* in all worlds */

static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = *state ^ *state >> 29;
    return (uint32_t)(x * 0x9e3779b97f4a7c15u >> 32);
}

static uint32_t below(struct world *w, uint32_t n) { return draw(&w->random) % n; }

/* ---- patterns */

static uint8_t pattern_byte(uint32_t pattern, uint32_t k)
{
    return (uint8_t)(pattern + k * 31 + (k >> 8) * 17 + (k >> 16));
}

static uint8_t outbound_byte(const struct app *app, uint32_t k)
{
    if (k < 4)
        return (uint8_t)(app->pattern >> 8 * k);
    if (k < preamble)
        return (uint8_t)(app->total >> 8 * (k - 4));
    return pattern_byte(app->pattern, k);
}

static void take_inbound(struct app *app, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t k = app->received++;
        if (k >= preamble)
            assert_int_equal(data[i], pattern_byte(app->their_pattern, k));
        else
            app->head[k] = data[i];
        if (app->received != preamble)
            continue;
        memcpy(&app->their_pattern, app->head, 4);
        memcpy(&app->their_total, app->head + 4, 4);
    }
    app->unconsumed += (uint32_t)len;
}

/* ---- applications. What one does follows from its name alone, not from when events come. */

static struct app *make_app(struct side *side, uint32_t name)
{
    struct app *app = &side->apps[side->count++];
    uint64_t seed = (name + (side->world->seed << 32)) * UINT64_C(0x9e3779b97f4a7c15);
    assert_true(side->count <= most_apps);
    draw(&seed);
    app->live = true;
    app->pattern = draw(&seed);
    uint32_t size = draw(&seed) % 8 ? draw(&seed) % 3000 : draw(&seed) % side->world->largest;
    app->total = preamble + size;
    app->plan = draw(&seed) % 4 ? finish : (enum plan)(draw(&seed) % plans);
    app->by_ready = !side->world->described && draw(&seed) % 2;
    return app;
}

static void end_writing(struct side *side, struct app *app)
{
    app->shut = true;
    int error = app->plan == leave ? tn_stream_close(side->mux, app->handle)
                                   : tn_stream_shutdown(side->mux, app->handle);
    assert_int_equal(error, TN_OK);
}

static void produce(struct side *side, struct app *app, uint32_t n)
{
    if (!app->live || app->shut)
        return;
    if (app->plan == abort_early && app->produced > app->total / 2) {
        assert_int_equal(tn_stream_reset(side->mux, app->handle, TN_RST_CANCEL), TN_OK);
        app->live = false;
        app->done = true;
        return;
    }
    size_t space = app->by_ready ? SIZE_MAX : tn_stream_space(side->mux, app->handle);
    uint32_t left = app->total - app->produced;
    n = n < left ? n : left;
    n = n < space ? n : (uint32_t)space;
    app->produced += n;
    if (app->by_ready && n)
        assert_int_equal(tn_stream_ready(side->mux, app->handle), TN_OK);
    else
        assert_int_equal(tn_stream_queued(side->mux, app->handle, n), TN_OK);
    if (app->produced == app->total)
        end_writing(side, app);
}

static void consume(struct side *side, struct app *app, uint32_t n)
{
    if (!app->live)
        return;
    n = n < app->unconsumed ? n : app->unconsumed;
    app->unconsumed -= n;
    assert_int_equal(tn_stream_consumed(side->mux, app->handle, n), TN_OK);
}

static size_t pull(void *ctx, tn_stream stream, void *user, uint8_t *dst, size_t len)
{
    struct app *app = user;
    uint32_t n = app->produced - app->sent;
    (void)ctx;
    assert_int_equal(stream.slot, app->handle.slot);
    n = n < len ? n : (uint32_t)len;
    for (uint32_t i = 0; i < n; i++)
        dst[i] = outbound_byte(app, app->sent + i);
    app->sent += n;
    return n;
}

static void open_stream(struct side *side)
{
    if (side->opened == streams_each)
        return;
    struct app *app = make_app(side, 1000u * (side->role + 1u) + side->opened++);
    assert_int_equal(tn_stream_open(side->mux, app, &app->handle), TN_OK);
}

/* ---- input */

static void accept_stream(struct side *side, const tn_mux_event *event)
{
    struct app *app = make_app(side, 100000u + event->id);
    app->handle = event->stream;
    assert_int_equal(tn_stream_accept(side->mux, event->stream, app), TN_OK);
}

static void on_closed(struct app *app, const tn_mux_event *event)
{
    app->live = false;
    app->done = true;
    app->clean = event->reason == TN_CR_FIN;
    if (app->clean && app->plan != leave)
        assert_true(app->fin_seen);
}

static void on_event(struct side *side, const tn_mux_event *event)
{
    struct app *app = event->user;
    if (event->type == TN_MUX_NEW) {
        accept_stream(side, event);
        return;
    }
    assert_int_not_equal(event->type, TN_MUX_SESSION_ERROR);
    if (!app)
        return;
    assert_true(app->live);
    assert_false(app->fin_seen && event->type == TN_MUX_DATA);
    if (event->type == TN_MUX_DATA)
        take_inbound(app, event->data, event->len);
    if (event->type == TN_MUX_FIN) {
        assert_int_equal(app->received, app->their_total);
        app->fin_seen = true;
    }
    if (event->type == TN_MUX_CLOSED)
        on_closed(app, event);
}

static void listen_to(struct side *side, tn_slice *in)
{
    tn_mux_event event;
    while (tn_mux_next(side->mux, in, side->world->now_us, &event) != TN_MUX_NONE)
        on_event(side, &event);
}

static void receive(struct side *side, size_t max)
{
    struct world *w = side->world;
    struct side *from = side->other;
    size_t len = from->end - from->begin;
    len = len < max ? len : max;
    while (len) {
        size_t n = w->slice_mode == 0 ? len : w->slice_mode == 1 ? 1 : draw(&w->slicing) % len + 1;
        tn_slice in = {from->pipe + from->begin, n};
        listen_to(side, &in);
        assert_int_equal(in.len, 0);
        from->begin += n;
        len -= n;
    }
}

/* ---- output, and the tap on it */

static void tap_data(struct side *side, struct tap *tap, const tn_frame *frame)
{
    assert_false(tap->fin);
    tap->credit -= frame->length;
    assert_true(tap->credit >= 0);
    if (!(frame->flags & TN_FRAME_FIN))
        return;
    assert_int_equal(frame->length, 0);
    assert_int_equal(frame->flags, TN_FRAME_FIN);
    tap->fin = true;
    (void)side;
}

static void tap_frame(struct side *side, const tn_frame *frame)
{
    if (frame->type > TN_FRAME_WINDOW) {
        assert_int_equal(frame->stream, 0);
        return;
    }
    assert_in_range(frame->stream, 1, most_id - 1);
    struct tap *tap = &side->taps[frame->stream];
    assert_false(tap->rst);
    if (frame->flags & TN_FRAME_SYN) {
        assert_true(frame->stream > side->last_id);
        assert_int_equal(frame->stream % 2, side->role == TN_CLIENT);
        side->last_id = frame->stream;
    }
    if (frame->type == TN_FRAME_DATA)
        tap_data(side, tap, frame);
    else if (frame->flags & TN_FRAME_RST)
        tap->rst = true;
    else
        side->other->taps[frame->stream].credit += frame->length;
}

static void tap_bytes(struct side *side, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        tn_frame frame;
        assert_int_equal(tn_frame_decode(&frame, data + at, len - at), TN_FRAME_SIZE);
        for (int i = 0; i < (int)TN_FRAME_SIZE; i++)
            side->world->hash = (side->world->hash ^ data[at + i]) * 0x100000001b3u;
        tap_frame(side, &frame);
        at += TN_FRAME_SIZE + (frame.type == TN_FRAME_DATA ? frame.length : 0);
        assert_true(at <= len);
    }
}

static size_t gather_described(struct side *side, uint8_t *dst, size_t room)
{
    tn_mux_frame frame;
    size_t used = 0;
    while (tn_mux_gather(side->mux, side->world->now_us, room - used, &frame, 1)) {
        memcpy(dst + used, frame.hdr, TN_FRAME_SIZE);
        used += TN_FRAME_SIZE;
        if (frame.payload_len)
            assert_int_equal(pull(NULL, frame.stream, frame.user, dst + used, frame.payload_len),
                             frame.payload_len);
        used += frame.payload_len;
        assert_true(used <= room);
    }
    return used;
}

static size_t transmit(struct side *side, size_t room)
{
    if (side->frozen)
        return 0;
    if (side->stalled) {
        side->stalled--;
        return 0;
    }
    memmove(side->pipe, side->pipe + side->begin, side->end - side->begin);
    side->end -= side->begin;
    side->begin = 0;
    size_t space = pipe_size - side->end;
    room = room < space ? room : space;
    uint8_t *dst = side->pipe + side->end;
    size_t n = side->world->described
                   ? gather_described(side, dst, room)
                   : tn_mux_gather_copy(side->mux, side->world->now_us, dst, room, pull, NULL);
    if (room == pipe_size) /* enough for anything: then wanting to write means writing */
        assert_int_equal(n > 0 || !tn_mux_want_write(side->mux), true);
    tap_bytes(side, dst, n);
    side->end += n;
    return n;
}

/* ---- worlds */

static void *counted_alloc(void *ctx, size_t size, size_t align)
{
    ((struct world *)ctx)->allocations++;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void counted_free(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    (void)size;
    free(memory);
}

/* The peers that there are: windows as ever, larger ones, little credit, hardly any budget. */
static uint32_t configure(const struct world *w, tn_mux_config *config)
{
    tn_mux_config_init(config);
    config->rtt_probe_ms = w->seed % 4 ? 20 : 100;
    if (w->seed % 5 == 1)
        config->initial_window = 1 << 20;
    config->window_budget = w->seed % 7 ? 8 << 20 : 400000;
    return w->seed % 3 ? TN_INITIAL_WINDOW : TN_SMALL_WINDOW;
}

static void begin_side(struct world *w, tn_role role)
{
    struct side *side = &w->sides[role];
    tn_mux_config config;
    uint32_t credit = configure(w, &config);
    w->budget = config.window_budget;
    side->world = w;
    side->other = &w->sides[1 - role];
    side->role = role;
    for (unsigned id = 0; id < most_id; id++)
        side->taps[id].credit = id % 2 == 0 ? credit : TN_INITIAL_WINDOW;
    assert_int_equal(tn_mux_create(w->pool, role, &config, w->now_us, NULL, &side->mux), TN_OK);
    assert_int_equal(tn_mux_set_initial_credit(side->mux, credit), TN_OK);
}

static void begin(struct world *w, uint64_t seed, unsigned slice_mode)
{
    memset(w, 0, sizeof *w);
    w->running = true;
    w->seed = seed;
    w->random = seed * 977 + 5;
    w->slicing = seed;
    w->slice_mode = slice_mode;
    w->described = seed % 2;
    w->largest = seed % 8 ? 100000 : 600000;
    w->now_us = 5000000;
    tn_mux_pool_config config;
    tn_mux_pool_config_init(&config);
    config.alloc = (tn_alloc){counted_alloc, counted_free, w};
    assert_int_equal(tn_mux_pool_create(&config, &w->pool), TN_OK);
    begin_side(w, TN_CLIENT);
    begin_side(w, TN_SERVER);
    w->sides[seed % 2].frozen = seed % 11 == 0;
}

/* ---- the books, which must agree with each other */

static void check_window(struct app *app, const tn_stream_info *info)
{
    app->window = info->window > app->window ? info->window : app->window;
    assert_true((uint64_t)info->recv_credit + info->unconsumed <= app->window);
    if (app->plan != leave || !app->shut)
        assert_int_equal(info->unconsumed, app->unconsumed);
}

static void check_books(struct side *side)
{
    tn_mux_stats stats;
    uint64_t unconsumed = 0;
    tn_mux_get_stats(side->mux, &stats);
    assert_true(stats.window_granted <= side->world->budget);
    for (unsigned i = 0; i < side->count; i++) {
        tn_stream_info info;
        if (!side->apps[i].live)
            continue;
        assert_int_equal(tn_stream_get_info(side->mux, side->apps[i].handle, &info), TN_OK);
        check_window(&side->apps[i], &info);
        unconsumed += info.unconsumed;
    }
    assert_int_equal(unconsumed, stats.buffered);
}

/* With nothing on its way, what one side may send is what the other has granted. */
static void check_credit(struct side *side)
{
    for (unsigned i = 0; i < side->count; i++) {
        tn_stream_info info;
        if (!side->apps[i].live ||
            tn_stream_get_info(side->mux, side->apps[i].handle, &info) != TN_OK || !info.id)
            continue;
        if (!info.fin_sent)
            assert_int_equal(info.send_credit, side->taps[info.id].credit);
        if (!info.fin_received)
            assert_int_equal(info.recv_credit, side->other->taps[info.id].credit);
    }
}

static void check(struct world *w)
{
    struct side *a = &w->sides[0], *b = &w->sides[1];
    listen_to(a, NULL); /* what has ended is known to have */
    listen_to(b, NULL);
    check_books(a);
    check_books(b);
    if (a->begin != a->end || b->begin != b->end)
        return;
    check_credit(a);
    check_credit(b);
}

static void step(struct world *w)
{
    struct side *side = &w->sides[below(w, 2)];
    uint32_t amount = below(w, 2) ? below(w, 100) : below(w, 70000);
    struct app *app = side->count ? &side->apps[below(w, side->count)] : NULL;
    switch (below(w, 9)) {
    case 0:
        open_stream(side);
        break;
    case 1:
    case 2:
        if (app)
            produce(side, app, amount);
        break;
    case 3:
        if (app)
            consume(side, app, amount);
        break;
    case 4:
    case 5:
        transmit(side, amount);
        break;
    case 6:
    case 7:
        receive(side, amount);
        break;
    default:
        w->now_us += below(w, 20000);
        if (below(w, 20) == 0)
            side->stalled = below(w, 50);
        listen_to(side, NULL);
    }
}

/* Now everybody does what is left to do, and the pipes move. */
static bool settle_once(struct world *w)
{
    bool done = true;
    w->now_us += 50000;
    for (int i = 0; i < 2; i++) {
        struct side *side = &w->sides[i];
        side->stalled = 0;
        side->frozen = false;
        open_stream(side);
        done &= side->opened == streams_each;
        for (unsigned k = 0; k < side->count; k++) {
            produce(side, &side->apps[k], 100000);
            consume(side, &side->apps[k], UINT32_MAX);
            done &= side->apps[k].done;
        }
        transmit(side, pipe_size);
        receive(side->other, pipe_size);
        listen_to(side, NULL);
    }
    return done && !tn_mux_want_write(w->sides[0].mux) && !tn_mux_want_write(w->sides[1].mux);
}

static void settle(struct world *w)
{
    for (int i = 0; i < 2000; i++) {
        if (settle_once(w))
            return;
        check(w);
    }
    fail_msg("the two sides wait for each other");
}

static void check_over(struct world *w)
{
    tn_mux_pool_stats pool;
    tn_mux_pool_get_stats(w->pool, &pool);
    assert_int_equal(pool.streams, 0);
    for (int i = 0; i < 2; i++) {
        tn_mux_stats side;
        tn_mux_get_stats(w->sides[i].mux, &side);
        assert_int_equal(side.streams_in + side.streams_out + side.unacked + side.unaccepted, 0);
        assert_int_equal(side.pending + side.blocked_on_credit, 0);
        assert_int_equal(side.glitches, 0);
        windows_grown += side.windows_grown;
    }
}

static void end(struct world *w)
{
    tn_mux_pool_stats stats;
    tn_mux_free(w->sides[0].mux);
    tn_mux_free(w->sides[1].mux);
    tn_mux_pool_get_stats(w->pool, &stats);
    assert_int_equal(stats.streams + stats.sessions, 0);
    assert_int_equal(stats.buffered + stats.window_granted, 0);
    assert_true(w->allocations < 16); /* of pool, muxes, tables and streams; none of a frame */
    assert_int_equal(tn_mux_pool_destroy(w->pool), TN_OK);
    w->running = false;
}

static void live_on(struct world *w, unsigned most_steps)
{
    unsigned steps = 100 + below(w, most_steps);
    for (unsigned i = 0; i < steps; i++) {
        step(w);
        if (i % 16 == 0)
            check(w);
    }
}

static uint64_t live(uint64_t seed, unsigned slice_mode, unsigned *clean)
{
    struct world *w = &world;
    begin(w, seed, slice_mode);
    live_on(w, 1000);
    settle(w);
    for (int i = 0; i < 2; i++)
        for (unsigned k = 0; k < w->sides[i].count; k++)
            *clean += w->sides[i].apps[k].clean;
    check_over(w);
    end(w);
    return w->hash;
}

/* The link is gone, at whatever byte. Nobody may take that for an end. */
static void cut(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct side *side = &w->sides[i];
        tn_mux_event event;
        receive(side, below(w, pipe_size));
        tn_mux_transport_lost(side->mux);
        while (tn_mux_next(side->mux, NULL, w->now_us, &event) != TN_MUX_NONE) {
            struct app *app = event.user;
            if (event.type == TN_MUX_SESSION_ERROR || !app)
                continue;
            on_event(side, &event);
            if (event.type == TN_MUX_CLOSED && app->clean)
                assert_true(app->shut);
        }
        for (unsigned k = 0; k < side->count; k++)
            assert_true(side->apps[k].done);
    }
    end(w);
}

/* They take half a minute of a processor; fewer where everything is slow. */
static uint64_t seeds(void)
{
    const char *slow = getenv("TUNNEL_SLOW");
    return slow && *slow ? 300 : 10000;
}

static int say_seed(void **state)
{
    (void)state;
    if (world.running)
        print_error("seed %lu\n", (unsigned long)world.seed);
    return 0;
}

static void whatever_the_pipes_do_bytes_arrive_and_streams_end(void **state)
{
    (void)state;
    unsigned clean = 0;
    for (uint64_t seed = 0; seed < seeds(); seed++)
        live(seed, 0, &clean);
    /* Most plans are to finish: most streams must have done so at both ends. */
    assert_true(clean > seeds() * 2 * streams_each);
    assert_true(windows_grown > seeds() / 4);
}

static void a_cut_link_is_no_end_of_a_stream(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < seeds() / 10; seed++) {
        begin(&world, seed, 0);
        live_on(&world, 500);
        cut(&world);
    }
}

static void the_same_seed_is_the_same_run(void **state)
{
    (void)state;
    unsigned clean = 0;
    for (uint64_t seed = 0; seed < 10; seed++)
        assert_true(live(seed, 0, &clean) == live(seed, 0, &clean));
}

static void cutting_the_input_changes_nothing_on_the_wire(void **state)
{
    (void)state;
    unsigned clean = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint64_t whole = live(seed, 0, &clean);
        assert_true(live(seed, 2, &clean) == whole);
        if (seed < 4)
            assert_true(live(seed, 1, &clean) == whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(whatever_the_pipes_do_bytes_arrive_and_streams_end, say_seed),
        cmocka_unit_test_teardown(a_cut_link_is_no_end_of_a_stream, say_seed),
        cmocka_unit_test_teardown(the_same_seed_is_the_same_run, say_seed),
        cmocka_unit_test_teardown(cutting_the_input_changes_nothing_on_the_wire, say_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
