/* SPDX-License-Identifier: ISC */
#include "mux_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char types[] = "DWPG";
static const char flag_letters[] = "SARF";
static const uint16_t flag_values[] = {TN_FRAME_SYN, TN_FRAME_ACK, TN_FRAME_RST, TN_FRAME_FIN};

static void say(struct script *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct script *s, const char *format, ...)
{
    size_t used = strlen(s->trace);
    va_list args;
    va_start(args, format);
    if (used)
        used += (size_t)snprintf(s->trace + used, sizeof s->trace - used, "; ");
    s->merge_id = 0;
    vsnprintf(s->trace + used, sizeof s->trace - used, format, args);
    va_end(args);
    assert_true(strlen(s->trace) + 64 < sizeof s->trace);
}

/* ---- ids by name */

static uint32_t peer_parity(const struct script *s) { return s->role == TN_SERVER ? 1 : 2; }
static uint32_t our_parity(const struct script *s) { return s->role == TN_SERVER ? 2 : 1; }

static uint32_t wire_id(const struct script *s, const char *name)
{
    uint32_t n = (uint32_t)strtoul(name + 1, NULL, 10);
    if (*name == 'p')
        return peer_parity(s) + 2 * (n - 1);
    if (*name == 'o')
        return our_parity(s) + 2 * (n - 1);
    return (uint32_t)strtoul(name, NULL, 0);
}

static const char *id_name(const struct script *s, uint32_t id)
{
    static char name[16];
    if (id == 0)
        return "0";
    char side = id % 2 == peer_parity(s) % 2 ? 'p' : 'o';
    snprintf(name, sizeof name, "%c%u", side, (id + 1) / 2);
    return name;
}

static tn_stream *handle(struct script *s, const char *name)
{
    unsigned n = (unsigned)strtoul(name + 1, NULL, 10);
    return *name == 'p' ? &s->peers[n - 1] : &s->ours[n - 1];
}

static const char *handle_name(struct script *s, tn_stream stream)
{
    static char name[16];
    for (unsigned i = 0; i < 320; i++) {
        if (!memcmp(&s->peers[i], &stream, sizeof stream))
            return snprintf(name, sizeof name, "p%u", i + 1), name;
        if (!memcmp(&s->ours[i], &stream, sizeof stream))
            return snprintf(name, sizeof name, "o%u", i + 1), name;
    }
    fail_msg("an event for a stream that nobody knows");
    return "";
}

/* ---- what the mux says */

static void note_new(struct script *s, const tn_mux_event *event)
{
    assert_null(event->user);
    assert_int_equal(event->id % 2, peer_parity(s) % 2);
    s->peers[(event->id - 1) / 2] = event->stream;
    say(s, "new %s", id_name(s, event->id));
}

/* A body may be reported in any number of pieces: the trace has their sum. */
static void note_data(struct script *s, const tn_mux_event *event)
{
    for (size_t i = 0; i < event->len; i++)
        assert_int_equal(event->data[i], 'a');
    size_t id = event->stream.slot + 1;
    if (s->merge_id != id) {
        say(s, "data %s ", handle_name(s, event->stream));
        s->merge_at = strlen(s->trace);
        s->merge_sum = 0;
    }
    s->merge_id = id;
    s->merge_sum += event->len;
    snprintf(s->trace + s->merge_at, sizeof s->trace - s->merge_at, "%zu", s->merge_sum);
}

static void note_event(struct script *s, const tn_mux_event *event)
{
    static const char *const names[] = {"none",     "new",    "acked",    "data", "fin",
                                        "writable", "closed", "openable", "pong", "goaway",
                                        "drained",  "error",  "replies"};
    const char *name = names[event->type];
    switch (event->type) {
    case TN_MUX_NEW:
        note_new(s, event);
        break;
    case TN_MUX_DATA:
        note_data(s, event);
        break;
    case TN_MUX_CLOSED:
        say(s, "closed %s %s %u", handle_name(s, event->stream),
            tn_close_reason_name((int)event->reason), event->code);
        break;
    case TN_MUX_SESSION_ERROR:
        say(s, "error %s %u", tn_mux_reason_name((int)event->reason), event->code);
        break;
    case TN_MUX_ACKED:
    case TN_MUX_FIN:
    case TN_MUX_WRITABLE:
        say(s, "%s %s", name, handle_name(s, event->stream));
        break;
    default:
        say(s, "%s", name);
    }
}

static void listen_to(struct script *s, tn_slice *in)
{
    tn_mux_event event;
    while (tn_mux_next(s->mux, in, s->now_us, &event) != TN_MUX_NONE)
        note_event(s, &event);
    assert_int_equal(event.type, TN_MUX_NONE);
}

static void receive(struct script *s, const uint8_t *data, size_t len)
{
    while (len) {
        s->random = s->random * 1103515245 + 12345;
        size_t n = s->slice ? s->slice : (s->random >> 16) % 7000 + 1;
        n = n < len ? n : len;
        tn_slice in = {data, n};
        listen_to(s, &in);
        assert_int_equal(in.len, 0);
        data += n;
        len -= n;
    }
}

static void note_frame(struct script *s, const tn_mux_frame *gathered)
{
    tn_frame frame;
    char type[8] = "";
    assert_int_equal(tn_frame_decode(&frame, gathered->hdr, TN_FRAME_SIZE), TN_FRAME_SIZE);
    assert_int_equal(gathered->payload_len, frame.type == TN_FRAME_DATA ? frame.length : 0);
    char *end = type;
    *end++ = types[frame.type];
    for (int i = 0; i < 4; i++)
        if (frame.flags & flag_values[i])
            *end++ = flag_letters[i];
    say(s, "%s %s %u", type, id_name(s, frame.stream), frame.length);
}

static void gather(struct script *s)
{
    tn_mux_frame frame;
    while (tn_mux_gather(s->mux, s->now_us, SIZE_MAX / 2, &frame, 1))
        note_frame(s, &frame);
    assert_false(tn_mux_want_write(s->mux));
    listen_to(s, NULL);
}

/* ---- steps */

static void step_frame(struct script *s, const char *type, const char *id, const char *length)
{
    tn_frame frame = {0};
    const char *known = strchr(types, *type);
    frame.type = known ? (uint8_t)(known - types) : 9;
    for (const char *p = type + 1; *p; p++) {
        const char *flag = strchr(flag_letters, *p);
        frame.flags |= flag ? flag_values[flag - flag_letters] : 0x4000;
    }
    frame.stream = wire_id(s, id);
    frame.length = (uint32_t)strtoul(length, NULL, 0);
    bool body = frame.type == TN_FRAME_DATA && !strchr(length, '!');
    size_t size = TN_FRAME_SIZE + (body ? frame.length : 0);
    uint8_t *wire = malloc(size);
    tn_frame_encode(&frame, wire);
    memset(wire + TN_FRAME_SIZE, 'a', size - TN_FRAME_SIZE);
    receive(s, wire, size);
    free(wire);
}

static int step_stream(struct script *s, const char *verb, const char *name, uint32_t n)
{
    tn_stream stream = *handle(s, name);
    if (!strcmp(verb, "accept"))
        return tn_stream_accept(s->mux, stream, s);
    if (!strcmp(verb, "queue"))
        return tn_stream_queued(s->mux, stream, n);
    if (!strcmp(verb, "ready"))
        return tn_stream_ready(s->mux, stream);
    if (!strcmp(verb, "shutdown"))
        return tn_stream_shutdown(s->mux, stream);
    if (!strcmp(verb, "close"))
        return tn_stream_close(s->mux, stream);
    if (!strcmp(verb, "reset"))
        return tn_stream_reset(s->mux, stream, n);
    if (!strcmp(verb, "consume"))
        return tn_stream_consumed(s->mux, stream, n);
    fail_msg("unknown step: %s", verb);
    return 0;
}

static int step_open(struct script *s)
{
    int error = tn_stream_open(s->mux, s, &s->ours[s->opened]);
    s->opened += error == TN_OK;
    return error;
}

static int step_session(struct script *s, const char *verb, uint32_t n)
{
    if (!strcmp(verb, "open"))
        return step_open(s);
    if (!strcmp(verb, "ping"))
        return tn_mux_ping(s->mux, s->now_us);
    if (!strcmp(verb, "drain"))
        return tn_mux_drain(s->mux, s->now_us, n);
    if (!strcmp(verb, "fail"))
        return tn_mux_fail(s->mux, n);
    if (!strcmp(verb, "lost"))
        return tn_mux_transport_lost(s->mux), TN_OK;
    if (!strcmp(verb, "gather"))
        return gather(s), TN_OK;
    assert_string_equal(verb, "wait");
    s->now_us += n * UINT64_C(1000);
    return listen_to(s, NULL), TN_OK;
}

static void step(struct script *s, const char *text)
{
    char a[16] = "", b[16] = "", c[16] = "", d[16] = "";
    int words = sscanf(text, "%15s %15s %15s %15s", a, b, c, d);
    if (*a == '>') {
        step_frame(s, b, c, d);
        return;
    }
    int error = words > 1 && (*b == 'p' || *b == 'o')
                    ? step_stream(s, a, b, (uint32_t)strtoul(c, NULL, 0))
                    : step_session(s, a, (uint32_t)strtoul(b, NULL, 0));
    if (error != TN_OK)
        say(s, "=%d", error);
    if (strcmp(a, "wait") && strcmp(a, "gather"))
        listen_to(s, NULL);
}

void script_run(struct script *s, const char *steps)
{
    char copy[2048], *rest = copy, *text;
    assert_true(strlen(steps) < sizeof copy);
    strcpy(copy, steps);
    while ((text = strsep(&rest, ";")))
        step(s, text);
}

void script_begin(struct script *s, tn_role role, const tn_mux_config *config)
{
    memset(s, 0, sizeof *s);
    memset(s->peers, 0xff, sizeof s->peers);
    memset(s->ours, 0xff, sizeof s->ours);
    s->role = role;
    s->now_us = 1000000;
    s->random = 1;
    assert_int_equal(tn_mux_pool_create(NULL, &s->pool), TN_OK);
    assert_int_equal(tn_mux_create(s->pool, role, config, s->now_us, s, &s->mux), TN_OK);
    assert_ptr_equal(tn_mux_user(s->mux), s);
    gather(s);
    assert_string_equal(s->trace, "PS 0 1");
    s->trace[0] = 0;
}

void script_end(struct script *s)
{
    tn_mux_pool_stats stats;
    tn_mux_free(s->mux);
    tn_mux_pool_get_stats(s->pool, &stats);
    assert_int_equal(stats.streams, 0);
    assert_int_equal(stats.buffered, 0);
    assert_int_equal(stats.window_granted, 0);
    assert_int_equal(tn_mux_pool_destroy(s->pool), TN_OK);
}

void script_check(const struct script_row *row, const tn_mux_config *config)
{
    static const unsigned slices[] = {1u << 30, 1, 0};
    for (int role = TN_CLIENT; role <= TN_SERVER; role++)
        for (int i = 0; i < 3; i++) {
            struct script s;
            script_begin(&s, (tn_role)role, config);
            s.slice = slices[i];
            script_run(&s, row->steps);
            assert_string_equal(s.trace, row->trace);
            script_end(&s);
        }
}

void script_test(void **state) { script_check(*state, NULL); }

int script_main(const struct script_row *rows, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest)SCRIPT_TEST(rows[i]);
    int status = _cmocka_run_group_tests("rows", tests, count, NULL, NULL);
    free(tests);
    return status;
}
