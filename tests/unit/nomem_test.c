/* SPDX-License-Identifier: ISC */
/*
 * Memory that runs out: each chapter uses a part of the core while its first, its second, ... its
 * last allocation fails, alone or with all that follow. Whatever fails says so, loses nothing of
 * what it held, and works again once there is memory. This program is linked with --wrap for the
 * allocator; jansson gets the same one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <tunnel/control.h>
#include <tunnel/http1_body.h>
#include <tunnel/mux.h>
#include <tunnel/stream_header.h>

/* ---- an allocator that fails */

enum { sweep_max = 2000 };

static unsigned failing; /* which allocation; 0: none */
static unsigned asked;   /* so many so far */
static bool lasting;     /* and all behind it */
static bool struck;      /* one has failed */
static bool lexing;      /* a failure now could not be told from a success */
static int held;         /* blocks */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *block);

static bool fails(void)
{
    asked++;
    bool now = failing && (asked == failing || (lasting && asked > failing));
    struck |= now;
    return now;
}

static void *counted(void *block)
{
    held += block != NULL;
    return block;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : counted(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    held -= block != NULL;
    return counted(__real_realloc(block, size));
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : counted(__real_aligned_alloc(align, size));
}

void __wrap_free(void *block)
{
    held -= block != NULL;
    __real_free(block);
}

/* After a failed step: whether the story can go on by doing it again. */
static bool again(int error)
{
    assert_int_equal(error, TN_ERR_NOMEM);
    assert_true(struck);
    return !lasting;
}

/* jansson's own. Its lexer does not look whether its buffer, whose sizes are powers of two, has
 * grown (jansson 2.14, lex_save): these requests are not for us to fail. */
static void *json_alloc(size_t size)
{
    bool spared = lexing && size >= 32 && (size & (size - 1)) == 0;
    return spared ? counted(__real_malloc(size)) : __wrap_malloc(size);
}

/* Runs a chapter once for each of its allocations. */
static void sweep(void (*chapter)(void), bool and_all_behind)
{
    lasting = and_all_behind;
    held = 0;
    for (failing = 1; failing <= sweep_max; failing++) {
        asked = 0;
        struck = false;
        chapter();
        assert_int_equal(held, 0);
        if (!struck)
            break; /* it has fewer allocations */
    }
    assert_true(failing > 1 && failing <= sweep_max);
    failing = 0;
}

/* ---- control messages, and the envelopes around them */

static const tn_tunnel_request requests[] = {
    {.subdomain = "app", .local_port = 3000},
    {.subdomain = "api", .name = "n", .local_host = "::1", .protocol = "http", .local_port = 8080},
};
static const tn_tunnel_status statuses[] = {
    {.subdomain = "app", .url = "http://app.tun.test", .local_port = 3000, .active = true},
    {.subdomain = "b", .url = "", .error = "taken", .error_code = "SUBDOMAIN_TAKEN"},
};
static const char *const capabilities[] = {"carriers", "small_windows"};
static const char stamp[] = "2026-01-31T23:59:59.999Z";

static const tn_control messages[] = {
    {.type = TN_CONTROL_HANDSHAKE,
     .timestamp = stamp,
     .request_id = "r-1",
     .version = 1,
     .token = "secret-token",
     .client_id = "client",
     .tunnels = requests,
     .tunnel_count = 2,
     .capabilities = capabilities,
     .capability_count = 2},
    {.type = TN_CONTROL_HANDSHAKE_RESPONSE,
     .timestamp = stamp,
     .version = 1,
     .success = true,
     .session_id = "s",
     .statuses = statuses,
     .status_count = 2,
     .retry_after_ms = 500},
    {.type = TN_CONTROL_ADD_TUNNEL, .timestamp = stamp, .tunnels = requests, .tunnel_count = 1},
    {.type = TN_CONTROL_REMOVE_TUNNEL, .timestamp = stamp, .subdomain = "app"},
    {.type = TN_CONTROL_TUNNEL_UPDATE,
     .timestamp = stamp,
     .success = true,
     .statuses = statuses,
     .status_count = 1},
    {.type = TN_CONTROL_PING, .timestamp = stamp},
    {.type = TN_CONTROL_PONG, .timestamp = stamp, .ping_timestamp = stamp},
    {.type = TN_CONTROL_SHUTDOWN, .timestamp = stamp, .error = "bye", .grace_period_ms = 5000},
    {.type = TN_CONTROL_ERROR,
     .timestamp = stamp,
     .error = "no \xc3\xa4\n",
     .error_code = "PROTOCOL_ERROR",
     .details = "d"},
};

enum { message_count = sizeof messages / sizeof *messages, longest = 1024 };

/* What they are when nothing fails. */
static struct {
    uint8_t bytes[longest];
    size_t size;
} expected[message_count];

static void learn_messages(void)
{
    for (size_t i = 0; i < message_count; i++) {
        uint8_t *bytes;
        size_t size;
        assert_int_equal(tn_control_encode(&messages[i], &bytes, &size), TN_OK);
        assert_true(size <= longest);
        memcpy(expected[i].bytes, bytes, size);
        expected[i].size = size;
        tn_control_release(bytes, size);
    }
}

static void write_message(const tn_control *message, size_t i)
{
    uint8_t *bytes;
    size_t size;
    tn_error error;
    while ((error = tn_control_encode(message, &bytes, &size)) != TN_OK)
        if (!again(error))
            return;
    assert_int_equal(size, expected[i].size);
    assert_memory_equal(bytes, expected[i].bytes, size);
    tn_control_release(bytes, size);
}

static void read_message(size_t i)
{
    const char *json = (const char *)expected[i].bytes + TN_ENVELOPE_PREFIX;
    char problem[200];
    tn_control *message;
    tn_error error;
    lexing = true;
    while ((error = tn_control_decode(json, expected[i].size - TN_ENVELOPE_PREFIX, &message,
                                      problem, sizeof problem)) != TN_OK) {
        /* jansson calls a string that it has no room for an invalid token. */
        bool token = error == TN_ERR_PROTOCOL && !strcmp(problem, "the message is not valid JSON");
        lexing = again(token ? TN_ERR_NOMEM : error);
        if (!lexing)
            return;
    }
    lexing = false;
    assert_int_equal(message->type, messages[i].type);
    write_message(message, i);
    tn_control_free(message);
}

static void control_is_written(void)
{
    for (size_t i = 0; i < message_count; i++)
        write_message(&messages[i], i);
}

static void control_is_read(void)
{
    for (size_t i = 0; i < message_count; i++)
        if (strcmp(tn_control_type_name(messages[i].type), "error")) /* its text has a line feed */
            read_message(i);
}

/* Everything in pieces of three bytes; the error of a decoder is the last that it says. */
static int read_envelopes(tn_envelope_decoder *decoder)
{
    size_t whole = 0;
    for (size_t i = 0; i < message_count; i++)
        for (size_t at = 0; at < expected[i].size; at += 3) {
            size_t left = expected[i].size - at;
            tn_slice in = {expected[i].bytes + at, left < 3 ? left : 3}, message;
            int answer = tn_envelope_next(decoder, &in, &message);
            if (answer < 0)
                return answer;
            assert_int_equal(in.len, 0);
            assert_int_equal(answer, left <= 3 ? TN_ENVELOPE_MESSAGE : TN_ENVELOPE_MORE);
            if (answer == TN_ENVELOPE_MORE)
                continue;
            assert_int_equal(message.len, expected[i].size - TN_ENVELOPE_PREFIX);
            assert_memory_equal(message.data, expected[i].bytes + TN_ENVELOPE_PREFIX, message.len);
            whole++;
        }
    assert_int_equal(whole, message_count);
    assert_true(tn_envelope_decoder_idle(decoder));
    return TN_OK;
}

static void envelopes_are_read(void)
{
    tn_envelope_decoder decoder;
    tn_envelope_decoder_init(&decoder, TN_ENVELOPE_MAX);
    for (int error; (error = read_envelopes(&decoder)) != TN_OK;) {
        tn_slice in = {expected[0].bytes, 5}, message;
        assert_int_equal(tn_envelope_next(&decoder, &in, &message), TN_ERR_NOMEM);
        assert_int_equal(in.len, 5);
        assert_false(tn_envelope_decoder_idle(&decoder));
        tn_envelope_decoder_free(&decoder);
        if (!again(error))
            return;
        tn_envelope_decoder_init(&decoder, TN_ENVELOPE_MAX);
    }
    tn_envelope_decoder_free(&decoder);
}

/* ---- HTTP bodies */

static int read_body(tn_http1_body *body)
{
    static const char text[] =
        "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\nTE: no\r\nB: 2\r\n\r\n";
    char payload[32] = "", trailers[64] = "";
    for (size_t at = 0; at < sizeof text - 1; at++) {
        tn_slice in = {(const uint8_t *)text + at, 1}, data;
        int piece;
        while ((piece = tn_http1_body_next(body, &in, &data)) > 0 && piece != TN_HTTP1_END)
            strncat(piece == TN_HTTP1_DATA ? payload : trailers, (const char *)data.data, data.len);
        if (piece < 0)
            return piece;
        assert_int_equal(piece == TN_HTTP1_END, at == sizeof text - 2);
    }
    assert_string_equal(payload, "hello world");
    assert_string_equal(trailers, "X-Sum: 1\r\nB: 2\r\n");
    return TN_OK;
}

static void bodies_are_read(void)
{
    tn_http1_body body;
    tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    for (int error; (error = read_body(&body)) != TN_OK;) {
        assert_false(tn_http1_body_done(&body));
        tn_http1_body_free(&body);
        if (!again(error))
            return;
        tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    }
    assert_true(tn_http1_body_done(&body));
    tn_http1_body_free(&body);
}

/* ---- two ends of a link */

enum {
    visits = 300,      /* more than a table and a slab hold at first */
    server_takes = 260 /* the rest is refused, and tried again */
};

struct flow {
    unsigned number;
    size_t size, sent, got;
    tn_stream stream;
    bool open, done, answers;
};

struct end {
    tn_mux *mux;
    struct end *other;
    struct flow flows[2 * visits]; /* the client's by number, the server's as they come */
    unsigned used, done;
    bool failed, drained;
};

static tn_mux_pool *pool;
static struct end client, server;
static uint64_t now_us;

static uint8_t byte_of(unsigned number, size_t at, bool answers)
{
    return (uint8_t)(number + at * (answers ? 5 : 7));
}

static size_t pull(void *ctx, tn_stream stream, void *user, uint8_t *dst, size_t len)
{
    (void)ctx, (void)stream;
    struct flow *flow = user;
    size_t n = flow->size - flow->sent < len ? flow->size - flow->sent : len;
    for (size_t i = 0; i < n; i++)
        dst[i] = byte_of(flow->number, flow->sent + i, flow->answers);
    flow->sent += n;
    return n;
}

static void say_all(struct end *end, struct flow *flow, size_t size)
{
    flow->size = size;
    assert_int_equal(tn_stream_queued(end->mux, flow->stream, size), TN_OK);
    assert_int_equal(tn_stream_shutdown(end->mux, flow->stream), TN_OK);
}

static void open_visits(void)
{
    for (unsigned i = 0; i < visits; i++) {
        struct flow *flow = &client.flows[i];
        if (flow->open || flow->done)
            continue;
        tn_error error = tn_stream_open(client.mux, flow, &flow->stream);
        if (error == TN_ERR_AGAIN || error == TN_ERR_CLOSED || error == TN_ERR_GOAWAY)
            return;
        if (error != TN_OK && !again(error))
            return;
        if (error != TN_OK)
            continue; /* in the next round */
        flow->number = i;
        flow->got = flow->sent = 0;
        flow->open = true;
        say_all(&client, flow, 5 + 10 * i);
    }
}

static void on_data(struct end *end, const tn_mux_event *event)
{
    struct flow *flow = event->user;
    if (end == &server && flow->got == 0)
        flow->number = event->data[0]; /* enough of it: see byte_of() */
    for (size_t i = 0; i < event->len; i++)
        assert_int_equal(event->data[i], byte_of(flow->number, flow->got + i, end == &client));
    flow->got += event->len;
    assert_int_equal(tn_stream_consumed(end->mux, event->stream, event->len), TN_OK);
}

static void on_new(struct end *end, const tn_mux_event *event)
{
    assert_true(end == &server);
    struct flow *flow = NULL;
    for (unsigned i = 0; i < 2 * visits && !flow; i++)
        if (!end->flows[i].open)
            flow = &end->flows[i];
    assert_non_null(flow);
    *flow = (struct flow){.stream = event->stream, .open = true, .answers = true};
    assert_int_equal(tn_stream_accept(end->mux, event->stream, flow), TN_OK);
}

static void on_closed(struct end *end, const tn_mux_event *event)
{
    struct flow *flow = event->user;
    flow->open = false;
    flow->done = event->reason == TN_CR_FIN;
    end->done += flow->done;
    if (end == &client && flow->done)
        assert_int_equal(flow->got, 2 * (5 + 10 * flow->number));
    else if (!flow->done)
        assert_true(event->reason == TN_CR_REFUSED || (event->reason == TN_CR_SESSION && struck));
}

static void on_event(struct end *end, const tn_mux_event *event)
{
    struct flow *flow = event->user;
    switch (event->type) {
    case TN_MUX_NEW:
        on_new(end, event);
        break;
    case TN_MUX_DATA:
        on_data(end, event);
        break;
    case TN_MUX_FIN:
        if (end == &server)
            say_all(end, flow, 2 * flow->got);
        break;
    case TN_MUX_CLOSED:
        on_closed(end, event);
        break;
    case TN_MUX_SESSION_ERROR: /* no room for what a refusal says, or the other end told us so */
        assert_true(struck);
        assert_true(event->reason == TN_MUX_ERR_NOMEM || event->reason == TN_MUX_ERR_GOAWAY_ERROR);
        end->failed = true;
        break;
    case TN_MUX_DRAINED:
        end->drained = true;
        break;
    default:
        break;
    }
}

static void hear(struct end *end, const uint8_t *data, size_t size)
{
    tn_slice in = {data, size};
    tn_mux_event event;
    while (tn_mux_next(end->mux, &in, now_us, &event) != TN_MUX_NONE)
        on_event(end, &event);
    assert_int_equal(in.len, 0);
}

/* True: something was sent. */
static bool talk(struct end *from)
{
    static uint8_t line[16384];
    size_t size = tn_mux_gather_copy(from->mux, now_us, line, sizeof line, pull, NULL);
    for (size_t at = 0; at < size; at += 999)
        hear(from->other, line + at, size - at < 999 ? size - at : 999);
    hear(from, NULL, 0);
    return size > 0;
}

static void talk_to_the_end(void)
{
    for (bool moved = true; moved;) {
        unsigned before = client.done;
        open_visits();
        moved = talk(&client);
        moved |= talk(&server);
        moved |= client.done > before;
        now_us += 1000;
    }
}

static bool make_end(struct end *end, tn_role role, struct end *other)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_inbound = server_takes;
    config.ack_backlog = config.accept_backlog = visits;
    memset(end, 0, sizeof *end);
    end->other = other;
    for (tn_error error; (error = tn_mux_create(pool, role, &config, now_us, end, &end->mux));)
        if (!again(error))
            return false;
    return true;
}

static void check_ending(void)
{
    if (client.failed || server.failed)
        return;
    assert_true(lasting || client.done == visits);
    assert_int_equal(tn_mux_drain(client.mux, now_us, 0), TN_OK);
    talk_to_the_end();
    assert_true(client.drained || client.failed);
}

static void streams_are_carried(void)
{
    tn_mux_pool_stats stats;
    now_us = 1000000;
    for (tn_error error; (error = tn_mux_pool_create(NULL, &pool)) != TN_OK;)
        if (!again(error))
            return;
    bool opened = make_end(&client, TN_CLIENT, &server);
    if (opened && make_end(&server, TN_SERVER, &client)) {
        talk_to_the_end();
        check_ending();
        tn_mux_free(server.mux);
    }
    if (opened)
        tn_mux_free(client.mux);
    tn_mux_pool_get_stats(pool, &stats);
    assert_int_equal(stats.sessions + stats.streams + stats.buffered + stats.window_granted, 0);
    assert_int_equal(tn_mux_pool_destroy(pool), TN_OK);
}

/* ---- what needs no memory */

static void heads_and_headers_allocate_nothing(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: a.b\r\n\r\n";
    static tn_http1_head head;
    tn_http1_limits limits;
    tn_stream_header header = {.type = TN_VISIT_HTTP, .local_port = 80}, got;
    uint8_t out[4 + TN_STREAM_HEADER_MAX];
    char strings[TN_STREAM_HEADER_MAX];
    asked = 0;
    tn_http1_request_limits(&limits);
    assert_int_equal(tn_http1_parse_request(&head, &limits, (const uint8_t *)text, sizeof text - 1),
                     sizeof text - 1);
    header.subdomain = head.host;
    ssize_t size = tn_stream_header_encode(&header, out, sizeof out);
    assert_true(size > 0);
    assert_int_equal(tn_stream_header_decode(&got, out, (size_t)size, strings, sizeof strings),
                     size);
    assert_int_equal(asked, 0);
}

/* ---- each chapter in both ways */

struct chapter {
    void (*run)(void);
    bool lasting;
};

static void run_chapter(void **state)
{
    const struct chapter *chapter = *state;
    sweep(chapter->run, chapter->lasting);
}

#define CHAPTER(name)                                                                              \
    {#name "_without_one_block", run_chapter, NULL, NULL, &(struct chapter){name, false}},         \
    {                                                                                              \
#name "_until_memory_ends", run_chapter, NULL, NULL, &(struct chapter) { name, true }      \
    }

int main(void)
{
    json_set_alloc_funcs(json_alloc, __wrap_free);
    learn_messages();
    const struct CMUnitTest cases[] = {
        CHAPTER(control_is_written),  CHAPTER(control_is_read),
        CHAPTER(envelopes_are_read),  CHAPTER(bodies_are_read),
        CHAPTER(streams_are_carried), cmocka_unit_test(heads_and_headers_allocate_nothing),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
