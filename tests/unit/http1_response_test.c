/* SPDX-License-Identifier: ISC */
/* Response heads: RFC 9112 4 to 6, RFC 9110 6.4.1, 8.6, 15. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/http1.h>

enum {
    TO_HEAD = 1,    /* the request was HEAD */
    TO_UPGRADE = 2, /* it asked for an upgrade */
    CLOSE = 4,      /* the connection is not kept */
    LENGTH = 8,     /* has_content_length */
};

struct response_case {
    const char *claim;
    const char *raw;
    size_t size;
    int status; /* 0: refused */
    int framing;
    unsigned flags;
    uint64_t length;
};

#define REFUSED(claim, raw)                                                                        \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, 0, 0, 0, 0                                                    \
    }
#define REFUSED_TO(flags, claim, raw)                                                              \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, 0, 0, flags, 0                                                \
    }
#define TAKEN(claim, status, framing, flags, length, raw)                                          \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, status, TN_HTTP1_##framing, flags, length                     \
    }
#define LINE(claim, line) REFUSED(claim, line "\r\nContent-Length: 0\r\n\r\n")
#define GOOD_LINE(claim, status, line)                                                             \
    TAKEN(claim, status, LENGTH, LENGTH, 2, line "\r\nContent-Length: 2\r\n\r\n")
#define OK "HTTP/1.1 200 OK\r\n"
#define FIELD(claim, line) REFUSED(claim, OK line "\r\n\r\n")

static const struct response_case cases[] = {
    /* The status line: RFC 9112 4 */
    GOOD_LINE("a_plain_response", 200, "HTTP/1.1 200 OK"),
    GOOD_LINE("a_reason_of_words", 404, "HTTP/1.1 404 Not Found at all"),
    GOOD_LINE("a_reason_of_obs_text", 200, "HTTP/1.1 200 caf\xe9"),
    GOOD_LINE("a_reason_with_a_tab", 200, "HTTP/1.1 200 a\tb"),
    GOOD_LINE("an_empty_reason", 200, "HTTP/1.1 200 "),
    GOOD_LINE("no_reason", 200, "HTTP/1.1 200"),
    GOOD_LINE("an_unknown_status", 599, "HTTP/1.1 599 x"),
    GOOD_LINE("a_reason_that_starts_with_a_blank", 200, "HTTP/1.1 200  OK"),
    LINE("http_1_2", "HTTP/1.2 200 OK"),
    LINE("http_2", "HTTP/2 200 OK"),
    LINE("http_2_0", "HTTP/2.0 200 OK"),
    LINE("http_0_9", "HTTP/0.9 200 OK"),
    LINE("lower_case_http", "http/1.1 200 OK"),
    LINE("icy", "ICY 200 OK"),
    LINE("another_protocol", "RTSP/1.0 200 OK"),
    LINE("no_version", "200 OK"),
    LINE("no_status", "HTTP/1.1 OK"),
    LINE("a_version_alone", "HTTP/1.1"),
    LINE("a_version_and_a_blank", "HTTP/1.1 "),
    LINE("two_blanks_before_the_status", "HTTP/1.1  200 OK"),
    LINE("a_tab_before_the_status", "HTTP/1.1\t200 OK"),
    LINE("a_tab_behind_the_status", "HTTP/1.1 200\tOK"),
    LINE("a_blank_in_front", " HTTP/1.1 200 OK"),
    LINE("a_status_of_000", "HTTP/1.1 000 OK"),
    LINE("a_status_of_099", "HTTP/1.1 099 OK"),
    LINE("a_status_of_600", "HTTP/1.1 600 OK"),
    LINE("a_status_of_999", "HTTP/1.1 999 OK"),
    LINE("a_status_of_two_digits", "HTTP/1.1 20 OK"),
    LINE("a_status_of_one_digit", "HTTP/1.1 2 OK"),
    LINE("a_status_of_four_digits", "HTTP/1.1 2000 OK"),
    LINE("a_status_of_letters", "HTTP/1.1 abc OK"),
    LINE("a_status_with_a_letter", "HTTP/1.1 20x OK"),
    LINE("a_negative_status", "HTTP/1.1 -20 OK"),
    LINE("a_positive_status", "HTTP/1.1 +20 OK"),
    LINE("a_status_with_a_fraction", "HTTP/1.1 200.1 OK"),
    LINE("a_status_without_blank", "HTTP/1.1 200OK"),
    LINE("a_request", "GET / HTTP/1.1"),
    LINE("a_version_of_two_digits", "HTTP/1.10 200 OK"),
    LINE("a_version_with_a_letter", "HTTP/1.x 200 OK"),
    LINE("a_reason_with_a_control_byte", "HTTP/1.1 200 O\x01K"),
    LINE("a_reason_with_cr", "HTTP/1.1 200 O\rK"),
    LINE("a_reason_with_delete", "HTTP/1.1 200 O\x7fK"),
    REFUSED("an_empty_line_in_front", "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    REFUSED("a_line_of_lf", "HTTP/1.1 200 OK\n\r\n"),
    REFUSED("no_http_at_once", "SSH-2.0-OpenSSH"),
    REFUSED("html_at_once", "<html>"),
    REFUSED("a_tls_alert_at_once", "\x15\x03"),
    REFUSED("the_end_of_another_body_at_once", "hello"),

    /* Fields: RFC 9112 5; strict, where a proxy may also repair */
    FIELD("a_blank_before_the_colon", "X-A : 1"),
    FIELD("a_tab_before_the_colon", "X-A\t: 1"),
    FIELD("a_blank_behind_content_length", "Content-Length : 2"),
    FIELD("a_fold", "X-A: 1\r\n 2"),
    FIELD("a_fold_with_tab", "X-A: 1\r\n\t2"),
    FIELD("a_fold_in_front", " X-A: 1"),
    FIELD("an_empty_name", ": 1"),
    FIELD("a_field_without_colon", "nocolon"),
    FIELD("a_cr_in_a_value", "X-A: 1\rSet-Cookie: x"),
    FIELD("an_lf_in_a_value", "X-A: 1\nSet-Cookie: x"),
    FIELD("a_control_byte_in_a_value", "X-A: \x01"),
    REFUSED("nul_in_a_value", OK "X-A: a\0b\r\n\r\n"),
    REFUSED("nul_in_a_name", OK "X\0A: a\r\n\r\n"),
    REFUSED("a_head_that_ends_in_lf", OK "X-A: 1\r\n\n"),
    TAKEN("a_host_in_a_response_says_nothing", 200, NO_BODY, LENGTH, 0,
          OK "Host: a b\r\nHost: @\r\nExpect: x\r\nContent-Length: 0\r\n\r\n"),

    /* Where the body ends: RFC 9112 6.3 */
    TAKEN("a_length", 200, LENGTH, LENGTH, 5, OK "Content-Length: 5\r\n\r\n"),
    TAKEN("a_length_of_zero", 200, NO_BODY, LENGTH, 0, OK "Content-Length: 0\r\n\r\n"),
    TAKEN("chunked", 200, CHUNKED, 0, 0, OK "Transfer-Encoding: Chunked\r\n\r\n"),
    TAKEN("no_length", 200, UNTIL_CLOSE, CLOSE, 0, OK "\r\n"),
    TAKEN("no_length_in_1_0", 200, UNTIL_CLOSE, CLOSE, 0, "HTTP/1.0 200 OK\r\n\r\n"),
    TAKEN("keep_alive_cannot_keep_what_has_no_length", 200, UNTIL_CLOSE, CLOSE, 0,
          OK "Connection: keep-alive\r\n\r\n"),
    TAKEN("an_error_without_length", 500, UNTIL_CLOSE, CLOSE, 0, "HTTP/1.1 500 x\r\n\r\n"),
    TAKEN("no_content", 204, NO_BODY, 0, 0, "HTTP/1.1 204 x\r\n\r\n"),
    TAKEN("no_content_with_a_length", 204, NO_BODY, 0, 0,
          "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n"),
    TAKEN("no_content_with_chunks", 204, NO_BODY, 0, 0,
          "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
    TAKEN("not_modified", 304, NO_BODY, 0, 0, "HTTP/1.1 304 x\r\n\r\n"),
    TAKEN("not_modified_announces_a_length", 304, NO_BODY, LENGTH, 5,
          "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"),
    TAKEN("the_answer_to_head", 200, NO_BODY, TO_HEAD, 0, OK "\r\n"),
    TAKEN("the_answer_to_head_announces_a_length", 200, NO_BODY, TO_HEAD | LENGTH, 5,
          OK "Content-Length: 5\r\n\r\n"),
    TAKEN("the_answer_to_head_announces_chunks", 200, NO_BODY, TO_HEAD, 0,
          OK "Transfer-Encoding: chunked\r\n\r\n"),
    TAKEN("continue", 100, NO_BODY, 0, 0, "HTTP/1.1 100 Continue\r\n\r\n"),
    TAKEN("early_hints", 103, NO_BODY, 0, 0, "HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n"),
    TAKEN("an_interim_response_with_a_length", 103, NO_BODY, 0, 0,
          "HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n"),
    TAKEN("reset_content_with_a_length", 205, LENGTH, LENGTH, 5,
          "HTTP/1.1 205 x\r\nContent-Length: 5\r\n\r\n"),
    REFUSED("two_different_lengths", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    REFUSED("two_equal_lengths", OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    REFUSED("two_lengths_of_no_content",
            "HTTP/1.1 204 x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    FIELD("a_list_of_lengths", "Content-Length: 5, 5"),
    FIELD("a_length_with_junk", "Content-Length: 5x"),
    FIELD("a_negative_length", "Content-Length: -5"),
    FIELD("a_positive_length", "Content-Length: +5"),
    FIELD("an_empty_length", "Content-Length:"),
    FIELD("a_length_of_2_63", "Content-Length: 9223372036854775808"),
    FIELD("a_length_of_2_64_and_5", "Content-Length: 18446744073709551621"),
    FIELD("a_hexadecimal_length", "Content-Length: 0x5"),
    FIELD("an_unknown_coding", "Transfer-Encoding: foo"),
    FIELD("identity", "Transfer-Encoding: identity"),
    FIELD("gzip_then_chunked", "Transfer-Encoding: gzip, chunked"),
    FIELD("an_empty_coding", "Transfer-Encoding:"),
    FIELD("chunked_in_two_fields", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    FIELD("length_and_chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
    FIELD("chunked_and_length", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
    REFUSED("chunked_in_1_0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED_TO(TO_HEAD, "length_and_chunked_to_head",
               OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),

    /* Upgrades: RFC 9110 7.8, 15.2.2 */
    TAKEN("switching_protocols", 101, SWITCHED, TO_UPGRADE | CLOSE, 0,
          "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    TAKEN("switching_protocols_with_a_length", 101, SWITCHED, TO_UPGRADE | CLOSE, 0,
          "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n"),
    TAKEN("an_upgrade_that_is_declined", 426, LENGTH, TO_UPGRADE | LENGTH, 2,
          "HTTP/1.1 426 x\r\nContent-Length: 2\r\n\r\n"),
    REFUSED("switching_unasked", "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    REFUSED_TO(TO_HEAD, "switching_unasked_to_head", "HTTP/1.1 101 x\r\n\r\n"),

    /* Connection: RFC 9112 9.3 */
    TAKEN("connection_close", 200, LENGTH, CLOSE | LENGTH, 2,
          OK "Connection: Close\r\nContent-Length: 2\r\n\r\n"),
    TAKEN("http_1_0_closes", 200, LENGTH, CLOSE | LENGTH, 2,
          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n"),
    TAKEN("http_1_0_may_keep", 200, LENGTH, LENGTH, 2,
          "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n"),
};

static ssize_t parse(tn_http1_head *head, const struct response_case *given, size_t size)
{
    tn_http1_limits limits;
    tn_http1_response_limits(&limits);
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, given->raw, size);
    memset(head, 0xa5, sizeof *head);
    ssize_t got = tn_http1_parse_response(head, &limits, copy, size, given->flags & TO_HEAD,
                                          given->flags & TO_UPGRADE);
    free(copy);
    return got;
}

/* Every shorter run of bytes says "more" or already what the whole says. */
static void check_cuts(const struct response_case *given, ssize_t verdict, const char *why)
{
    static tn_http1_head part;
    int decided = 0;
    for (size_t cut = 0; cut < given->size; ++cut) {
        ssize_t got = parse(&part, given, cut);
        if (got == 0) {
            assert_false(decided);
            continue;
        }
        decided = 1;
        assert_int_equal(got, verdict);
        if (got < 0)
            assert_string_equal(part.why, why);
    }
}

static void check(void **state)
{
    const struct response_case *expected = *state;
    static tn_http1_head head;
    ssize_t got = parse(&head, expected, expected->size);
    if (expected->status == 0) {
        assert_int_equal(got, TN_ERR_PROTOCOL);
        assert_int_equal(head.refusal, 502);
    } else {
        if (got < 0)
            fail_msg("refused: %s", head.why);
        assert_int_equal(got, expected->size);
        assert_int_equal(head.status, expected->status);
        assert_int_equal(head.framing, expected->framing);
        assert_int_equal(head.keep_alive, !(expected->flags & CLOSE));
        assert_int_equal(head.has_content_length, !!(expected->flags & LENGTH));
        assert_int_equal(head.content_length, expected->length);
        assert_int_equal(head.is_upgrade, expected->status == 101);
    }
    check_cuts(expected, got, head.why);
}

static void a_length_that_means_nothing_is_not_passed_on(void **state) /* RFC 9110 8.6 */
{
    (void)state;
    static tn_http1_head head;
    struct response_case given =
        TAKEN("", 204, NO_BODY, 0, 0, "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n");
    assert_true(parse(&head, &given, given.size) > 0);
    assert_true(tn_http1_find(&head, TN_HTTP1_CONTENT_LENGTH)->hop);

    struct response_case kept =
        TAKEN("", 304, NO_BODY, 0, 0, "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n");
    assert_true(parse(&head, &kept, kept.size) > 0);
    assert_false(tn_http1_find(&head, TN_HTTP1_CONTENT_LENGTH)->hop);
}

static void the_reason_is_what_was_sent(void **state)
{
    (void)state;
    static tn_http1_head head;
    tn_http1_limits limits;
    tn_http1_response_limits(&limits);
    static const char raw[] = "HTTP/1.1 404 Not Found\r\n\r\n";
    assert_true(tn_http1_parse_response(&head, &limits, (const uint8_t *)raw, sizeof raw - 1, false,
                                        false) > 0);
    assert_int_equal(head.reason.len, 9);
    assert_memory_equal(head.reason.data, "Not Found", 9);
    static const char bare[] = "HTTP/1.1 404\r\n\r\n";
    assert_true(tn_http1_parse_response(&head, &limits, (const uint8_t *)bare, sizeof bare - 1,
                                        false, false) > 0);
    assert_int_equal(head.reason.len, 0);
}

static void limits_of_responses(const char *fill, unsigned count, int fits)
{
    static char raw[80000];
    static tn_http1_head head;
    strcpy(raw, OK);
    char *at = raw + strlen(raw);
    for (unsigned i = 0; i < count; ++i)
        at = stpcpy(at, fill);
    strcpy(at, "\r\n");
    struct response_case given = {.raw = raw, .size = strlen(raw)};
    assert_int_equal(parse(&head, &given, given.size),
                     fits ? (ssize_t)given.size : TN_ERR_PROTOCOL);
}

static void two_hundred_fields_fit_and_not_one_more(void **state)
{
    (void)state;
    limits_of_responses("X: 1\r\n", 200, 1);
    limits_of_responses("X: 1\r\n", 201, 0);
}

static void sixty_four_kib_fit_and_not_much_more(void **state)
{
    (void)state;
    char line[1025];
    memset(line, 'a', sizeof line);
    memcpy(line, "X: ", 3);
    memcpy(line + 1022, "\r\n", 3);
    limits_of_responses(line, 63, 1);
    limits_of_responses(line, 64, 0);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(a_length_that_means_nothing_is_not_passed_on),
        cmocka_unit_test(the_reason_is_what_was_sent),
        cmocka_unit_test(two_hundred_fields_fit_and_not_one_more),
        cmocka_unit_test(sixty_four_kib_fit_and_not_much_more),
    };
    enum { COUNT = sizeof cases / sizeof *cases, MORE = sizeof more / sizeof *more };
    static struct CMUnitTest tests[COUNT + MORE];
    for (size_t i = 0; i < COUNT; ++i)
        tests[i] = (struct CMUnitTest){.name = cases[i].claim,
                                       .test_func = check,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    memcpy(tests + COUNT, more, sizeof more);
    return _cmocka_run_group_tests("http1_response", tests, COUNT + MORE, NULL, NULL);
}
