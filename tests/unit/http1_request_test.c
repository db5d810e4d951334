/* SPDX-License-Identifier: ISC */
/* Request lines, targets and Host: RFC 9112 2, 3; RFC 9110 7.2. */
#include "request_cases.h"

#include <stdio.h>

#define HOST "Host: app.tun.test\r\n"
#define END HOST "\r\n"
#define LINE(claim, status, line) REFUSED(status, claim, line "\r\n" END)
#define TARGET(claim, status, target) LINE(claim, status, "GET " target " HTTP/1.1")
#define VERSION(claim, status, version) LINE(claim, status, "GET / " version)
#define HOST_VALUE(claim, value) REFUSED(400, claim, "GET / HTTP/1.1\r\nHost: " value "\r\n\r\n")
#define GOOD_HOST(claim, value)                                                                    \
    TAKEN(claim, "GET / HTTP/1.1\r\nHost: " value "\r\n\r\n", 0, 0, value, NULL)
#define ABSOLUTE(claim, target, host)                                                              \
    REFUSED(400, claim, "GET " target " HTTP/1.1\r\nHost: " host "\r\n\r\n")
#define SIXTY_THREE "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaa"

static const struct request_case cases[] = {
    /* The request line: RFC 9112 3 */
    TAKEN("a_plain_request", "GET / HTTP/1.1\r\n" END, 0, 0, NULL, NULL),
    TAKEN("an_http_1_0_request_closes", "GET / HTTP/1.0\r\n" END, CLOSE, 0, NULL, NULL),
    TAKEN("head_is_noticed", "HEAD / HTTP/1.1\r\n" END, IS_HEAD, 0, NULL, NULL),
    TAKEN("an_unknown_method_passes", "M-SEARCH / HTTP/1.1\r\n" END, 0, 0, NULL, NULL),
    TAKEN("every_token_mark_is_a_method", "!#$%&'*+-.^_`|~ / HTTP/1.1\r\n" END, 0, 0, NULL, NULL),
    TAKEN("methods_keep_their_case", "connect / HTTP/1.1\r\n" END, 0, 0, NULL, NULL),
    TAKEN("one_empty_line_in_front", "\r\nGET / HTTP/1.1\r\n" END, 0, 0, NULL, NULL),
    TAKEN("two_empty_lines_in_front", "\r\n\r\nGET / HTTP/1.1\r\n" END, 0, 0, NULL, NULL),
    REFUSED(400, "three_empty_lines_in_front", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" END),
    REFUSED(400, "an_empty_line_of_lf", "\nGET / HTTP/1.1\r\n" END),
    REFUSED(400, "a_cr_in_front", "\rGET / HTTP/1.1\r\n" END),
    REFUSED(400, "two_crs_in_front", "\r\rGET / HTTP/1.1\r\n" END),
    LINE("a_blank_in_front", 400, " GET / HTTP/1.1"),
    LINE("a_tab_in_front", 400, "\tGET / HTTP/1.1"),
    LINE("two_blanks_behind_the_method", 400, "GET  / HTTP/1.1"),
    LINE("two_blanks_behind_the_target", 400, "GET /  HTTP/1.1"),
    LINE("a_blank_at_the_end", 400, "GET / HTTP/1.1 "),
    LINE("a_tab_behind_the_method", 400, "GET\t/ HTTP/1.1"),
    LINE("a_tab_behind_the_target", 400, "GET /\tHTTP/1.1"),
    LINE("a_vertical_tab_behind_the_target", 400, "GET /\vHTTP/1.1"),
    LINE("a_form_feed_behind_the_target", 400, "GET /\fHTTP/1.1"),
    LINE("a_cr_behind_the_target", 400, "GET /\rHTTP/1.1"),
    LINE("an_lf_behind_the_target", 400, "GET /\nHTTP/1.1"),
    LINE("junk_behind_the_version", 400, "GET / HTTP/1.1 x"),
    LINE("a_request_line_of_four_words", 400, "GET / / HTTP/1.1"),
    LINE("a_method_alone", 400, "GET"),
    LINE("a_method_and_a_blank", 400, "GET "),
    LINE("a_missing_target", 400, "GET  HTTP/1.1"),
    LINE("a_missing_target_and_blank", 400, "GET HTTP/1.1"),
    LINE("a_missing_method", 400, "/ HTTP/1.1"),
    LINE("http_0_9_without_version", 400, "GET /"),
    LINE("an_empty_version", 400, "GET / "),
    LINE("a_method_with_a_colon", 400, "GE:T / HTTP/1.1"),
    LINE("a_method_in_parentheses", 400, "(GET) / HTTP/1.1"),
    LINE("a_method_in_quotes", 400, "\"GET\" / HTTP/1.1"),
    LINE("a_method_with_a_high_byte", 400, "G\xc9T / HTTP/1.1"),
    REFUSED(400, "a_method_with_nul", "GE\0T / HTTP/1.1\r\n" END),
    REFUSED(400, "a_line_that_ends_in_lf", "GET / HTTP/1.1\n" HOST "\r\n"),
    REFUSED(400, "a_line_that_ends_in_cr", "GET / HTTP/1.1\r" HOST "\r\n"),
    REFUSED(400, "a_line_that_ends_in_cr_cr_lf", "GET / HTTP/1.1\r\r\n" END),
    REFUSED(400, "a_tls_hello_at_once", "\x16\x03\x01"),
    REFUSED(400, "an_ssl2_hello_at_once", "\x80\x2e\x01"),
    REFUSED(400, "nul_at_once", "\0"),
    REFUSED(400, "a_control_byte_in_the_target_at_once", "GET /\x01"),
    REFUSED(400, "a_proxy_v2_signature_at_once", "\r\n\r\n\0\r\nQUIT\n"),
    REFUSED(400, "a_byte_order_mark", "\xef\xbb\xbfGET / HTTP/1.1\r\n" END),
    REFUSED(505, "the_preface_of_http_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    LINE("connect", 405, "CONNECT app.tun.test:443 HTTP/1.1"),
    LINE("connect_in_origin_form", 405, "CONNECT / HTTP/1.1"),
    LINE("trace", 405, "TRACE / HTTP/1.1"),
    REFUSED(405, "connect_with_something_behind",
            "CONNECT app.tun.test:443 HTTP/1.1\r\n" END "GET /smuggled HTTP/1.1\r\n" END),

    /* HTTP-version: RFC 9112 2.3 */
    VERSION("http_1_2", 505, "HTTP/1.2"),
    VERSION("http_1_9", 505, "HTTP/1.9"),
    VERSION("http_2_0", 505, "HTTP/2.0"),
    VERSION("http_3_0", 505, "HTTP/3.0"),
    VERSION("http_9_9", 505, "HTTP/9.9"),
    VERSION("http_0_9", 400, "HTTP/0.9"),
    VERSION("http_2", 400, "HTTP/2"),
    VERSION("http_1", 400, "HTTP/1"),
    VERSION("http_1_dot", 400, "HTTP/1."),
    VERSION("http_1_10", 400, "HTTP/1.10"),
    VERSION("http_10_1", 400, "HTTP/10.1"),
    VERSION("http_01_1", 400, "HTTP/01.1"),
    VERSION("http_1_01", 400, "HTTP/1.01"),
    VERSION("http_1_comma_1", 400, "HTTP/1,1"),
    VERSION("http_1_1_1", 400, "HTTP/1.1.1"),
    VERSION("http_minus_1", 400, "HTTP/-1.1"),
    VERSION("http_plus_1", 400, "HTTP/+1.1"),
    VERSION("http_x_1", 400, "HTTP/x.1"),
    VERSION("http_1_x", 400, "HTTP/1.x"),
    VERSION("http_without_digits", 400, "HTTP/"),
    VERSION("http_alone", 400, "HTTP"),
    VERSION("http_with_a_blank", 400, "HTTP/ 1.1"),
    VERSION("http_1_blank_1", 400, "HTTP/1. 1"),
    VERSION("http_overflow", 400, "HTTP/4294967295.255"),
    VERSION("lower_case_http", 400, "http/1.1"),
    VERSION("mixed_case_http", 400, "Http/1.1"),
    VERSION("https_version", 400, "HTTPS/1.1"),
    VERSION("httq", 400, "HTTQ/1.1"),
    VERSION("icap", 400, "ICAP/1.0"),
    VERSION("rtsp", 400, "RTSP/1.0"),
    VERSION("http_with_backslash", 400, "HTTP\\1.1"),

    /* Targets: RFC 9112 3.2 */
    TAKEN("a_query", "GET /a?b=c&d HTTP/1.1\r\n" END, 0, 0, NULL, "/a?b=c&d"),
    TAKEN("escapes_are_left_alone", "GET /%2e%2e/%00/%c0%af HTTP/1.1\r\n" END, 0, 0, NULL,
          "/%2e%2e/%00/%c0%af"),
    TAKEN("dots_are_left_alone", "GET /a/../b/./c//d HTTP/1.1\r\n" END, 0, 0, NULL,
          "/a/../b/./c//d"),
    TAKEN("two_slashes", "GET //evil.test/ HTTP/1.1\r\n" END, 0, 0, NULL, "//evil.test/"),
    TAKEN("an_absolute_uri_in_a_query", "GET /?u=http://x@y/ HTTP/1.1\r\n" END, 0, 0, NULL,
          "/?u=http://x@y/"),
    TAKEN("marks_that_browsers_send", "GET /{a}|b^`\\\"<> HTTP/1.1\r\n" END, 0, 0, NULL,
          "/{a}|b^`\\\"<>"),
    TAKEN("options_of_the_server", "OPTIONS * HTTP/1.1\r\n" END, 0, 0, NULL, "*"),
    TARGET("a_fragment", 400, "/a#b"),
    TARGET("a_fragment_alone", 400, "#b"),
    TARGET("a_fragment_at_the_end", 400, "/#"),
    TARGET("a_control_byte", 400,
           "/a\x01"
           "b"),
    TARGET("a_delete_byte", 400,
           "/a\x7f"
           "b"),
    TARGET("an_escape_byte", 400, "/a\x1b[31m"),
    TARGET("a_high_byte", 400, "/caf\xe9"),
    TARGET("raw_utf8", 400, "/caf\xc3\xa9"),
    TARGET("a_non_breaking_space", 400, "/a\xa0HTTP"),
    TARGET("a_byte_of_255", 400, "/\xff"),
    TARGET("asterisk_for_get", 400, "*"),
    TARGET("a_query_without_path", 400, "?a"),
    TARGET("a_relative_path", 400, "a/b"),
    TARGET("a_dot", 400, "."),
    TARGET("a_backslash", 400, "\\a"),
    TARGET("authority_form_for_get", 400, "app.tun.test:80"),
    TARGET("a_name_for_get", 400, "app.tun.test"),
    TARGET("another_scheme", 400, "ftp://app.tun.test/"),
    TARGET("https_in_clear_text", 400, "https://app.tun.test/"),
    TARGET("a_websocket_scheme", 400, "ws://app.tun.test/"),
    TARGET("file_scheme", 400, "file:///etc/passwd"),
    TARGET("one_slash_in_the_scheme", 400, "http:/app.tun.test/"),
    TARGET("no_slash_in_the_scheme", 400, "http:app.tun.test/"),
    TARGET("backslashes_in_the_scheme", 400, "http:\\\\app.tun.test/"),
    TARGET("no_scheme", 400, "://app.tun.test/"),
    TARGET("scheme_alone", 400, "http://"),
    REFUSED(400, "asterisk_with_a_path", "OPTIONS */test HTTP/1.1\r\n" END),
    REFUSED(400, "asterisk_with_a_query", "OPTIONS *?a HTTP/1.1\r\n" END),
    REFUSED(400, "two_asterisks", "OPTIONS ** HTTP/1.1\r\n" END),

    /* absolute-form against Host: RFC 9112 3.2.2 */
    TAKEN("absolute_form", "GET http://app.tun.test/a HTTP/1.1\r\n" END, 0, 0, NULL, "/a"),
    TAKEN("absolute_form_in_upper_case", "GET HTTP://APP.tun.test/a HTTP/1.1\r\n" END, 0, 0,
          "APP.tun.test", "/a"),
    TAKEN("absolute_form_with_the_default_port", "GET http://app.tun.test:80/a HTTP/1.1\r\n" END, 0,
          0, "app.tun.test:80", "/a"),
    TAKEN("absolute_form_with_an_empty_port", "GET http://app.tun.test:/a HTTP/1.1\r\n" END, 0, 0,
          "app.tun.test:", "/a"),
    TAKEN("the_default_port_in_host", "GET http://a.test/ HTTP/1.1\r\nHost: a.test:80\r\n\r\n", 0,
          0, "a.test", "/"),
    TAKEN("the_same_port_in_both", "GET http://a.test:8080/ HTTP/1.1\r\nHost: a.test:8080\r\n\r\n",
          0, 0, "a.test:8080", "/"),
    TAKEN("absolute_form_without_path", "GET http://app.tun.test HTTP/1.1\r\n" END, SLASH, 0, NULL,
          ""),
    TAKEN("absolute_form_with_a_query_only", "GET http://app.tun.test?x=1 HTTP/1.1\r\n" END, SLASH,
          0, NULL, "?x=1"),
    TAKEN("absolute_options_of_the_server", "OPTIONS http://app.tun.test HTTP/1.1\r\n" END, 0, 0,
          NULL, "*"),
    TAKEN("absolute_options_of_a_path", "OPTIONS http://app.tun.test/ HTTP/1.1\r\n" END, 0, 0, NULL,
          "/"),
    TAKEN("absolute_form_in_1_0_without_host", "GET http://app.tun.test/ HTTP/1.0\r\n\r\n", CLOSE,
          0, NULL, "/"),
    ABSOLUTE("another_host_in_the_target", "http://bob.tun.test/", "app.tun.test"),
    ABSOLUTE("another_port_in_the_target", "http://app.tun.test:81/", "app.tun.test"),
    ABSOLUTE("another_port_in_host", "http://app.tun.test/", "app.tun.test:443"),
    ABSOLUTE("a_host_that_goes_on", "http://app.tun.test/", "app.tun.test.evil"),
    ABSOLUTE("a_target_and_an_empty_host", "http://app.tun.test/", ""),
    ABSOLUTE("userinfo_in_the_target", "http://app.tun.test@bob.tun.test/", "app.tun.test"),
    ABSOLUTE("userinfo_of_the_same_host", "http://u:p@app.tun.test/", "app.tun.test"),
    ABSOLUTE("empty_userinfo", "http://@app.tun.test/", "app.tun.test"),
    ABSOLUTE("a_comma_in_the_target_host", "http://app.tun.test,bob.tun.test/", "app.tun.test"),
    ABSOLUTE("a_backslash_in_the_target_host", "http://app.tun.test\\@bob.tun.test/",
             "app.tun.test"),
    ABSOLUTE("an_escape_in_the_target_host", "http://app%2etun.test/", "app.tun.test"),
    ABSOLUTE("three_slashes", "http:///app.tun.test/", "app.tun.test"),
    ABSOLUTE("a_bad_port_in_the_target", "http://app.tun.test:x/", "app.tun.test"),
    ABSOLUTE("a_fragment_behind_the_target_host", "http://app.tun.test#/", "app.tun.test"),
    REFUSED(400, "absolute_form_without_host", "GET http://app.tun.test/ HTTP/1.1\r\n\r\n"),
    REFUSED(400, "another_host_in_1_0", "GET http://bob.tun.test/ HTTP/1.0\r\n" END),

    /* Host: RFC 9112 3.2, RFC 9110 7.2 */
    REFUSED(400, "no_host", "GET / HTTP/1.1\r\n\r\n"),
    REFUSED(400, "no_host_but_a_forwarded_one",
            "GET / HTTP/1.1\r\nX-Forwarded-Host: app.tun.test\r\n\r\n"),
    TAKEN("no_host_in_1_0", "GET / HTTP/1.0\r\n\r\n", CLOSE, 0, "", NULL),
    TAKEN("an_empty_host_in_1_0", "GET / HTTP/1.0\r\nHost:\r\n\r\n", CLOSE, 0, "", NULL),
    REFUSED(400, "two_hosts", "GET / HTTP/1.1\r\n" HOST "Host: bob.tun.test\r\n\r\n"),
    REFUSED(400, "two_equal_hosts", "GET / HTTP/1.1\r\n" HOST END),
    REFUSED(400, "two_hosts_one_empty", "GET / HTTP/1.1\r\nHost:\r\n" END),
    REFUSED(400, "two_hosts_in_different_case", "GET / HTTP/1.1\r\n" HOST "hOST: b\r\n\r\n"),
    REFUSED(400, "two_hosts_in_1_0", "GET / HTTP/1.0\r\n" HOST "Host: bob.tun.test\r\n\r\n"),
    REFUSED(400, "a_blank_behind_host", "GET / HTTP/1.1\r\nHost : app.tun.test\r\n\r\n"),
    TAKEN("host_in_any_case", "GET / HTTP/1.1\r\nhOsT: app.tun.test\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("host_with_blanks_around", "GET / HTTP/1.1\r\nHost: \t app.tun.test \t\r\n\r\n", 0, 0,
          NULL, NULL),
    TAKEN("host_without_blank", "GET / HTTP/1.1\r\nHost:app.tun.test\r\n\r\n", 0, 0, NULL, NULL),
    TAKEN("host_at_the_end", "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n" END, 0, 0, NULL, NULL),
    GOOD_HOST("a_host_with_port", "app.tun.test:80"),
    GOOD_HOST("a_host_with_the_last_port", "app.tun.test:65535"),
    GOOD_HOST("a_host_with_an_empty_port", "app.tun.test:"),
    GOOD_HOST("a_host_with_zeros_in_the_port", "app.tun.test:00080"),
    GOOD_HOST("a_host_with_a_final_dot", "app.tun.test."),
    GOOD_HOST("a_host_with_a_final_dot_and_port", "app.tun.test.:80"),
    GOOD_HOST("a_host_in_upper_case", "APP.TUN.TEST"),
    GOOD_HOST("an_idn_host", "xn--bcher-kva.tun.test"),
    GOOD_HOST("an_ipv4_host", "192.0.2.1:8080"),
    GOOD_HOST("an_ipv6_host", "[2001:db8::1]"),
    GOOD_HOST("an_ipv6_host_with_port", "[2001:db8::1]:8080"),
    GOOD_HOST("an_ipv6_host_with_ipv4_inside", "[::ffff:192.0.2.1]"),
    GOOD_HOST("a_single_label", "localhost"),
    GOOD_HOST("a_label_of_63", SIXTY_THREE ".test"),
    HOST_VALUE("an_empty_host", ""),
    HOST_VALUE("a_host_of_blanks", " \t "),
    HOST_VALUE("a_dot_alone", "."),
    HOST_VALUE("a_dot_in_front", ".app.tun.test"),
    HOST_VALUE("two_dots", "app..tun.test"),
    HOST_VALUE("two_dots_at_the_end", "app.tun.test.."),
    HOST_VALUE("a_port_alone", ":80"),
    HOST_VALUE("a_colon_alone", ":"),
    HOST_VALUE("a_label_of_64", SIXTY_THREE "a.test"),
    HOST_VALUE("a_last_label_of_64", "test." SIXTY_THREE "a"),
    HOST_VALUE("a_name_of_254",
               SIXTY_THREE "." SIXTY_THREE "." SIXTY_THREE "."
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    HOST_VALUE("a_letter_in_the_port", "app.tun.test:8o"),
    HOST_VALUE("letters_for_a_port", "app.tun.test:http"),
    HOST_VALUE("a_plus_in_the_port", "app.tun.test:+80"),
    HOST_VALUE("a_minus_in_the_port", "app.tun.test:-80"),
    HOST_VALUE("a_blank_in_the_port", "app.tun.test: 80"),
    HOST_VALUE("a_blank_behind_the_port", "app.tun.test:80 x"),
    HOST_VALUE("two_ports", "app.tun.test:80:80"),
    HOST_VALUE("a_port_of_65536", "app.tun.test:65536"),
    HOST_VALUE("a_port_of_99999", "app.tun.test:99999"),
    HOST_VALUE("a_port_of_six_digits", "app.tun.test:000080"),
    HOST_VALUE("a_port_that_overflows", "app.tun.test:4294967376"),
    HOST_VALUE("a_hexadecimal_port", "app.tun.test:0x50"),
    HOST_VALUE("a_port_and_an_at", "app.tun.test:80@bob.tun.test"),
    HOST_VALUE("userinfo", "user@app.tun.test"),
    HOST_VALUE("userinfo_with_a_password", "u:p@app.tun.test"),
    HOST_VALUE("a_comma", "app.tun.test,bob.tun.test"),
    HOST_VALUE("a_comma_and_blank", "app.tun.test, bob.tun.test"),
    HOST_VALUE("a_blank_inside", "app.tun.test bob.tun.test"),
    HOST_VALUE("a_tab_inside", "app.tun.test\tx"),
    HOST_VALUE("a_semicolon", "app.tun.test;x"),
    HOST_VALUE("quotes", "\"app.tun.test\""),
    HOST_VALUE("single_quotes", "'app.tun.test'"),
    HOST_VALUE("a_slash", "app.tun.test/x"),
    HOST_VALUE("a_scheme", "http://app.tun.test"),
    HOST_VALUE("a_host_backslash", "app.tun.test\\x"),
    HOST_VALUE("a_question_mark", "app.tun.test?x"),
    HOST_VALUE("a_hash", "app.tun.test#x"),
    HOST_VALUE("an_asterisk", "*.tun.test"),
    HOST_VALUE("a_percent_escape", "%61pp.tun.test"),
    HOST_VALUE("an_underscore", "my_app.tun.test"),
    HOST_VALUE("an_ampersand", "app&x.tun.test"),
    HOST_VALUE("a_dollar", "$app.tun.test"),
    HOST_VALUE("a_brace", "{app}.tun.test"),
    HOST_VALUE("an_equals_sign", "app=x.tun.test"),
    HOST_VALUE("a_tilde", "~app.tun.test"),
    HOST_VALUE("latin_1", "b\xfc"
                          "cher.tun.test"),
    HOST_VALUE("utf_8", "b\xc3\xbc"
                        "cher.tun.test"),
    HOST_VALUE("a_full_width_dot", "app\xef\xbc\x8etun.test"),
    HOST_VALUE("a_soft_hyphen", "app\xc2\xad.tun.test"),
    HOST_VALUE("a_host_with_nbsp", "app.tun.test\xa0"),
    HOST_VALUE("a_host_with_a_control_byte", "app.tun.test\x01"),
    REFUSED(400, "a_host_with_nul", "GET / HTTP/1.1\r\nHost: app.tun.test\0.evil\r\n\r\n"),
    HOST_VALUE("an_open_bracket", "[::1"),
    HOST_VALUE("a_closed_bracket", "::1]"),
    HOST_VALUE("bare_ipv6", "2001:db8::1"),
    HOST_VALUE("empty_brackets", "[]"),
    HOST_VALUE("two_brackets", "[[::1]]"),
    HOST_VALUE("a_name_in_brackets", "[app.tun.test]"),
    HOST_VALUE("ipv4_in_brackets", "[192.0.2.1]"),
    HOST_VALUE("a_zone", "[fe80::1%25eth0]"),
    HOST_VALUE("an_ip_future", "[v1.fe80]"),
    HOST_VALUE("junk_behind_brackets", "[::1]x"),
    HOST_VALUE("a_name_behind_brackets", "[::1].tun.test"),
    HOST_VALUE("a_bad_port_behind_brackets", "[::1]:x"),
    HOST_VALUE("a_name_before_brackets", "app[::1]"),
    HOST_VALUE("ipv6_that_is_too_long", "[1:2:3:4:5:6:7:8:9]"),
    HOST_VALUE("ipv6_with_a_blank", "[:: 1]"),
    HOST_VALUE("ipv6_of_fifty_digits", "[00000000000000000000000000000000000000000000000001::]"),
};

/* Heads that are too large, built from a start, a byte many times, and an end. */
static void expect_refusal(int refusal, const char *start, char fill, size_t count, const char *end)
{
    size_t size = strlen(start) + count + strlen(end);
    char *raw = malloc(size + 1);
    assert_non_null(raw);
    memcpy(raw, start, strlen(start));
    memset(raw + strlen(start), fill, count);
    memcpy(raw + strlen(start) + count, end, strlen(end) + 1);

    static tn_http1_head head;
    ssize_t got = parse_request(&head, raw, size);
    if (refusal) {
        assert_int_equal(got, TN_ERR_PROTOCOL);
        assert_int_equal(head.refusal, refusal);
    } else {
        assert_int_equal(got, size);
    }
    if (size < 20000)
        check_request_cuts(raw, size);
    free(raw);
}

static void a_target_of_8000_bytes_fits(void **state) /* RFC 9112 3 */
{
    (void)state;
    expect_refusal(0, "GET /", 'a', 8000, " HTTP/1.1\r\n" END);
}

static void a_request_line_may_have_its_limit_and_no_byte_more(void **state)
{
    (void)state;
    size_t most = 8 * 1024 + 192 - strlen("GET / HTTP/1.1");
    expect_refusal(0, "GET /", 'a', most, " HTTP/1.1\r\n" END);
    expect_refusal(414, "GET /", 'a', most + 1, " HTTP/1.1\r\n" END);
}

static void a_huge_target_is_414_before_its_line_ends(void **state)
{
    (void)state;
    expect_refusal(414, "GET /", 'a', 65536, "");
}

static void a_control_byte_behind_the_limit_is_still_414(void **state)
{
    (void)state;
    expect_refusal(414, "GET /", 'a', 8 * 1024 + 192, "\x01");
}

static void a_long_method_is_501(void **state)
{
    (void)state;
    expect_refusal(0, "", 'A', 64, " / HTTP/1.1\r\n" END);
    expect_refusal(501, "", 'A', 65, " / HTTP/1.1\r\n" END);
    expect_refusal(501, "", 'A', 9000, " / HTTP/1.1\r\n" END);
}

static void a_huge_host_is_431(void **state)
{
    (void)state;
    expect_refusal(431, "GET / HTTP/1.1\r\nHost: ", 'a', 65536, ".tun.test\r\n\r\n");
}

static void a_name_of_253_is_a_host(void **state)
{
    (void)state;
    expect_refusal(0, "GET / HTTP/1.1\r\nHost: " SIXTY_THREE "." SIXTY_THREE "." SIXTY_THREE ".",
                   'a', 61, ".:80\r\n\r\n");
}

static void a_field_line_may_have_its_limit_and_no_byte_more(void **state)
{
    (void)state;
    expect_refusal(0, "GET / HTTP/1.1\r\n" HOST "A:", 'a', 16 * 1024 - 2, "\r\n\r\n");
    expect_refusal(431, "GET / HTTP/1.1\r\n" HOST "A:", 'a', 16 * 1024 - 1, "\r\n\r\n");
}

static void a_head_may_have_its_limit_and_no_byte_more(void **state)
{
    (void)state;
    tn_http1_limits limits = {.head = 64, .start_line = 64, .field_line = 64, .fields = 10};
    static tn_http1_head head;
    char raw[128];
    for (int fill = 20; fill < 30; ++fill) {
        int size = snprintf(raw, sizeof raw, "GET / HTTP/1.1\r\nHost: a\r\nB: %.*s\r\n\r\n", fill,
                            "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
        ssize_t got = tn_http1_parse_request(&head, &limits, (const uint8_t *)raw, (size_t)size);
        assert_int_equal(got, size <= 64 ? size : TN_ERR_PROTOCOL);
        if (size > 64)
            assert_int_equal(head.refusal, 431);
    }
}

static void a_head_that_never_ends_is_refused_at_its_limit(void **state)
{
    (void)state;
    char raw[64];
    memset(raw, 'a', sizeof raw);
    memcpy(raw, "GET / HTTP/1.1\r\nHost: a\r\nB: ", 28);
    tn_http1_limits limits = {.head = 64, .start_line = 64, .field_line = 64, .fields = 10};
    static tn_http1_head head;
    assert_int_equal(tn_http1_parse_request(&head, &limits, (const uint8_t *)raw, 63), 0);
    assert_int_equal(tn_http1_parse_request(&head, &limits, (const uint8_t *)raw, 64),
                     TN_ERR_PROTOCOL);
    assert_int_equal(head.refusal, 431);
}

static ssize_t parse_fields(unsigned count)
{
    static tn_http1_head head;
    char raw[2048] = "GET / HTTP/1.1\r\n" HOST;
    for (unsigned i = 1; i < count; ++i)
        strcat(raw, "X: 1\r\n");
    strcat(raw, "\r\n");
    ssize_t got = parse_request(&head, raw, strlen(raw));
    if (got < 0)
        assert_int_equal(head.refusal, 431);
    else
        assert_int_equal(head.field_count, count);
    return got;
}

static void a_hundred_fields_fit_and_not_one_more(void **state)
{
    (void)state;
    assert_true(parse_fields(100) > 0);
    assert_int_equal(parse_fields(101), TN_ERR_PROTOCOL);
}

static void what_stands_behind_a_head_is_left_alone(void **state)
{
    (void)state;
    static const char raw[] = "GET / HTTP/1.1\r\n" END "\x16\x03\x01";
    static tn_http1_head head;
    assert_int_equal(parse_request(&head, raw, sizeof raw - 1), sizeof raw - 1 - 3);
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(a_target_of_8000_bytes_fits),
        cmocka_unit_test(a_request_line_may_have_its_limit_and_no_byte_more),
        cmocka_unit_test(a_huge_target_is_414_before_its_line_ends),
        cmocka_unit_test(a_control_byte_behind_the_limit_is_still_414),
        cmocka_unit_test(a_long_method_is_501),
        cmocka_unit_test(a_huge_host_is_431),
        cmocka_unit_test(a_name_of_253_is_a_host),
        cmocka_unit_test(a_field_line_may_have_its_limit_and_no_byte_more),
        cmocka_unit_test(a_head_may_have_its_limit_and_no_byte_more),
        cmocka_unit_test(a_head_that_never_ends_is_refused_at_its_limit),
        cmocka_unit_test(a_hundred_fields_fit_and_not_one_more),
        cmocka_unit_test(what_stands_behind_a_head_is_left_alone),
    };
    return run_request_cases("http1_request", cases, sizeof cases / sizeof *cases, more,
                             sizeof more / sizeof *more);
}
