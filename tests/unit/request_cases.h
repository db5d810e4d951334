/* SPDX-License-Identifier: ISC */
/* A request head and what must become of it, whole and in every cut. Each case is a test of its
 * own. */
#ifndef REQUEST_CASES_H
#define REQUEST_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/http1.h>

enum {
    CLOSE = 1, /* the visitor does not want the connection kept */
    UPGRADE = 2,
    WEBSOCKET = 4,
    CONTINUE = 8,
    SLASH = 16, /* path_needs_slash */
    IS_HEAD = 32,
    CHUNKED = 64,
};

struct request_case {
    const char *claim; /* and its source */
    const char *raw;
    size_t size;
    int refusal; /* 0: accepted, and the rest counts */
    unsigned flags;
    uint64_t length;
    const char *host; /* NULL: app.tun.test */
    const char *path; /* NULL: / */
};

#define REFUSED(status, claim, raw)                                                                \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, status, 0, 0, NULL, NULL                                      \
    }
#define TAKEN(claim, raw, ...)                                                                     \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, 0, __VA_ARGS__                                                \
    }

static inline int same_bytes(tn_slice slice, const char *text)
{
    return slice.len == strlen(text) && (!*text || memcmp(slice.data, text, slice.len) == 0);
}

/* A copy of exactly `size` bytes, so that a sanitizer sees any read behind them. */
static inline uint8_t *exact_copy(const char *raw, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, raw, size);
    return copy;
}

static inline ssize_t parse_request(tn_http1_head *head, const char *raw, size_t size)
{
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    uint8_t *copy = exact_copy(raw, size);
    memset(head, 0xa5, sizeof *head);
    ssize_t got = tn_http1_parse_request(head, &limits, copy, size);
    free(copy);
    return got;
}

/* Every shorter run of bytes says "more" or already what the whole says. */
static inline void check_request_cuts(const char *raw, size_t size)
{
    static tn_http1_head whole, part;
    ssize_t verdict = parse_request(&whole, raw, size);
    int decided = 0;
    for (size_t cut = 0; cut < size; ++cut) {
        ssize_t got = parse_request(&part, raw, cut);
        if (got == 0) {
            assert_false(decided);
            continue;
        }
        decided = 1;
        assert_int_equal(got, verdict);
        if (got < 0) {
            assert_int_equal(part.refusal, whole.refusal);
            assert_string_equal(part.why, whole.why);
        }
    }
}

static inline void check_slices(const tn_http1_head *head, const struct request_case *expected)
{
    assert_true(same_bytes(head->host, expected->host ? expected->host : "app.tun.test"));
    assert_true(same_bytes(head->path, expected->path ? expected->path : "/"));
}

static inline void check_request(void **state)
{
    const struct request_case *expected = *state;
    static tn_http1_head head;
    ssize_t got = parse_request(&head, expected->raw, expected->size);
    if (expected->refusal) {
        assert_int_equal(got, TN_ERR_PROTOCOL);
        assert_int_equal(head.refusal, expected->refusal);
        check_request_cuts(expected->raw, expected->size);
        return;
    }
    if (got < 0)
        fail_msg("refused with %d: %s", head.refusal, head.why);
    assert_int_equal(got, expected->size);
    assert_int_equal(head.keep_alive, !(expected->flags & CLOSE));
    assert_int_equal(head.is_upgrade, !!(expected->flags & UPGRADE));
    assert_int_equal(head.is_websocket, !!(expected->flags & WEBSOCKET));
    assert_int_equal(head.expects_continue, !!(expected->flags & CONTINUE));
    assert_int_equal(head.path_needs_slash, !!(expected->flags & SLASH));
    assert_int_equal(head.is_head, !!(expected->flags & IS_HEAD));
    assert_int_equal(head.framing, expected->flags & CHUNKED ? TN_HTTP1_CHUNKED
                                   : expected->length        ? TN_HTTP1_LENGTH
                                                             : TN_HTTP1_NO_BODY);
    assert_int_equal(head.content_length, expected->length);
    check_request_cuts(expected->raw, expected->size);

    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    got = tn_http1_parse_request(&head, &limits, (const uint8_t *)expected->raw, expected->size);
    assert_int_equal(got, expected->size);
    check_slices(&head, expected);
}

static inline int run_request_cases(const char *group, const struct request_case *cases,
                                    size_t count, const struct CMUnitTest *more, size_t more_count)
{
    struct CMUnitTest *tests = calloc(count + more_count, sizeof *tests);
    for (size_t i = 0; i < count; ++i) {
        tests[i].name = cases[i].claim;
        tests[i].test_func = check_request;
        tests[i].initial_state = (void *)(uintptr_t)&cases[i];
    }
    if (more_count > 0)
        memcpy(tests + count, more, more_count * sizeof *more);
    int failed = _cmocka_run_group_tests(group, tests, count + more_count, NULL, NULL);
    free(tests);
    return failed;
}

#endif
