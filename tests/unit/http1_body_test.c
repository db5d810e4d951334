/* SPDX-License-Identifier: ISC */
/* Bodies: lengths, chunks (RFC 9112 7.1), trailers (7.1.2, RFC 9110 6.5.1). Every case is read
 * whole, cut in two at every byte, and byte by byte: always the same payload, trailers, verdict and
 * rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/http1_body.h>

struct body_case {
    const char *claim;
    const char *raw;
    size_t size;
    int verdict; /* the last answer */
    const char *payload;
    const char *trailers;
    size_t rest; /* bytes left behind the end */
};

#define ENDS(claim, payload, raw)                                                                  \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, TN_HTTP1_END, payload, "", 0                                  \
    }
#define TRAILED(claim, trailers, lines)                                                            \
    {                                                                                              \
        claim, "0\r\n" lines "\r\n", sizeof("0\r\n" lines "\r\n") - 1, TN_HTTP1_END, "", trailers, \
            0                                                                                      \
    }
#define BROKEN(claim, raw)                                                                         \
    {                                                                                              \
        claim, raw, sizeof(raw) - 1, TN_ERR_PROTOCOL, NULL, NULL, 0                                \
    }
#define SIZE(claim, line) BROKEN(claim, line "\r\nhello\r\n0\r\n\r\n")
#define GOOD_SIZE(claim, line) ENDS(claim, "hello", line "\r\nhello\r\n0\r\n\r\n")
#define TRAILER(claim, line) BROKEN(claim, "5\r\nhello\r\n0\r\n" line "\r\n\r\n")

static const struct body_case cases[] = {
    ENDS("chunks", "hello world", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    ENDS("an_empty_body", "", "0\r\n\r\n"),
    ENDS("many_zeros", "", "0000\r\n\r\n"),
    ENDS("a_size_in_upper_case", "0123456789", "A\r\n0123456789\r\n0\r\n\r\n"),
    ENDS("a_size_in_lower_case", "0123456789", "a\r\n0123456789\r\n0\r\n\r\n"),
    ENDS("payload_that_looks_like_framing", "\r\n0\r\n\r\n", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    {"what_stands_behind_is_left", "5\r\nhello\r\n0\r\n\r\nGET /", 20, TN_HTTP1_END, "hello", "",
     5},
    {"an_unfinished_chunk_goes_on", "5\r\nhel", 6, TN_HTTP1_MORE, "hel", "", 0},
    {"an_unfinished_size_goes_on", "5", 1, TN_HTTP1_MORE, "", "", 0},
    {"an_unfinished_trailer_goes_on", "0\r\nA: 1", 7, TN_HTTP1_MORE, "", "", 0},
    {"the_last_lf_is_waited_for", "0\r\n\r", 4, TN_HTTP1_MORE, "", "", 0},

    /* chunk-size: RFC 9112 7.1 */
    GOOD_SIZE("a_size_with_zeros", "0005"),
    GOOD_SIZE("a_size_of_sixteen_digits", "0000000000000005"),
    SIZE("a_size_of_seventeen_digits", "00000000000000005"),
    SIZE("a_positive_size", "+5"),
    SIZE("a_negative_size", "-5"),
    SIZE("a_blank_in_front", " 5"),
    SIZE("a_tab_in_front", "\t5"),
    SIZE("a_blank_behind", "5 "),
    SIZE("a_tab_behind", "5\t"),
    SIZE("a_blank_inside", "5 5"),
    SIZE("a_hexadecimal_prefix", "0x5"),
    SIZE("an_upper_case_prefix", "0X5"),
    SIZE("no_hexadecimal_digit", "G"),
    SIZE("a_suffix", "5h"),
    SIZE("an_underscore", "5_0"),
    SIZE("a_dot", "5.0"),
    SIZE("a_comma", "5,5"),
    SIZE("quotes", "\"5\""),
    SIZE("a_colon", "5:"),
    SIZE("a_high_byte", "5\xa0"),
    SIZE("a_full_width_digit", "\xef\xbc\x95"),
    SIZE("an_empty_size", ""),
    SIZE("an_extension_without_size", ";a=b"),
    SIZE("a_vertical_tab", "5\v"),
    SIZE("a_control_byte", "5\x01"),
    BROKEN("nul", "5\0\r\nhello\r\n0\r\n\r\n"),
    BROKEN("minus_one_in_64_bits", "FFFFFFFFFFFFFFFF\r\nhello"),
    BROKEN("two_to_the_63", "8000000000000000\r\nhello"),
    BROKEN("two_to_the_64_and_5", "10000000000000005\r\nhello"),
    BROKEN("seventeen_fs", "FFFFFFFFFFFFFFFFF\r\nhello"),
    {"the_largest_size", "7FFFFFFFFFFFFFFF\r\nhello", 23, TN_HTTP1_MORE, "hello", "", 0},
    BROKEN("a_size_that_ends_in_lf", "5\nhello\r\n0\r\n\r\n"),
    BROKEN("a_size_that_ends_in_cr", "5\rhello\r\n0\r\n\r\n"),
    BROKEN("a_size_that_ends_in_cr_cr_lf", "5\r\r\nhello\r\n0\r\n\r\n"),
    BROKEN("an_extension_that_ends_in_lf", "5;a\nhello\r\n0\r\n\r\n"),
    BROKEN("data_that_are_longer", "5\r\nhelloX\r\n0\r\n\r\n"),
    BROKEN("data_that_are_shorter", "5\r\nhell\r\n0\r\n\r\n"),
    BROKEN("data_without_crlf", "5\r\nhello0\r\n\r\n"),
    BROKEN("data_with_lf", "5\r\nhello\n0\r\n\r\n"),
    BROKEN("data_with_cr", "5\r\nhello\r0\r\n\r\n"),
    BROKEN("data_with_cr_cr_lf", "5\r\nhello\r\r\n0\r\n\r\n"),
    BROKEN("an_empty_line_between_chunks", "5\r\nhello\r\n\r\n0\r\n\r\n"),
    BROKEN("a_last_chunk_that_ends_in_lf", "0\n\r\n"),
    BROKEN("an_end_of_lf", "0\r\n\n"),
    BROKEN("an_end_of_cr", "0\r\n\rX"),
    BROKEN("an_end_of_cr_cr_lf", "0\r\n\r\r\n"),

    /* Extensions: RFC 9112 7.1.1, dropped */
    GOOD_SIZE("an_extension", "5;a"),
    GOOD_SIZE("an_extension_with_a_value", "5;a=b"),
    GOOD_SIZE("an_extension_with_a_quoted_value", "5;a=\"b;c=\\\"d\\\\\""),
    GOOD_SIZE("an_empty_quoted_value", "5;a=\"\""),
    GOOD_SIZE("two_extensions", "5;a=b;c"),
    GOOD_SIZE("an_extension_with_blanks", "5 ; a = b ; c"),
    GOOD_SIZE("an_extension_behind_a_quoted_value", "5;a=\"b\" ; c"),
    GOOD_SIZE("a_tab_before_an_extension", "5\t;a"),
    GOOD_SIZE("quoted_obs_text", "5;a=\"\xe9\t\""),
    ENDS("an_extension_of_the_last_chunk", "", "0;a=b\r\n\r\n"),
    SIZE("an_extension_without_name", "5;"),
    SIZE("an_extension_without_name_and_more", "5;;a"),
    SIZE("an_extension_of_a_blank", "5; "),
    SIZE("an_extension_with_no_name_but_a_value", "5;=b"),
    SIZE("an_extension_without_value", "5;a="),
    SIZE("an_extension_with_two_equals_signs", "5;a==b"),
    SIZE("an_extension_with_a_colon", "5;a:b"),
    SIZE("an_extension_of_two_words", "5;a b"),
    SIZE("a_value_of_two_words", "5;a=b c"),
    SIZE("a_blank_behind_an_extension", "5;a=b "),
    SIZE("a_blank_behind_a_quoted_value", "5;a=\"b\" "),
    SIZE("a_blank_behind_a_name", "5;a "),
    SIZE("an_unfinished_quote", "5;a=\"b"),
    SIZE("an_escaped_end", "5;a=\"b\\"),
    SIZE("something_behind_a_quote", "5;a=\"b\"c"),
    SIZE("a_cr_in_a_quote", "5;a=\"b\rc\""),
    SIZE("an_lf_in_a_quote", "5;a=\"b\nc\""),
    SIZE("a_control_byte_in_a_quote", "5;a=\"\x01\""),
    SIZE("a_delete_byte_in_an_extension", "5;a\x7f"),
    SIZE("a_high_byte_in_a_name", "5;\xe9"),

    /* Trailers: RFC 9112 7.1.2 */
    TRAILED("a_trailer", "X-A: 1\r\n", "X-A: 1\r\n"),
    TRAILED("two_trailers", "X-A: 1\r\nX-B:2\r\n", "X-A: 1\r\nX-B:2\r\n"),
    TRAILED("an_empty_trailer", "X-A:\r\n", "X-A:\r\n"),
    TRAILED("a_trailer_of_obs_text", "X-A: \xe9\t\r\n", "X-A: \xe9\t\r\n"),
    TRAILED("a_checksum_and_timing", "Digest: x\r\nServer-Timing: y\r\n",
            "Digest: x\r\nServer-Timing: y\r\n"),
    TRAILED("a_trailer_like_a_request", "X:POST / HTTP/1.1\r\n", "X:POST / HTTP/1.1\r\n"),
    TRAILED("grpc_status", "grpc-status: 0\r\n", "grpc-status: 0\r\n"),
    TRAILED("framing_is_dropped", "",
            "Content-Length: 50\r\nTransfer-Encoding: x\r\nTrailer: y\r\n"),
    TRAILED("routing_is_dropped", "", "Host: bob.tun.test\r\n"),
    TRAILED("who_is_asking_is_dropped", "",
            "X-Forwarded-For: 1\r\nx-forwarded-proto: 1\r\nForwarded: 1\r\nX-Real-IP: 1\r\n"
            "X-Forwarded-Host: 1\r\nX-Forwarded-Port: 1\r\nX-Request-Id: 1\r\n"),
    TRAILED("authentication_is_dropped", "",
            "Authorization: 1\r\nProxy-Authorization: 1\r\nWWW-Authenticate: 1\r\n"
            "Set-Cookie: 1\r\nCookie: 1\r\nProxy-Authenticate: 1\r\nAuthentication-Info: 1\r\n"),
    TRAILED("the_connection_is_dropped", "",
            "Connection: close\r\nKeep-Alive: 1\r\nUpgrade: x\r\nTE: x\r\nProxy-Connection: x\r\n"),
    TRAILED("control_data_are_dropped", "",
            "Cache-Control: 1\r\nExpect: 1\r\nMax-Forwards: 1\r\nPragma: 1\r\nRange: 1\r\n"
            "Age: 1\r\nExpires: 1\r\nDate: 1\r\nLocation: 1\r\nRetry-After: 1\r\nVary: 1\r\n"
            "Warning: 1\r\nIf-Match: 1\r\nIf-None-Match: 1\r\nIf-Range: 1\r\n"),
    TRAILED("content_fields_are_dropped", "",
            "Content-Encoding: 1\r\ncontent-type: 1\r\nContent-Range: 1\r\n"),
    TRAILED("underscores_are_dropped", "", "X_Forwarded_For: 1\r\nContent_Length: 5\r\n"),
    TRAILED("what_is_left_is_kept_in_order", "A: 1\r\nB: 2\r\n",
            "Host: x\r\nA: 1\r\nContent-Length: 5\r\nB: 2\r\nCookie: x\r\n"),
    TRAILER("a_trailer_without_colon", "nocolon"),
    TRAILER("a_trailer_without_name", ": 1"),
    TRAILER("a_blank_before_the_colon", "X-A : 1"),
    TRAILER("a_fold", "X-A: 1\r\n 2"),
    TRAILER("a_fold_in_front", " X-A: 1"),
    TRAILER("a_cr_in_a_trailer", "X-A: 1\rX"),
    TRAILER("an_lf_in_a_trailer", "X-A: 1\nX"),
    TRAILER("a_control_byte_in_a_trailer", "X-A: \x01"),
    TRAILER("a_delete_byte_in_a_trailer", "X-A: \x7f"),
    TRAILER("a_high_byte_in_a_trailer_name", "X\xe9: 1"),
    TRAILER("a_request_for_a_trailer", "GET /smuggled HTTP/1.1"),
    TRAILER("garbage_and_a_request", "XYGET /smuggled HTTP/1.1"),
    TRAILER("a_forbidden_trailer_is_still_checked", "Host : x"),
    BROKEN("nul_in_a_trailer", "0\r\nX-A: \0\r\n\r\n"),
};

/* What came out of a body so far. */
struct outcome {
    char payload[64];
    size_t payload_size;
    char trailers[512];
    int verdict;
    size_t rest;
};

static void feed(tn_http1_body *body, const char *raw, size_t size, struct outcome *out)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, raw, size);
    tn_slice in = {copy, size}, data = {NULL, 0};
    do {
        out->verdict = tn_http1_body_next(body, &in, &data);
        if (out->verdict == TN_HTTP1_DATA) {
            assert_true(data.len > 0 && out->payload_size + data.len <= sizeof out->payload);
            memcpy(out->payload + out->payload_size, data.data, data.len);
            out->payload_size += data.len;
        } else if (out->verdict == TN_HTTP1_TRAILERS) {
            assert_string_equal(out->trailers, "");
            assert_true(data.len < sizeof out->trailers);
            memcpy(out->trailers, data.data, data.len);
        }
    } while (out->verdict == TN_HTTP1_DATA || out->verdict == TN_HTTP1_TRAILERS);
    out->rest += in.len;
    free(copy);
}

static void check_outcome(const struct body_case *expected, const struct outcome *out)
{
    assert_int_equal(out->verdict, expected->verdict);
    if (expected->verdict < 0)
        return;
    assert_int_equal(out->payload_size, strlen(expected->payload));
    assert_memory_equal(out->payload, expected->payload, out->payload_size);
    assert_string_equal(out->trailers, expected->trailers);
    assert_int_equal(out->rest, expected->rest);
}

static void check_pieces(const struct body_case *given, size_t first, size_t step)
{
    struct outcome out = {.verdict = TN_HTTP1_MORE};
    tn_http1_body body;
    tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    feed(&body, given->raw, first, &out);
    for (size_t at = first; at < given->size; at += step) {
        size_t size = given->size - at < step ? given->size - at : step;
        feed(&body, given->raw + at, size, &out);
    }
    check_outcome(given, &out);
    assert_int_equal(tn_http1_body_done(&body), out.verdict == TN_HTTP1_END);
    tn_http1_body_free(&body);
    tn_http1_body_free(&body);
}

static void check(void **state)
{
    const struct body_case *given = *state;
    check_pieces(given, given->size, 1);
    for (size_t cut = 0; cut < given->size; ++cut)
        check_pieces(given, cut, given->size);
    check_pieces(given, 0, 1);
}

static int next(tn_http1_body *body, const char *text, size_t *used)
{
    tn_slice in = {(const uint8_t *)text, strlen(text)}, data;
    int answer = tn_http1_body_next(body, &in, &data);
    *used = strlen(text) - in.len;
    return answer;
}

static void a_length_ends_where_it_says(void **state)
{
    (void)state;
    tn_http1_body body;
    size_t used;
    tn_http1_body_init(&body, TN_HTTP1_LENGTH, 5);
    assert_int_equal(tn_http1_body_left(&body), 5);
    assert_int_equal(next(&body, "he", &used), TN_HTTP1_DATA);
    assert_int_equal(used, 2);
    assert_int_equal(tn_http1_body_left(&body), 3);
    assert_int_equal(next(&body, "", &used), TN_HTTP1_MORE);
    assert_int_equal(next(&body, "lloGET", &used), TN_HTTP1_DATA);
    assert_int_equal(used, 3);
    assert_true(tn_http1_body_done(&body));
    assert_int_equal(next(&body, "GET", &used), TN_HTTP1_END);
    assert_int_equal(used, 0);
}

static void no_body_ends_at_once(void **state)
{
    (void)state;
    tn_http1_body body;
    size_t used;
    tn_http1_body_init(&body, TN_HTTP1_NO_BODY, 7);
    assert_int_equal(next(&body, "x", &used), TN_HTTP1_END);
    assert_int_equal(used, 0);
    tn_http1_body_init(&body, TN_HTTP1_LENGTH, 0);
    assert_int_equal(next(&body, "", &used), TN_HTTP1_END);
    assert_int_equal(tn_http1_body_left(&body), 0);
}

static void until_close_never_ends(void **state)
{
    (void)state;
    static const tn_http1_framing framings[] = {TN_HTTP1_UNTIL_CLOSE, TN_HTTP1_SWITCHED};
    for (int i = 0; i < 2; ++i) {
        tn_http1_body body;
        size_t used;
        tn_http1_body_init(&body, framings[i], 0);
        assert_int_equal(next(&body, "0\r\n\r\n", &used), TN_HTTP1_DATA);
        assert_int_equal(used, 5);
        assert_int_equal(next(&body, "", &used), TN_HTTP1_MORE);
        assert_int_equal(tn_http1_body_left(&body), 0);
        assert_false(tn_http1_body_done(&body));
    }
}

static void what_is_left_of_a_chunk_is_known(void **state)
{
    (void)state;
    tn_http1_body body;
    size_t used;
    tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    assert_int_equal(tn_http1_body_left(&body), 0);
    assert_int_equal(next(&body, "10\r\nab", &used), TN_HTTP1_DATA);
    assert_int_equal(tn_http1_body_left(&body), 14);
}

static void an_end_and_an_error_stay(void **state)
{
    (void)state;
    tn_http1_body body;
    size_t used;
    tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    assert_int_equal(next(&body, "0\r\n\r\n", &used), TN_HTTP1_END);
    assert_int_equal(next(&body, "5\r\n", &used), TN_HTTP1_END);
    tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    assert_int_equal(next(&body, "x", &used), TN_ERR_PROTOCOL);
    assert_int_equal(next(&body, "5\r\n", &used), TN_ERR_PROTOCOL);
    assert_int_equal(used, 0);
}

/* `start`, then `fill` over and over: the answer, and after how many bytes it came. */
static int flood(const char *start, const char *fill, size_t *bytes)
{
    tn_http1_body body;
    size_t used;
    int answer;
    tn_http1_body_init(&body, TN_HTTP1_CHUNKED, 0);
    *bytes = 0;
    for (const char *text = start;; text = fill) {
        size_t at = 0;
        do {
            answer = next(&body, text + at, &used);
            at += used;
            *bytes += used;
        } while (answer == TN_HTTP1_DATA);
        if (answer != TN_HTTP1_MORE || *bytes > 1000000)
            break;
    }
    tn_http1_body_free(&body);
    return answer;
}

static void a_chunk_line_is_limited(void **state)
{
    (void)state;
    size_t bytes;
    assert_int_equal(flood("5;a=", "b", &bytes), TN_ERR_LIMIT);
    assert_int_equal(bytes, TN_HTTP1_CHUNK_LINE_MAX + 1);
}

static void all_extensions_together_are_limited(void **state)
{
    (void)state;
    size_t bytes;
    assert_int_equal(flood("", "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n", &bytes),
                     TN_ERR_LIMIT);
    assert_true(bytes < TN_HTTP1_EXTENSIONS_MAX * 3 / 2);
}

static void a_trailer_section_is_limited(void **state)
{
    (void)state;
    size_t bytes;
    assert_int_equal(flood("0\r\nX: ", "b", &bytes), TN_ERR_LIMIT);
    assert_int_equal(bytes, 3 + TN_HTTP1_TRAILERS_MAX + 1);
    assert_int_equal(flood("0\r\n",
                           "Host: 5678901234567890123456789012345678901234567890123456789012"
                           "34567890123456789012345678901234567890123456789012\r\n",
                           &bytes),
                     TN_ERR_LIMIT);
    assert_int_equal(bytes, 3 + TN_HTTP1_TRAILERS_MAX + 1);
}

static void trailer_fields_are_limited(void **state)
{
    (void)state;
    size_t bytes;
    assert_int_equal(flood("0\r\n", "X: 1\r\n", &bytes), TN_ERR_LIMIT);
    assert_int_equal(bytes, 3 + 101 * 6);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(a_length_ends_where_it_says),
        cmocka_unit_test(no_body_ends_at_once),
        cmocka_unit_test(until_close_never_ends),
        cmocka_unit_test(what_is_left_of_a_chunk_is_known),
        cmocka_unit_test(an_end_and_an_error_stay),
        cmocka_unit_test(a_chunk_line_is_limited),
        cmocka_unit_test(all_extensions_together_are_limited),
        cmocka_unit_test(a_trailer_section_is_limited),
        cmocka_unit_test(trailer_fields_are_limited),
    };
    enum { COUNT = sizeof cases / sizeof *cases, MORE = sizeof more / sizeof *more };
    static struct CMUnitTest tests[COUNT + MORE];
    for (size_t i = 0; i < COUNT; ++i)
        tests[i] = (struct CMUnitTest){.name = cases[i].claim,
                                       .test_func = check,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    memcpy(tests + COUNT, more, sizeof more);
    return _cmocka_run_group_tests("http1_body", tests, COUNT + MORE, NULL, NULL);
}
