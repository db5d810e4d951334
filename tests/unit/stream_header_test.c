/* SPDX-License-Identifier: ISC */
/* What stands in front of a visit: tunnel-protocol(7), "Visits"; RFC 8259, RFC 3629. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/stream_header.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static uint8_t wire[4 + TN_STREAM_HEADER_MAX + 16];
static char text[TN_STREAM_HEADER_MAX];

static size_t frame(const char *json, size_t size)
{
    wire[0] = wire[1] = 0;
    wire[2] = (uint8_t)(size >> 8);
    wire[3] = (uint8_t)size;
    memcpy(wire + 4, json, size);
    return 4 + size;
}

/* From a block of exactly its size, so that a sanitizer sees any read behind it. */
static ssize_t decode(tn_stream_header *header, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, wire, size);
    memset(header, 0xa5, sizeof *header);
    ssize_t got = tn_stream_header_decode(header, copy, size, text, sizeof text);
    free(copy);
    return got;
}

struct json_case {
    const char *claim;
    const char *json;
    size_t size;
    const char *host; /* NULL: refused */
};

#define GOOD(claim, json, host)                                                                    \
    {                                                                                              \
        claim, json, sizeof(json) - 1, host                                                        \
    }
#define BAD(claim, json)                                                                           \
    {                                                                                              \
        claim, json, sizeof(json) - 1, NULL                                                        \
    }
#define START "{\"type\":\"tcp\",\"subdomain\":\"app\",\"local_port\":80"
#define MORE(members) START "," members "}"
#define UNKNOWN(claim, value) GOOD(claim, MORE("\"x\":" value ",\"host\":\"h\""), "h")
#define BAD_VALUE(claim, value) BAD(claim, MORE("\"x\":" value))
#define HOST(claim, quoted, value) GOOD(claim, MORE("\"host\":\"" quoted "\""), value)
#define BAD_HOST(claim, quoted) BAD(claim, MORE("\"host\":\"" quoted "\""))
#define PORT(claim, value)                                                                         \
    BAD(claim, "{\"type\":\"tcp\",\"subdomain\":\"a\",\"local_port\":" value "}")
#define DEEP_15 "[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]"

static const struct json_case cases[] = {
    GOOD("the_least_header", START "}", ""),
    GOOD("blanks_everywhere",
         " \t\r\n{ \"type\" : \"tcp\" , \"subdomain\" : \"app\" ,\n\"local_port\" : 80 , "
         "\"host\":\"h\" } \n",
         "h"),
    GOOD("any_order", "{\"host\":\"h\",\"local_port\":80,\"subdomain\":\"app\",\"type\":\"tcp\"}",
         "h"),
    GOOD("an_escaped_key", MORE("\"h\\u006fst\":\"h\""), "h"),
    GOOD("a_null_member_that_is_unknown", MORE("\"x\":null,\"host\":\"h\""), "h"),
    UNKNOWN("an_unknown_object", "{\"a\":{\"b\":[1,2,{}]},\"c\":\"d\"}"),
    UNKNOWN("an_unknown_array", "[ 1 , \"a\" , null , true , false , [] , {} ]"),
    UNKNOWN("an_unknown_number", "-12.5e+30"),
    UNKNOWN("an_unknown_zero", "-0"),
    UNKNOWN("an_unknown_fraction", "0.10"),
    UNKNOWN("an_unknown_huge_number", "123456789012345678901234567890E400"),
    UNKNOWN("an_unknown_string", "\"}\\\"\\\\{\""),
    UNKNOWN("sixteen_levels", DEEP_15),
    BAD_VALUE("seventeen_levels", "[" DEEP_15 "]"),
    BAD_VALUE("open_brackets", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    GOOD("unknown_members_may_repeat", MORE("\"x\":1,\"x\":2,\"host\":\"h\""), "h"),

    HOST("an_empty_string", "", ""),
    HOST("simple_escapes", "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"),
    HOST("an_escaped_letter", "\\u0041", "A"),
    HOST("an_escape_of_two_bytes", "\\u00e9", "\xc3\xa9"),
    HOST("an_escape_of_three_bytes", "\\u20AC", "\xe2\x82\xac"),
    HOST("an_escape_of_four_bytes", "\\ud83d\\uDE00", "\xf0\x9f\x98\x80"),
    HOST("raw_utf_8", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
    HOST("the_last_character", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),
    HOST("a_delete_byte", "\x7f", "\x7f"),
    BAD_HOST("an_unknown_escape", "\\x41"),
    BAD_HOST("an_escape_without_digits", "\\u00"),
    BAD_HOST("an_escape_with_a_bad_digit", "\\u004g"),
    BAD_HOST("an_escaped_nul", "\\u0000"),
    BAD_HOST("half_a_pair", "\\ud83d"),
    BAD_HOST("half_a_pair_and_a_letter", "\\ud83dx"),
    BAD_HOST("half_a_pair_and_an_escape", "\\ud83d\\u0041"),
    BAD_HOST("two_first_halves", "\\ud83d\\ud83d"),
    BAD_HOST("the_second_half_alone", "\\ude00"),
    BAD_HOST("a_raw_newline", "a\nb"),
    BAD_HOST("a_raw_tab", "a\tb"),
    BAD_HOST("a_raw_escape_byte", "\x1b[31m"),
    BAD("a_raw_nul", MORE("\"host\":\"a\0b\"")),
    BAD_HOST("a_bad_continuation", "\xc3\x28"),
    BAD_HOST("an_overlong_slash", "\xc0\xaf"),
    BAD_HOST("an_overlong_of_three", "\xe0\x80\xaf"),
    BAD_HOST("an_overlong_of_four", "\xf0\x80\x80\xaf"),
    BAD_HOST("a_raw_surrogate", "\xed\xa0\x80"),
    BAD_HOST("above_the_last_character", "\xf4\x90\x80\x80"),
    BAD_HOST("a_byte_of_255", "\xff"),
    BAD_HOST("a_continuation_alone", "\x80"),
    BAD_HOST("a_truncated_character", "\xe2\x82"),

    BAD("nothing", " "),
    BAD("an_empty_object", "{}"),
    BAD("an_array", "[]"),
    BAD("a_string", "\"x\""),
    BAD("a_number", "1"),
    BAD("a_byte_order_mark", "\xef\xbb\xbf" START "}"),
    BAD("no_brace_at_the_end", START),
    BAD("two_objects", START "}" START "}"),
    BAD("something_behind", START "}x"),
    BAD("nul_behind", START "}\0"),
    BAD("a_comma_at_the_end", START ",}"),
    BAD("two_commas", START ",,\"x\":1}"),
    BAD("a_comma_in_front", "{,\"type\":\"tcp\",\"subdomain\":\"app\",\"local_port\":80}"),
    BAD("no_comma", START "\"x\":1}"),
    BAD("no_colon", MORE("\"x\" 1")),
    BAD("no_value", MORE("\"x\":")),
    BAD("a_bare_key", MORE("x:1")),
    BAD("single_quotes", MORE("'x':1")),
    BAD("a_comment", MORE("/**/\"x\":1")),
    BAD_VALUE("an_unknown_word", "nil"),
    BAD_VALUE("a_longer_word", "nullx"),
    BAD_VALUE("a_shorter_word", "tru"),
    BAD_VALUE("nan", "NaN"),
    BAD_VALUE("infinity", "Infinity"),
    BAD_VALUE("a_leading_zero", "01"),
    BAD_VALUE("a_plus", "+1"),
    BAD_VALUE("a_minus_alone", "-"),
    BAD_VALUE("a_dot_in_front", ".5"),
    BAD_VALUE("a_dot_at_the_end", "1."),
    BAD_VALUE("an_exponent_without_digits", "1e"),
    BAD_VALUE("a_hexadecimal_number", "0x10"),
    BAD_VALUE("an_open_array", "[1"),
    BAD_VALUE("a_comma_at_the_end_of_an_array", "[1,]"),
    BAD_VALUE("an_array_closed_by_a_brace", "[1}"),
    BAD_VALUE("an_object_without_values", "{\"a\"}"),
    BAD_VALUE("an_object_with_a_number_as_key", "{1:2}"),
    BAD_VALUE("an_open_string", "\"a"),

    BAD("two_types", MORE("\"type\":\"tcp\"")),
    BAD("two_subdomains", MORE("\"subdomain\":\"app\"")),
    BAD("two_ports", MORE("\"local_port\":80")),
    BAD("two_hosts", MORE("\"host\":\"a\",\"host\":\"b\"")),
    BAD("two_hosts_one_escaped", MORE("\"host\":\"a\",\"\\u0068ost\":\"b\"")),
    BAD("no_type", "{\"subdomain\":\"a\",\"local_port\":80}"),
    BAD("no_subdomain", "{\"type\":\"tcp\",\"local_port\":80}"),
    BAD("no_port", "{\"type\":\"tcp\",\"subdomain\":\"a\"}"),
    BAD("a_type_of_null", "{\"type\":null,\"subdomain\":\"a\",\"local_port\":80}"),
    BAD("a_type_of_one", "{\"type\":1,\"subdomain\":\"a\",\"local_port\":80}"),
    BAD("a_subdomain_of_true", "{\"type\":\"tcp\",\"subdomain\":true,\"local_port\":80}"),
    BAD("a_host_of_null", MORE("\"host\":null")),
    BAD("a_path_of_an_array", MORE("\"path\":[]")),
    BAD("a_request_id_of_an_object", MORE("\"request_id\":{}")),
    BAD("a_method_of_a_number", MORE("\"method\":5")),
    PORT("a_port_in_quotes", "\"80\""),
    PORT("a_negative_port", "-1"),
    PORT("a_port_of_65536", "65536"),
    PORT("a_port_of_100000", "100000"),
    PORT("a_port_that_overflows", "4294967376"),
    PORT("a_port_with_a_fraction", "80.0"),
    PORT("a_port_with_an_exponent", "8e1"),
    PORT("a_port_with_a_zero", "080"),
    PORT("a_port_of_null", "null"),
    PORT("an_empty_port", ""),
    PORT("a_port_with_a_suffix", "80x"),
};

static void check(void **state)
{
    const struct json_case *given = *state;
    tn_stream_header header;
    size_t size = frame(given->json, given->size);
    for (size_t cut = 0; cut < size; ++cut)
        assert_int_equal(decode(&header, cut), 0);
    ssize_t got = decode(&header, size);
    if (!given->host) {
        assert_int_equal(got, TN_ERR_PROTOCOL);
        return;
    }
    assert_int_equal(got, size);
    assert_int_equal(header.type, TN_VISIT_TCP);
    assert_int_equal(header.local_port, 80);
    assert_int_equal(header.subdomain.len, 3);
    assert_memory_equal(header.subdomain.data, "app", 3);
    assert_int_equal(header.host.len, strlen(given->host));
    if (*given->host)
        assert_memory_equal(header.host.data, given->host, header.host.len);
}

static void lengths_are_judged_from_four_bytes(void **state)
{
    (void)state;
    tn_stream_header header;
    static const uint8_t bad[][4] = {{0, 0, 0, 0}, {0, 0, 0x10, 1}, {0xff, 0xff, 0xff, 0xff}};
    for (size_t i = 0; i < 3; ++i) {
        memcpy(wire, bad[i], 4);
        assert_int_equal(decode(&header, 3), 0);
        assert_int_equal(decode(&header, 4), TN_ERR_LIMIT);
    }
    memcpy(wire, "\0\0\x10\0", 4);
    assert_int_equal(decode(&header, 4), 0);
}

static void what_stands_behind_a_header_is_left_alone(void **state)
{
    (void)state;
    tn_stream_header header;
    static const char json[] = START "}";
    size_t size = frame(json, sizeof json - 1);
    memcpy(wire + size, "GET /", 5);
    assert_int_equal(decode(&header, size + 5), size);
}

static void assert_same(tn_slice got, tn_slice wanted)
{
    assert_int_equal(got.len, wanted.len);
    if (wanted.len)
        assert_memory_equal(got.data, wanted.data, wanted.len);
}

static void round_trip(const tn_stream_header *header)
{
    tn_stream_header back;
    ssize_t size = tn_stream_header_encode(header, wire, sizeof wire);
    assert_true(size > 0);
    assert_int_equal(decode(&back, (size_t)size), size);
    assert_int_equal(back.type, header->type);
    assert_int_equal(back.local_port, header->local_port);
    assert_same(back.subdomain, header->subdomain);
    assert_same(back.local_host, header->local_host);
    assert_same(back.request_id, header->request_id);
    assert_same(back.remote_addr, header->remote_addr);
    assert_same(back.host, header->host);
    assert_same(back.method, header->method);
    assert_same(back.path, header->path);
}

static void everything_comes_back(void **state)
{
    (void)state;
    tn_stream_header header = {TN_VISIT_HTTP,
                               65535,
                               TEXT("app"),
                               TEXT("127.0.0.1"),
                               TEXT("0123456789abcdef"),
                               TEXT("[2001:db8::1]:51234"),
                               TEXT("app.tun.test:8080"),
                               TEXT("GET"),
                               TEXT("/a?b=\"c\"&d=\\e\x7f\x01\t\xc3\xa9\xf0\x9f\x98\x80")};
    round_trip(&header);
    for (int type = TN_VISIT_HTTP; type < TN_VISIT_OTHER; ++type) {
        header.type = (tn_visit_type)type;
        round_trip(&header);
    }
    tn_stream_header least = {.type = TN_VISIT_UDP};
    round_trip(&least);
}

static void what_is_written(void **state)
{
    (void)state;
    static const char json[] = "{\"type\":\"websocket\",\"subdomain\":\"app\",\"local_port\":3000,"
                               "\"request_id\":\"r1\",\"path\":\"/\\\"\\u001f\\u007f\"}";
    tn_stream_header header = {.type = TN_VISIT_WEBSOCKET,
                               .local_port = 3000,
                               .subdomain = TEXT("app"),
                               .request_id = TEXT("r1"),
                               .path = TEXT("/\"\x1f\x7f")};
    ssize_t size = tn_stream_header_encode(&header, wire, sizeof wire);
    assert_int_equal(size, 4 + sizeof json - 1);
    assert_memory_equal(wire + 4, json, sizeof json - 1);
    assert_memory_equal(wire, "\0\0\0", 3);
    assert_int_equal(wire[3], sizeof json - 1);
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
    (void)state;
    tn_stream_header header = {.subdomain = TEXT("a\xff"
                                                 "b\xc3(\xed\xa0\x80\xe2\x82\0")},
                     back;
    ssize_t size = tn_stream_header_encode(&header, wire, sizeof wire);
    assert_int_equal(decode(&back, (size_t)size), size);
#define R "\xef\xbf\xbd"
    static const char wanted[] = "a" R "b" R "(" R R R R R R;
    assert_int_equal(back.subdomain.len, sizeof wanted - 1);
    assert_memory_equal(back.subdomain.data, wanted, sizeof wanted - 1);
}

static void a_long_path_is_shortened(void **state)
{
    (void)state;
    static uint8_t path[9000];
    static const char *const units[] = {"a", "\"", "\x01", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xff"};
    for (size_t i = 0; i < sizeof units / sizeof *units; ++i) {
        size_t unit = strlen(units[i]);
        for (size_t at = 0; at + unit <= sizeof path; at += unit)
            memcpy(path + at, units[i], unit);
        for (size_t cap = 200; cap < 220; ++cap) {
            tn_stream_header header = {.subdomain = TEXT("app"), .path = {path, sizeof path}}, back;
            ssize_t size = tn_stream_header_encode(&header, wire, cap);
            assert_true(size > (ssize_t)cap - 8 && size <= (ssize_t)cap);
            assert_int_equal(decode(&back, (size_t)size), size);
            assert_true(back.path.len > 0 && back.path.len % unit == 0);
        }
        tn_stream_header header = {.subdomain = TEXT("app"), .path = {path, sizeof path}}, back;
        ssize_t size = tn_stream_header_encode(&header, wire, sizeof wire);
        assert_true(size > 4 + 4096 - 8 && size <= 4 + 4096);
        assert_int_equal(decode(&back, (size_t)size), size);
    }
}

/* Whatever the room: a header that reads back, or TN_ERR_LIMIT, and never a byte behind. */
static void every_room_is_respected(void **state)
{
    (void)state;
    tn_stream_header header = {
        .local_port = 1, .subdomain = TEXT("app"), .host = TEXT("h\"h"), .path = TEXT("/a")};
    int fitted = 0;
    for (size_t cap = 0; cap < 120; ++cap) {
        tn_stream_header back;
        memset(wire, 0xee, sizeof wire);
        ssize_t size = tn_stream_header_encode(&header, wire, cap);
        assert_int_equal(wire[cap], 0xee);
        if (size < 0) {
            assert_int_equal(size, TN_ERR_LIMIT);
            assert_false(fitted);
            continue;
        }
        fitted = 1;
        assert_int_equal(decode(&back, (size_t)size), size);
        assert_int_equal(back.host.len, 3);
        assert_true(back.path.len <= 2);
    }
    assert_true(fitted);
}

static void what_is_no_path_cannot_be_shortened(void **state)
{
    (void)state;
    static uint8_t host[4096];
    memset(host, 'a', sizeof host);
    tn_stream_header header = {
        .subdomain = TEXT("app"), .host = {host, sizeof host}, .path = TEXT("/")};
    assert_int_equal(tn_stream_header_encode(&header, wire, sizeof wire), TN_ERR_LIMIT);
    header.host.len = 4000;
    assert_true(tn_stream_header_encode(&header, wire, sizeof wire) > 4000);
}

static void an_unknown_type_is_read_and_not_written(void **state)
{
    (void)state;
    tn_stream_header header;
    static const char json[] = "{\"type\":\"quic\",\"subdomain\":\"a\",\"local_port\":1}";
    assert_true(decode(&header, frame(json, sizeof json - 1)) > 0);
    assert_int_equal(header.type, TN_VISIT_OTHER);
    assert_int_equal(tn_stream_header_encode(&header, wire, sizeof wire), TN_ERR_INVAL);
}

/* ------------------------------------------------------------------ the short form */

static const uint8_t short_wire[] = "\x01\x00\x01\x05" /* form, http, length, HEAD and safe */
                                    "\x00\x26\x0b\xb8" /* 38 bytes, port 3000 */
                                    "\x00\x00\x01\x00" /* a head of 256 bytes */
                                    "\x00\x00\x00\x01\x00\x00\x00\x02"
                                    "\x03\x02\x09\x00" /* three texts */
                                    "appr11.2.3.4:5";
enum { SHORT_SIZE = sizeof short_wire - 1 };

static ssize_t decode_short(tn_stream_header *header, tn_request_brief *request, size_t size)
{
    memset(header, 0xa5, sizeof *header);
    memset(request, 0xa5, sizeof *request);
    return tn_short_header_decode(header, request, wire, size);
}

static void a_short_header_is_written_as_the_protocol_says(void **state)
{
    (void)state;
    tn_stream_header header = {.type = TN_VISIT_HTTP,
                               .local_port = 3000,
                               .subdomain = TEXT("app"),
                               .request_id = TEXT("r1"),
                               .remote_addr = TEXT("1.2.3.4:5"),
                               .method = TEXT("HEAD"),
                               .path = TEXT("/")};
    tn_request_brief request = {.head_size = 256,
                                .framing = TN_HTTP1_LENGTH,
                                .content_length = (1ull << 32) + 2,
                                .is_head = true,
                                .is_safe = true};
    assert_int_equal(tn_short_header_encode(&header, &request, wire, sizeof wire), SHORT_SIZE);
    assert_memory_equal(wire, short_wire, SHORT_SIZE);
    for (size_t cap = 0; cap < SHORT_SIZE; ++cap)
        assert_int_equal(tn_short_header_encode(&header, &request, wire, cap), TN_ERR_LIMIT);
}

static void a_short_header_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    tn_stream_header header;
    tn_request_brief request;
    memcpy(wire, short_wire, SHORT_SIZE);
    for (size_t size = 0; size < SHORT_SIZE; ++size)
        assert_int_equal(decode_short(&header, &request, size), 0);
    assert_int_equal(decode_short(&header, &request, SHORT_SIZE + 3), SHORT_SIZE);
    assert_int_equal(header.type, TN_VISIT_HTTP);
    assert_int_equal(header.local_port, 3000);
    tn_slice app = TEXT("app"), id = TEXT("r1"), from = TEXT("1.2.3.4:5");
    assert_same(header.subdomain, app);
    assert_same(header.request_id, id);
    assert_same(header.remote_addr, from);
    assert_int_equal(header.path.len + header.method.len + header.host.len, 0);
    assert_int_equal(request.head_size, 256);
    assert_int_equal(request.framing, TN_HTTP1_LENGTH);
    assert_true(request.content_length == (1ull << 32) + 2);
    assert_true(request.is_head && request.is_safe && !request.is_upgrade && !request.wants_json);
}

static void a_short_header_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } faults[] = {
        {0, 0},
        {0, 2},                    /* another form */
        {1, TN_VISIT_OTHER},       /* no such type */
        {2, TN_HTTP1_UNTIL_CLOSE}, /* no request ends so */
        {3, 0x10},
        {23, 1}, /* bits that mean nothing */
        {5, 37},
        {5, 39},
        {4, 1}, /* another size than that of its parts */
        {20, 4},
        {21, 0},
        {22, 255},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; ++i) {
        tn_stream_header header;
        tn_request_brief request;
        memcpy(wire, short_wire, SHORT_SIZE);
        wire[faults[i].at] = faults[i].byte;
        assert_int_equal(decode_short(&header, &request, SHORT_SIZE), TN_ERR_PROTOCOL);
    }
}

static void what_a_short_header_cannot_say_is_not_written(void **state)
{
    (void)state;
    static uint8_t long_text[241];
    tn_request_brief request = {.framing = TN_HTTP1_NO_BODY};
    tn_stream_header header = {.type = TN_VISIT_TCP, .subdomain = {long_text, sizeof long_text}};
    assert_int_equal(tn_short_header_encode(&header, &request, wire, sizeof wire), TN_ERR_LIMIT);
    header.subdomain.len = 240;
    assert_true(tn_short_header_encode(&header, &request, wire, sizeof wire) > 0);
    request.framing = TN_HTTP1_UNTIL_CLOSE;
    assert_int_equal(tn_short_header_encode(&header, &request, wire, sizeof wire), TN_ERR_INVAL);
    header.type = TN_VISIT_OTHER;
    assert_int_equal(tn_short_header_encode(&header, &request, wire, sizeof wire), TN_ERR_INVAL);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(lengths_are_judged_from_four_bytes),
        cmocka_unit_test(what_stands_behind_a_header_is_left_alone),
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_is_written),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
        cmocka_unit_test(a_long_path_is_shortened),
        cmocka_unit_test(every_room_is_respected),
        cmocka_unit_test(what_is_no_path_cannot_be_shortened),
        cmocka_unit_test(an_unknown_type_is_read_and_not_written),
        cmocka_unit_test(a_short_header_is_written_as_the_protocol_says),
        cmocka_unit_test(a_short_header_is_read_whole_or_not_at_all),
        cmocka_unit_test(a_short_header_that_contradicts_itself_is_refused),
        cmocka_unit_test(what_a_short_header_cannot_say_is_not_written),
    };
    enum { COUNT = sizeof cases / sizeof *cases, MORE_COUNT = sizeof more / sizeof *more };
    static struct CMUnitTest tests[COUNT + MORE_COUNT];
    for (size_t i = 0; i < COUNT; ++i)
        tests[i] = (struct CMUnitTest){.name = cases[i].claim,
                                       .test_func = check,
                                       .initial_state = (void *)(uintptr_t)&cases[i]};
    memcpy(tests + COUNT, more, sizeof more);
    return _cmocka_run_group_tests("stream_header", tests, COUNT + MORE_COUNT, NULL, NULL);
}
