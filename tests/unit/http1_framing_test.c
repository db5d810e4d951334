/* SPDX-License-Identifier: ISC */
/* Field lines of requests (RFC 9112 5), and what they say about body, connection and upgrade (6, 9;
 * RFC 9110 7.6.1, 7.8, 8.6, 10.1.1). */
#include "request_cases.h"

#include <stdio.h>

#define GET "GET / HTTP/1.1\r\nHost: app.tun.test\r\n"
#define POST "POST / HTTP/1.1\r\nHost: app.tun.test\r\n"
#define POST_1_0 "POST / HTTP/1.0\r\nHost: app.tun.test\r\n"
#define FIELD(claim, line) REFUSED(400, claim, GET line "\r\n\r\n")
#define GOOD_FIELD(claim, line) TAKEN(claim, GET line "\r\n\r\n", 0, 0, NULL, NULL)
#define LENGTH(claim, value) REFUSED(400, claim, POST "Content-Length:" value "\r\n\r\n12345")
#define GOOD_LENGTH(claim, value, n)                                                               \
    TAKEN(claim, POST "Content-Length:" value "\r\n\r\n", 0, n, NULL, NULL)
#define CODING(claim, status, value)                                                               \
    REFUSED(status, claim, POST "Transfer-Encoding:" value "\r\n\r\n")
#define WS GET "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static const struct request_case cases[] = {
    /* Field lines: RFC 9112 5 */
    GOOD_FIELD("a_field_without_value", "X-A:"),
    GOOD_FIELD("a_field_of_blanks", "X-A: \t "),
    GOOD_FIELD("a_field_with_a_tab_inside", "X-A: a\tb"),
    GOOD_FIELD("a_field_of_obs_text", "X-A: caf\xe9"),
    GOOD_FIELD("a_field_of_utf_8", "X-A: caf\xc3\xa9"),
    GOOD_FIELD("a_field_with_colons", "X-A: a:b: c"),
    GOOD_FIELD("a_name_of_every_mark", "!#$%&'*+-.^_`|~09azAZ: x"),
    GOOD_FIELD("a_name_of_one_byte", "a: x"),
    GOOD_FIELD("an_underscore_in_a_name", "X_Forwarded_For: x"),
    GOOD_FIELD("the_same_field_twice", "X-A: 1\r\nX-A: 2"),
    FIELD("an_empty_name", ": x"),
    FIELD("a_colon_alone", ":"),
    FIELD("a_field_without_colon", "nocolon"),
    FIELD("a_blank_before_the_colon", "X-A : x"),
    FIELD("a_tab_before_the_colon", "X-A\t: x"),
    FIELD("a_blank_in_the_name", "X A: x"),
    FIELD("a_fold", "X-A: 1\r\n 2"),
    FIELD("a_fold_with_tab", "X-A: 1\r\n\t2"),
    FIELD("a_fold_of_a_blank", "X-A: 1\r\n "),
    FIELD("a_fold_of_transfer_encoding", "Transfer-Encoding:\r\n chunked"),
    FIELD("a_bare_cr_in_a_value", "X-A: 1\rSmuggled: 2"),
    FIELD("a_bare_lf_in_a_value", "X-A: 1\nSmuggled: 2"),
    FIELD("a_cr_at_the_end", "X-A: 1\r"),
    FIELD("a_cr_before_the_colon", "X-A\r: 1"),
    FIELD("a_control_byte_in_a_value", "X-A: a\x01"
                                       "b"),
    FIELD("a_vertical_tab_in_a_value", "X-A: a\v"),
    FIELD("a_form_feed_in_a_value", "X-A: a\f"),
    FIELD("a_backspace_in_a_value", "X-A: a\b"),
    FIELD("an_escape_in_a_value", "X-A: \x1b[2J"),
    FIELD("a_delete_byte_in_a_value", "X-A: a\x7f"),
    FIELD("a_delete_byte_in_a_name", "X\x7f: a"),
    FIELD("a_high_byte_in_a_name", "X-\xc4: a"),
    FIELD("a_utf_8_name", "X-\xc3\xa9: a"),
    FIELD("a_slash_in_a_name", "X/A: a"),
    FIELD("brackets_in_a_name", "X[A]: a"),
    FIELD("parentheses_in_a_name", "X(A): a"),
    FIELD("quotes_in_a_name", "\"X\": a"),
    FIELD("a_comma_in_a_name", "X,A: a"),
    FIELD("a_semicolon_in_a_name", "X;A: a"),
    FIELD("an_equals_sign_in_a_name", "X=A: a"),
    FIELD("an_at_in_a_name", "X@A: a"),
    FIELD("a_backslash_in_a_name", "X\\A: a"),
    FIELD("a_question_mark_in_a_name", "X?: a"),
    FIELD("braces_in_a_name", "{X}: a"),
    REFUSED(400, "nul_in_a_value", GET "X-A: a\0b\r\n\r\n"),
    REFUSED(400, "nul_in_a_name", GET "X\0A: a\r\n\r\n"),
    REFUSED(400, "a_field_line_that_ends_in_lf", GET "X-A: 1\n\r\n"),
    REFUSED(400, "a_head_that_ends_in_lf", GET "X-A: 1\r\n\n"),
    REFUSED(400, "a_head_that_ends_in_lf_lf", GET "X:\n\nGET /smuggled HTTP/1.1\r\n\r\n"),
    REFUSED(400, "a_head_that_ends_in_cr_cr_lf", GET "\r\r\n"),
    REFUSED(400, "a_blank_line_in_front_of_the_fields",
            "GET / HTTP/1.1\r\n Host: bob.tun.test\r\nHost: app.tun.test\r\n\r\n"),
    REFUSED(400, "a_line_of_blanks", GET " \r\n\r\n"),

    /* Content-Length: RFC 9110 8.6, RFC 9112 6.3 */
    GOOD_LENGTH("a_length", " 5", 5),
    GOOD_LENGTH("a_length_without_blank", "5", 5),
    GOOD_LENGTH("a_length_with_blanks_around", "\t 5 \t", 5),
    GOOD_LENGTH("a_length_of_zero", " 0", 0),
    GOOD_LENGTH("a_length_with_zeros_is_decimal", " 0010", 10),
    GOOD_LENGTH("the_largest_length", " 9223372036854775807", INT64_MAX),
    LENGTH("an_empty_length", ""),
    LENGTH("a_length_of_blanks", "  "),
    LENGTH("a_positive_length", " +5"),
    LENGTH("a_negative_length", " -5"),
    LENGTH("minus_zero", " -0"),
    LENGTH("a_hexadecimal_length", " 0x5"),
    LENGTH("a_length_in_hex_digits", " 5a"),
    LENGTH("a_length_with_a_fraction", " 5.0"),
    LENGTH("a_length_with_an_exponent", " 5e0"),
    LENGTH("a_length_with_underscores", " 5_0"),
    LENGTH("a_length_with_a_unit", " 5b"),
    LENGTH("a_length_in_quotes", " \"5\""),
    LENGTH("a_length_with_a_semicolon", " 5;x"),
    LENGTH("a_length_with_a_blank_inside", " 5 5"),
    LENGTH("a_list_of_equal_lengths", " 5, 5"),
    LENGTH("a_list_of_different_lengths", " 5, 6"),
    LENGTH("a_list_without_blanks", " 5,5"),
    LENGTH("a_length_and_a_comma", " 5,"),
    LENGTH("a_comma_and_a_length", " ,5"),
    LENGTH("a_length_of_2_63", " 9223372036854775808"),
    LENGTH("a_length_of_2_64", " 18446744073709551616"),
    LENGTH("a_length_of_2_64_and_5", " 18446744073709551621"),
    LENGTH("a_length_of_thirty_digits", " 999999999999999999999999999999"),
    LENGTH("an_arabic_digit", " \xd9\xa5"),
    LENGTH("a_full_width_digit", " \xef\xbc\x95"),
    LENGTH("a_superscript_digit", " \xb2"),
    LENGTH("a_length_and_nbsp", " 5\xa0"),
    LENGTH("a_length_and_a_vertical_tab", " \v5"),
    REFUSED(400, "a_length_and_nul", POST "Content-Length: 5\0\r\n\r\n"),
    REFUSED(400, "two_equal_lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    REFUSED(400, "two_different_lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    REFUSED(400, "two_lengths_of_zero", POST "Content-Length: 0\r\ncontent-length: 0\r\n\r\n"),
    REFUSED(400, "a_blank_behind_content_length", POST "Content-Length : 5\r\n\r\n"),
    TAKEN("a_get_with_a_body", GET "Content-Length: 5\r\n\r\n", 0, 5, NULL, NULL),
    TAKEN("a_length_in_1_0", POST_1_0 "Content-Length: 5\r\n\r\n", CLOSE, 5, NULL, NULL),
    TAKEN("a_name_near_content_length", POST "Content_Length: 5\r\n\r\n", 0, 0, NULL, NULL),

    /* Transfer-Encoding: RFC 9112 6.1, 7 */
    TAKEN("chunked", POST "Transfer-Encoding: chunked\r\n\r\n", CHUNKED, 0, NULL, NULL),
    TAKEN("chunked_in_any_case", POST "tRANSFER-eNCODING:\tcHUNKED \r\n\r\n", CHUNKED, 0, NULL,
          NULL),
    CODING("identity", 400, " identity"),
    CODING("gzip", 400, " gzip"),
    CODING("an_unknown_coding", 400, " foo"),
    CODING("gzip_then_chunked", 501, " gzip, chunked"),
    CODING("identity_then_chunked", 501, " identity, chunked"),
    CODING("chunked_twice", 501, " chunked, chunked"),
    CODING("chunked_then_gzip", 400, " chunked, gzip"),
    CODING("chunked_then_identity", 400, " chunked, identity"),
    CODING("an_empty_coding", 400, ""),
    CODING("a_coding_of_blanks", 400, " "),
    CODING("chunk", 400, " chunk"),
    CODING("chunke", 400, " chunke"),
    CODING("chunkedd", 400, " chunkedd"),
    CODING("xchunked", 400, " xchunked"),
    CODING("x_chunked", 400, " x-chunked"),
    CODING("chunked_with_a_parameter", 400, " chunked;q=1"),
    CODING("chunked_with_a_semicolon", 400, " chunked;"),
    CODING("chunked_and_a_comma", 400, " chunked,"),
    CODING("a_comma_and_chunked", 400, " ,chunked"),
    CODING("chunked_and_a_word", 400, " chunked x"),
    CODING("chunked_in_quotes", 400, " \"chunked\""),
    CODING("chunked_in_single_quotes", 400, " 'chunked'"),
    CODING("chunked_in_brackets", 400, " [chunked]"),
    CODING("chunked_with_a_colon", 400, " :chunked"),
    CODING("chunked_with_an_equals_sign", 400, "=chunked"),
    CODING("chunked_in_nbsp", 400,
           " \xa0"
           "chunked\xa0"),
    CODING("chunked_with_a_high_byte", 400,
           " \xff"
           "chunked"),
    CODING("chunked_with_a_dotless_k", 400,
           " chun\xe2\x84\xaa"
           "ed"),
    CODING("chunked_and_a_vertical_tab", 400, " \vchunked"),
    CODING("chunked_and_a_form_feed", 400, " chunked\f"),
    CODING("chunked_and_a_cr", 400, " chunked\r"),
    CODING("chunked_and_an_lf", 400, " \nchunked"),
    CODING("chunked_and_a_control_byte", 400, " chunked\x01"),
    REFUSED(400, "chunked_and_nul", POST "Transfer-Encoding: chunked\0\r\n\r\n"),
    REFUSED(400, "chunked_in_two_fields",
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(400, "chunked_then_identity_in_two_fields",
            POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
    REFUSED(400, "identity_then_chunked_in_two_fields",
            POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(400, "a_blank_behind_transfer_encoding", POST "Transfer-Encoding : chunked\r\n\r\n"),
    REFUSED(400, "length_and_chunked",
            POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED(400, "chunked_and_length",
            POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    REFUSED(400, "chunked_and_a_length_of_zero",
            POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
    REFUSED(400, "chunked_in_1_0", POST_1_0 "Transfer-Encoding: chunked\r\n\r\n"),
    TAKEN("a_name_near_transfer_encoding", POST "Transfer_Encoding: chunked\r\n\r\n", 0, 0, NULL,
          NULL),

    /* Connection: RFC 9112 9.3, RFC 9110 7.6.1 */
    TAKEN("connection_close", GET "Connection: close\r\n\r\n", CLOSE, 0, NULL, NULL),
    TAKEN("connection_close_in_any_case", GET "connection: CLOSE\r\n\r\n", CLOSE, 0, NULL, NULL),
    TAKEN("connection_keep_alive", GET "Connection: keep-alive\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("close_beats_keep_alive", GET "Connection: keep-alive, close\r\n\r\n", CLOSE, 0, NULL,
          NULL),
    TAKEN("close_in_a_second_field", GET "Connection: x\r\nConnection: close\r\n\r\n", CLOSE, 0,
          NULL, NULL),
    TAKEN("close_among_empty_elements", GET "Connection: ,, close ,,\r\n\r\n", CLOSE, 0, NULL,
          NULL),
    TAKEN("an_empty_connection", GET "Connection:\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("closed_is_not_close", GET "Connection: closed\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("keep_alive_in_1_0", POST_1_0 "Connection: Keep-Alive\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("close_beats_keep_alive_in_1_0", POST_1_0 "Connection: Keep-Alive, close\r\n\r\n", CLOSE,
          0, NULL, NULL),

    /* Upgrade: RFC 9110 7.8, RFC 9113 3.1 */
    TAKEN("a_websocket", WS "\r\n", UPGRADE | WEBSOCKET, 0, NULL, NULL),
    TAKEN("a_websocket_in_any_case", GET "upgrade: WebSocket\r\nconnection: UPGRADE\r\n\r\n",
          UPGRADE | WEBSOCKET, 0, NULL, NULL),
    TAKEN("a_websocket_among_options",
          GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", UPGRADE | WEBSOCKET,
          0, NULL, NULL),
    TAKEN("a_websocket_with_a_length_of_zero", WS "Content-Length: 0\r\n\r\n", UPGRADE | WEBSOCKET,
          0, NULL, NULL),
    TAKEN("another_protocol", GET "Upgrade: foo/1.0\r\nConnection: Upgrade\r\n\r\n", UPGRADE, 0,
          NULL, NULL),
    TAKEN("a_websocket_or_another", GET "Upgrade: websocket, foo\r\nConnection: Upgrade\r\n\r\n",
          UPGRADE, 0, NULL, NULL),
    TAKEN("upgrade_without_connection", GET "Upgrade: websocket\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("connection_without_upgrade", GET "Connection: Upgrade\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("an_empty_upgrade", GET "Upgrade:\r\nConnection: Upgrade\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("an_empty_upgrade_before_a_websocket",
          GET "Upgrade:\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("an_upgrade_that_is_no_token",
          GET "Upgrade: \"websocket\"\r\nConnection: Upgrade\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("an_upgrade_without_version", GET "Upgrade: foo/\r\nConnection: Upgrade\r\n\r\n", 0, 0,
          NULL, NULL),
    TAKEN("upgrade_in_1_0_is_ignored", POST_1_0 "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
          CLOSE, 0, NULL, NULL),
    TAKEN("h2c",
          GET
          "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAA\r\n\r\n",
          0, 0, NULL, NULL),
    TAKEN("h2c_in_upper_case", GET "Connection: Upgrade\r\nUpgrade: H2C\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("h2c_with_a_version", GET "Connection: Upgrade\r\nUpgrade: h2c/1\r\n\r\n", 0, 0, NULL,
          NULL),
    TAKEN("h2c_behind_a_websocket", GET "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", 0,
          0, NULL, NULL),
    TAKEN("h2c_in_a_second_field",
          GET "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n", 0, 0, NULL,
          NULL),
    TAKEN("h2", GET "Connection: Upgrade\r\nUpgrade: h2\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("http_2_by_name", GET "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n\r\n", 0, 0, NULL,
          NULL),
    TAKEN("h2c_with_a_body",
          POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n", 0, 5, NULL,
          NULL),
    REFUSED(400, "an_upgrade_with_a_length", WS "Content-Length: 44\r\n\r\n"),
    REFUSED(400, "an_upgrade_with_chunks", WS "Transfer-Encoding: chunked\r\n\r\n"),

    /* Expect: RFC 9110 10.1.1 */
    TAKEN("expect_continue", POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", CONTINUE, 5,
          NULL, NULL),
    TAKEN("expect_continue_in_any_case", POST "expect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
          CONTINUE, 5, NULL, NULL),
    TAKEN("expect_continue_of_chunks",
          POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", CONTINUE | CHUNKED, 0,
          NULL, NULL),
    TAKEN("expect_continue_without_body", GET "Expect: 100-continue\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("expect_continue_of_nothing", POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", 0,
          0, NULL, NULL),
    TAKEN("expect_in_1_0_is_ignored", POST_1_0 "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
          CLOSE, 5, NULL, NULL),
    TAKEN("an_unknown_expectation_in_1_0_is_ignored", POST_1_0 "Expect: teapot\r\n\r\n", CLOSE, 0,
          NULL, NULL),
    REFUSED(417, "an_unknown_expectation", POST "Expect: teapot\r\nContent-Length: 5\r\n\r\n"),
    REFUSED(417, "an_empty_expectation", POST "Expect:\r\n\r\n"),
    REFUSED(417, "two_expectations_in_one", POST "Expect: 100-continue, teapot\r\n\r\n"),
    REFUSED(417, "two_expectations",
            POST "Expect: 100-continue\r\nExpect: teapot\r\nContent-Length: 5\r\n\r\n"),
    REFUSED(417, "an_expectation_with_a_parameter", POST "Expect: 100-continue;x\r\n\r\n"),
};

/* The names of the fields that are marked, in their order. */
static void check_hops(const char *fields, const char *hops)
{
    static tn_http1_head head;
    char raw[4096], marked[1024] = "";
    snprintf(raw, sizeof raw, GET "%s\r\n", fields);
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    assert_int_equal(tn_http1_parse_request(&head, &limits, (const uint8_t *)raw, strlen(raw)),
                     strlen(raw));
    for (size_t i = 0; i < head.field_count; ++i)
        if (head.fields[i].hop) {
            strncat(marked, (const char *)head.fields[i].name.data, head.fields[i].name.len);
            strcat(marked, " ");
        }
    assert_string_equal(marked, hops);
}

static void fields_of_this_hop_are_marked(void **state) /* RFC 9110 7.6.1 */
{
    (void)state;
    check_hops(
        "A: 1\r\nConnection: close\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n"
        "Upgrade: x\r\nHTTP2-Settings: x\r\nB: 2\r\n",
        "Connection Keep-Alive Proxy-Connection TE Upgrade HTTP2-Settings ");
    check_hops("Transfer-Encoding: chunked\r\nTrailer: X\r\n", "Transfer-Encoding ");
}

static void what_speaks_to_proxies_is_marked(void **state) /* RFC 9110 11.7 */
{
    (void)state;
    check_hops("Proxy-Authorization: x\r\nAuthorization: y\r\nProxy-Authenticate: z\r\n",
               "Proxy-Authorization Proxy-Authenticate ");
}

static void fields_that_connection_names_are_marked(void **state)
{
    (void)state;
    check_hops("Connection: X-Hop, close\r\nX-Hop: 1\r\nX-Hop-2: 2\r\nx-hOp: 3\r\n",
               "Connection X-Hop x-hOp ");
    check_hops("X-A: 1\r\nConnection: x-a\r\nX-B: 1\r\nConnection: x-b,,x-c\r\nX-C: 1\r\n",
               "X-A Connection X-B Connection X-C ");
    check_hops("Connection: Trailer\r\nTrailer: x\r\n", "Connection Trailer ");
}

static void connection_cannot_name_framing_or_routing(void **state)
{
    (void)state;
    check_hops(
        "Connection: Host, Content-Length, Expect\r\nContent-Length: 5\r\nExpect: 100-continue\r\n",
        "Connection ");
}

static void connection_cannot_name_who_is_asking(void **state)
{
    (void)state;
    check_hops(
        "Connection: X-Forwarded-For, x-forwarded-proto, X-Forwarded-Host, X-Forwarded-Port, "
        "Forwarded, X-Real-IP, X-Request-Id\r\nX-Forwarded-For: 1\r\nX-Forwarded-Proto: 1\r\n"
        "X-Forwarded-Host: 1\r\nX-Forwarded-Port: 1\r\nForwarded: for=1\r\nX-Real-IP: 1\r\n"
        "X-Request-Id: 1\r\n",
        "Connection ");
}

static void an_option_that_is_no_token_names_nothing(void **state)
{
    (void)state;
    check_hops("Connection: \"X-A\", X-B;q\r\nX-A: 1\r\nX-B: 1\r\n", "Connection ");
}

static void more_options_than_anyone_needs_are_refused(void **state)
{
    (void)state;
    static tn_http1_head head;
    char raw[1024] = GET "Connection: ";
    for (int i = 0; i < 64; ++i)
        strcat(raw, "x,");
    size_t fine = strlen(raw);
    strcat(raw, "\r\n\r\n");
    assert_int_equal(parse_request(&head, raw, fine + 4), fine + 4);
    strcpy(raw + fine, "x\r\n\r\n");
    assert_int_equal(parse_request(&head, raw, fine + 5), TN_ERR_PROTOCOL);
    assert_int_equal(head.refusal, 400);
}

static void known_names_are_known_in_any_case(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        tn_http1_name known;
    } names[] = {
        {"hOST", TN_HTTP1_HOST},
        {"Connection", TN_HTTP1_CONNECTION},
        {"CONTENT-LENGTH", TN_HTTP1_CONTENT_LENGTH},
        {"upgrade", TN_HTTP1_UPGRADE},
        {"te", TN_HTTP1_TE},
        {"trailer", TN_HTTP1_TRAILER},
        {"keep-Alive", TN_HTTP1_KEEP_ALIVE},
        {"proxy-connection", TN_HTTP1_PROXY_CONNECTION},
        {"http2-settings", TN_HTTP1_HTTP2_SETTINGS},
        {"forwarded", TN_HTTP1_FORWARDED},
        {"x-forwarded-for", TN_HTTP1_X_FORWARDED_FOR},
        {"x-forwarded-proto", TN_HTTP1_X_FORWARDED_PROTO},
        {"x-forwarded-host", TN_HTTP1_X_FORWARDED_HOST},
        {"x-forwarded-port", TN_HTTP1_X_FORWARDED_PORT},
        {"X-REAL-ip", TN_HTTP1_X_REAL_IP},
        {"x-Request-ID", TN_HTTP1_X_REQUEST_ID},
        {"X-Request-Idd", TN_HTTP1_OTHER},
        {"X-Forwarded-Foo", TN_HTTP1_OTHER},
        {"X_Forwarded_For", TN_HTTP1_OTHER},
        {"Hosts", TN_HTTP1_OTHER},
        {"Hos", TN_HTTP1_OTHER},
    };
    static tn_http1_head head;
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        char raw[256];
        int size = snprintf(raw, sizeof raw, "GET / HTTP/1.0\r\n%s: 1\r\n\r\n", names[i].name);
        assert_int_equal(tn_http1_parse_request(&head, &limits, (uint8_t *)raw, (size_t)size),
                         size);
        assert_int_equal(head.fields[0].known, names[i].known);
        if (names[i].known != TN_HTTP1_OTHER)
            assert_ptr_equal(tn_http1_find(&head, names[i].known), &head.fields[0]);
        assert_null(tn_http1_find(&head, TN_HTTP1_TRANSFER_ENCODING));
    }
}

static void names_with_underscores_are_marked(void **state)
{
    (void)state;
    static tn_http1_head head;
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    static const char raw[] = GET "X_A: 1\r\nX-A: _\r\n\r\n";
    assert_true(tn_http1_parse_request(&head, &limits, (const uint8_t *)raw, sizeof raw - 1) > 0);
    assert_false(head.fields[0].underscore);
    assert_true(head.fields[1].underscore);
    assert_false(head.fields[2].underscore);
}

static void values_are_trimmed_and_names_are_as_sent(void **state)
{
    (void)state;
    static tn_http1_head head;
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    static const char raw[] = GET "X-aB: \t a b\t \r\n\r\n";
    assert_true(tn_http1_parse_request(&head, &limits, (const uint8_t *)raw, sizeof raw - 1) > 0);
    assert_int_equal(head.field_count, 2);
    assert_true(same_bytes(head.fields[1].name, "X-aB"));
    assert_true(same_bytes(head.fields[1].value, "a b"));
    assert_true(same_bytes(head.method, "GET"));
    assert_true(same_bytes(head.target, "/"));
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(fields_of_this_hop_are_marked),
        cmocka_unit_test(what_speaks_to_proxies_is_marked),
        cmocka_unit_test(fields_that_connection_names_are_marked),
        cmocka_unit_test(connection_cannot_name_framing_or_routing),
        cmocka_unit_test(connection_cannot_name_who_is_asking),
        cmocka_unit_test(an_option_that_is_no_token_names_nothing),
        cmocka_unit_test(more_options_than_anyone_needs_are_refused),
        cmocka_unit_test(known_names_are_known_in_any_case),
        cmocka_unit_test(names_with_underscores_are_marked),
        cmocka_unit_test(values_are_trimmed_and_names_are_as_sent),
    };
    return run_request_cases("http1_framing", cases, sizeof cases / sizeof *cases, more,
                             sizeof more / sizeof *more);
}
