/* SPDX-License-Identifier: ISC */
/* Control messages: tunnel-protocol(7), "Control messages". What a hostile peer may send is refused
 * with a sentence that names the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <tunnel/control.h>

static char problem[200];

static tn_error decode_bytes(const char *json, size_t size, tn_control **message)
{
    char *copy = malloc(size ? size : 1); /* a sanitizer sees any read behind it */
    assert_non_null(copy);
    memcpy(copy, json, size);
    *message = NULL;
    strcpy(problem, "");
    tn_error error = tn_control_decode(copy, size, message, problem, sizeof problem);
    free(copy);
    assert_true(error == TN_OK ? *message != NULL : *message == NULL);
    return error;
}

static tn_control *decoded(const char *json)
{
    tn_control *message;
    if (decode_bytes(json, strlen(json), &message) != TN_OK)
        fail_msg("%s: %s", json, problem);
    return message;
}

static void expect_problem(const char *json, size_t size, const char *sentence)
{
    tn_control *message;
    if (decode_bytes(json, size, &message) != TN_ERR_PROTOCOL)
        fail_msg("taken: %.*s", (int)size, json);
    assert_string_equal(problem, sentence);
}

#define PROBLEM(json, sentence) expect_problem(json, sizeof(json) - 1, sentence)
#define HANDSHAKE(more)                                                                            \
    "{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":\"t\"" more "}}"

static void a_handshake_is_read(void **state)
{
    (void)state;
    tn_control *m = decoded("{\"type\":\"handshake\",\"timestamp\":\"2026-01-02T03:04:05Z\","
                            "\"request_id\":\"r\",\"payload\":{"
                            "\"version\":1,\"token\":\"secret\",\"client_id\":\"c\",\"tunnels\":["
                            "{\"subdomain\":\"app\",\"local_port\":3000},"
                            "{\"name\":\"n\",\"local_port\":65535,\"local_host\":\"10.0.0.1\","
                            "\"protocol\":\"tcp\",\"x\":[]}],"
                            "\"capabilities\":[\"control\",\"udp\"],\"unknown\":{\"a\":null}}}");
    assert_int_equal(m->type, TN_CONTROL_HANDSHAKE);
    assert_string_equal(m->timestamp, "2026-01-02T03:04:05Z");
    assert_string_equal(m->request_id, "r");
    assert_int_equal(m->version, 1);
    assert_string_equal(m->token, "secret");
    assert_string_equal(m->client_id, "c");
    assert_int_equal(m->tunnel_count, 2);
    assert_string_equal(m->tunnels[0].subdomain, "app");
    assert_null(m->tunnels[0].name);
    assert_null(m->tunnels[0].protocol);
    assert_int_equal(m->tunnels[0].local_port, 3000);
    assert_null(m->tunnels[1].subdomain);
    assert_string_equal(m->tunnels[1].name, "n");
    assert_string_equal(m->tunnels[1].local_host, "10.0.0.1");
    assert_string_equal(m->tunnels[1].protocol, "tcp");
    assert_int_equal(m->tunnels[1].local_port, 65535);
    assert_int_equal(m->capability_count, 2);
    assert_string_equal(m->capabilities[1], "udp");
    assert_null(m->session_id);
    tn_control_free(m);
}

static void a_handshake_may_say_little(void **state)
{
    (void)state;
    static const char *const little[] = {
        HANDSHAKE(""),
        HANDSHAKE(",\"tunnels\":[]"),
        HANDSHAKE(",\"tunnels\":null,\"capabilities\":null,\"client_id\":null"),
    };
    for (size_t i = 0; i < 3; ++i) {
        tn_control *m = decoded(little[i]);
        assert_int_equal(m->tunnel_count, 0);
        assert_int_equal(m->capability_count, 0);
        assert_null(m->client_id);
        assert_null(m->timestamp);
        tn_control_free(m);
    }
}

static void another_version_is_read(void **state) /* to be answered with VERSION_UNSUPPORTED */
{
    (void)state;
    tn_control *m = decoded("{\"type\":\"handshake\",\"payload\":{\"version\":-7,\"token\":\"\"}}");
    assert_int_equal(m->version, -7);
    tn_control_free(m);
}

static void a_response_is_read(void **state)
{
    (void)state;
    tn_control *m = decoded(
        "{\"type\":\"handshake_response\",\"payload\":{\"success\":true,\"session_id\":\"s\","
        "\"server_version\":1,\"tunnels\":[{\"subdomain\":\"app\",\"local_port\":1,\"url\":\"http:/"
        "/a\","
        "\"status\":\"active\"},{\"subdomain\":\"b\",\"local_port\":0,\"url\":\"\",\"status\":"
        "\"error\","
        "\"error\":\"taken\",\"error_code\":\"SUBDOMAIN_TAKEN\"}],\"retry_after_ms\":1500}}");
    assert_int_equal(m->type, TN_CONTROL_HANDSHAKE_RESPONSE);
    assert_true(m->success);
    assert_string_equal(m->session_id, "s");
    assert_int_equal(m->version, 1);
    assert_int_equal(m->status_count, 2);
    assert_true(m->statuses[0].active);
    assert_string_equal(m->statuses[0].url, "http://a");
    assert_false(m->statuses[1].active);
    assert_string_equal(m->statuses[1].error_code, "SUBDOMAIN_TAKEN");
    assert_int_equal(m->retry_after_ms, 1500);
    tn_control_free(m);
}

static void the_other_messages_are_read(void **state)
{
    (void)state;
    tn_control *m =
        decoded("{\"type\":\"add_tunnel\",\"payload\":{\"tunnel\":{\"local_port\":80}}}");
    assert_int_equal(m->type, TN_CONTROL_ADD_TUNNEL);
    assert_int_equal(m->tunnel_count, 1);
    assert_int_equal(m->tunnels[0].local_port, 80);
    tn_control_free(m);

    m = decoded("{\"type\":\"remove_tunnel\",\"payload\":{\"subdomain\":\"app\"}}");
    assert_string_equal(m->subdomain, "app");
    tn_control_free(m);
    m = decoded("{\"type\":\"remove_tunnel\",\"payload\":{\"name\":\"app\"}}");
    assert_string_equal(m->subdomain, "app");
    tn_control_free(m);

    m = decoded("{\"type\":\"tunnel_update\",\"payload\":{\"success\":false,\"error\":\"e\","
                "\"error_code\":\"C\",\"tunnel\":{\"status\":\"error\"}}}");
    assert_int_equal(m->status_count, 1);
    assert_false(m->success);
    assert_string_equal(m->error, "e");
    assert_string_equal(m->error_code, "C");
    tn_control_free(m);

    m = decoded("{\"type\":\"ping\"}");
    assert_int_equal(m->type, TN_CONTROL_PING);
    tn_control_free(m);
    m = decoded("{\"type\":\"ping\",\"timestamp\":\"a\",\"payload\":{\"timestamp\":\"b\"}}");
    assert_string_equal(m->timestamp, "b");
    tn_control_free(m);
    m = decoded("{\"type\":\"pong\",\"payload\":{\"timestamp\":\"b\",\"ping_timestamp\":\"a\"}}");
    assert_string_equal(m->ping_timestamp, "a");
    tn_control_free(m);

    m = decoded(
        "{\"type\":\"shutdown\",\"payload\":{\"reason\":\"bye\",\"grace_period_ms\":30000}}");
    assert_string_equal(m->error, "bye");
    assert_int_equal(m->grace_period_ms, 30000);
    tn_control_free(m);

    m = decoded("{\"type\":\"error\",\"payload\":{\"code\":\"REPLACED\",\"message\":\"m\","
                "\"details\":\"d\"}}");
    assert_string_equal(m->error_code, "REPLACED");
    assert_string_equal(m->error, "m");
    assert_string_equal(m->details, "d");
    tn_control_free(m);
}

static void an_unknown_type_is_for_the_caller_to_answer(void **state)
{
    (void)state;
    tn_control *m =
        decoded("{\"type\":\"frobnicate\",\"request_id\":\"r\",\"payload\":{\"version\":[]}}");
    assert_int_equal(m->type, TN_CONTROL_UNKNOWN);
    assert_string_equal(m->request_id, "r");
    tn_control_free(m);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    PROBLEM("", "the message has a bad size");
    PROBLEM(" ", "the message is not valid JSON");
    PROBLEM("x", "the message is not valid JSON");
    PROBLEM("[]", "the message is not an object");
    PROBLEM("\"ping\"", "the message is not valid JSON");
    PROBLEM("{}", "type is missing");
    PROBLEM("{\"type\":null}", "type is missing");
    PROBLEM("{\"type\":1}", "type is not a string");
    PROBLEM("{\"type\":\"ping\",\"timestamp\":1}", "timestamp is not a string");
    PROBLEM("{\"type\":\"ping\",\"request_id\":{}}", "request_id is not a string");
    PROBLEM("{\"type\":\"ping\",\"payload\":[]}", "payload is not an object");
    PROBLEM("{\"type\":\"ping\",\"payload\":\"x\"}", "payload is not an object");
    PROBLEM("{\"type\":\"ping\"", "the message is not valid JSON");
    PROBLEM("{'type':'ping'}", "the message is not valid JSON");
    PROBLEM("{\"type\":\"ping\",}", "the message is not valid JSON");
}

static void an_oversize_message_is_refused(void **state)
{
    (void)state;
    size_t size = TN_ENVELOPE_MAX + 1;
    char *json = malloc(size);
    memset(json, ' ', size);
    memcpy(json, "{\"type\":\"ping\"}", 15);
    expect_problem(json, size, "the message has a bad size");
    tn_control *message;
    assert_int_equal(decode_bytes(json, size - 1, &message), TN_OK);
    tn_control_free(message);
    free(json);
}

static void nest(char *json, size_t levels)
{
    size_t at = (size_t)sprintf(json, "{\"type\":\"ping\",\"x\":");
    memset(json + at, '[', levels);
    memset(json + at + levels, ']', levels);
    strcpy(json + at + 2 * levels, "}");
}

static void sixteen_levels_are_read_and_not_one_more(void **state)
{
    (void)state;
    char json[256];
    nest(json, 15);
    tn_control_free(decoded(json));
    nest(json, 16);
    expect_problem(json, strlen(json), "the message is nested too deeply");
}

static void deep_nesting_is_refused_however_it_is_written(void **state)
{
    (void)state;
    static char json[60000];
    memset(json, '[', sizeof json);
    expect_problem(json, sizeof json, "the message is nested too deeply");
    for (size_t at = 0; at + 5 <= sizeof json; at += 5)
        memcpy(json + at, "{\"a\":", 5);
    expect_problem(json, sizeof json, "the message is nested too deeply");
    static const char brackets_in_text[] =
        "{\"type\":\"ping\",\"x\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\\"}";
    tn_control_free(decoded(brackets_in_text));
}

static void keys_that_come_twice_are_refused(void **state)
{
    (void)state;
    PROBLEM(
        "{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":\"bad\",\"token\":\"good\"}}",
        "the message has a key twice");
    PROBLEM(
        "{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":\"good\",\"token\":\"bad\"}}",
        "the message has a key twice");
    PROBLEM("{\"type\":\"ping\",\"t\\u0079pe\":\"pong\"}", "the message has a key twice");
    PROBLEM("{\"type\":\"ping\",\"x\":{\"y\":1,\"y\":1}}", "the message has a key twice");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    PROBLEM(HANDSHAKE(",\"x\":\"\xc3\x28\""), "the message is not valid JSON");
    PROBLEM(HANDSHAKE(",\"x\":\"\xc0\xaf\""), "the message is not valid JSON");
    PROBLEM(HANDSHAKE(",\"x\":\"\xed\xa0\x80\""), "the message is not valid JSON");
    PROBLEM(HANDSHAKE(",\"x\":\"\\ud800\""), "the message is not valid JSON");
    PROBLEM(HANDSHAKE(",\"x\":\"\\u0000\""), "the message is not valid JSON");
    PROBLEM(HANDSHAKE(",\"x\":\"a\0b\""), "the message is not valid JSON");
    PROBLEM("{\"type\":\"ping\"}\0", "the message is not valid JSON");
    PROBLEM("\xef\xbb\xbf{\"type\":\"ping\"}", "the message is not valid JSON");
    PROBLEM(HANDSHAKE(",\"x\":\"a\nb\""), "the message is not valid JSON");
}

static void text_that_could_fool_a_terminal_is_refused(void **state)
{
    (void)state;
    static const char sentence[] = "payload.client_id has control characters";
    PROBLEM(HANDSHAKE(",\"client_id\":\"\\u001b[31mroot\""), sentence);
    PROBLEM(HANDSHAKE(",\"client_id\":\"a\\r\\nb\""), sentence);
    PROBLEM(HANDSHAKE(",\"client_id\":\"a\\tb\""), sentence);
    PROBLEM(HANDSHAKE(",\"client_id\":\"\x7f\""), sentence);
    PROBLEM(HANDSHAKE(",\"client_id\":\"\\u009b31m\""), sentence);
    PROBLEM(HANDSHAKE(",\"client_id\":\"a\\u202etxt.exe\""), sentence);
    PROBLEM(HANDSHAKE(",\"client_id\":\"a\\u2066b\""), sentence);
    tn_control *m = decoded(HANDSHAKE(",\"client_id\":\"caf\\u00e9 \xf0\x9f\x98\x80 \\u2030\""));
    assert_string_equal(m->client_id, "caf\xc3\xa9 \xf0\x9f\x98\x80 \xe2\x80\xb0");
    tn_control_free(m);
}

static void what_stands_behind_a_message_is_refused(void **state)
{
    (void)state;
    PROBLEM("{\"type\":\"ping\"}garbage", "the message is not valid JSON");
    PROBLEM("{\"type\":\"ping\"}{\"type\":\"ping\"}", "the message is not valid JSON");
    PROBLEM("{\"type\":\"ping\"},", "the message is not valid JSON");
    tn_control_free(decoded(" {\"type\":\"ping\"} \r\n"));
}

static void missing_fields_are_named(void **state)
{
    (void)state;
    PROBLEM("{\"type\":\"handshake\"}", "payload.version is missing");
    PROBLEM("{\"type\":\"handshake\",\"payload\":null}", "payload.version is missing");
    PROBLEM("{\"type\":\"handshake\",\"payload\":{\"version\":1}}", "payload.token is missing");
    PROBLEM("{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":null}}",
            "payload.token is missing");
    PROBLEM(HANDSHAKE(",\"tunnels\":[{}]"), "payload.tunnels[0].local_port is missing");
    PROBLEM("{\"type\":\"add_tunnel\"}", "payload.tunnel is missing");
    PROBLEM("{\"type\":\"add_tunnel\",\"payload\":{\"tunnel\":{}}}",
            "payload.tunnel.local_port is missing");
    PROBLEM("{\"type\":\"remove_tunnel\",\"payload\":{}}", "payload.subdomain is missing");
    PROBLEM("{\"type\":\"handshake_response\",\"payload\":{}}", "payload.success is missing");
    PROBLEM("{\"type\":\"tunnel_update\",\"payload\":{}}", "payload.success is missing");
    PROBLEM("{\"type\":\"error\",\"payload\":{}}", "payload.code is missing");
}

static void wrong_values_are_named(void **state)
{
    (void)state;
    PROBLEM(HANDSHAKE(",\"tunnels\":[{\"local_port\":80},{\"local_port\":0}]"),
            "payload.tunnels[1].local_port is out of range");
    PROBLEM(HANDSHAKE(",\"tunnels\":[{\"local_port\":65536}]"),
            "payload.tunnels[0].local_port is out of range");
    PROBLEM(HANDSHAKE(",\"tunnels\":[{\"local_port\":\"80\"}]"),
            "payload.tunnels[0].local_port is not an integer");
    PROBLEM(HANDSHAKE(",\"tunnels\":[{\"local_port\":80.0}]"),
            "payload.tunnels[0].local_port is not an integer");
    PROBLEM(HANDSHAKE(",\"tunnels\":[7]"), "payload.tunnels[0] is not an object");
    PROBLEM(HANDSHAKE(",\"tunnels\":[null]"), "payload.tunnels[0] is not an object");
    PROBLEM(HANDSHAKE(",\"tunnels\":{}"), "payload.tunnels is not an array");
    PROBLEM(HANDSHAKE(",\"capabilities\":[1]"), "payload.capabilities is not a string");
    PROBLEM(HANDSHAKE(",\"capabilities\":\"udp\""), "payload.capabilities is not an array");
    PROBLEM("{\"type\":\"add_tunnel\",\"payload\":{\"tunnel\":[]}}",
            "payload.tunnel is not an object");
    PROBLEM("{\"type\":\"tunnel_update\",\"payload\":{\"success\":true,\"tunnel\":{\"status\":"
            "\"up\"}}}",
            "payload.tunnel.status is neither active nor error");
    PROBLEM("{\"type\":\"tunnel_update\",\"payload\":{\"success\":1}}",
            "payload.success is not true or false");
    PROBLEM("{\"type\":\"shutdown\",\"payload\":{\"grace_period_ms\":-1}}",
            "payload.grace_period_ms is out of range");
    PROBLEM("{\"type\":\"handshake\",\"payload\":{\"version\":9223372036854775808,\"token\":\"\"}}",
            "the message is not valid JSON");
}

/* Every field of every message, replaced by everything it is not. */
static void no_field_takes_what_it_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *type, *rest, *field, *good;
    } fields[] = {
        {"handshake", "\"token\":\"t\"", "version", "integer"},
        {"handshake", "\"version\":1", "token", "string"},
        {"handshake", "\"version\":1,\"token\":\"t\"", "client_id", "string"},
        {"handshake", "\"version\":1,\"token\":\"t\"", "tunnels", "array"},
        {"handshake", "\"version\":1,\"token\":\"t\"", "capabilities", "array"},
        {"handshake", "\"version\":1,\"token\":\"t\"", "session_id", "string"},
        {"handshake", "\"version\":1,\"token\":\"t\"", "replaces", "string"},
        {"handshake_response", "\"x\":1", "success", "boolean"},
        {"handshake_response", "\"success\":true", "session_id", "string"},
        {"handshake_response", "\"success\":true", "server_version", "integer"},
        {"handshake_response", "\"success\":true", "tunnels", "array"},
        {"handshake_response", "\"success\":true", "error", "string"},
        {"handshake_response", "\"success\":true", "error_code", "string"},
        {"handshake_response", "\"success\":true", "capabilities", "array"},
        {"handshake_response", "\"success\":true", "retry_after_ms", "positive"},
        {"handshake_response", "\"success\":true", "user", "string"},
        {"handshake_response", "\"success\":true", "subdomains", "array"},
        {"handshake_response", "\"success\":true", "expires", "string"},
        {"add_tunnel", "\"x\":1", "tunnel", "object"},
        {"remove_tunnel", "\"x\":1", "subdomain", "string"},
        {"remove_tunnel", "\"x\":1", "name", "string"},
        {"tunnel_update", "\"x\":1", "success", "boolean"},
        {"tunnel_update", "\"success\":true", "tunnel", "object"},
        {"tunnel_update", "\"success\":true", "error", "string"},
        {"tunnel_update", "\"success\":true", "error_code", "string"},
        {"ping", "\"x\":1", "timestamp", "string"},
        {"pong", "\"x\":1", "timestamp", "string"},
        {"pong", "\"x\":1", "ping_timestamp", "string"},
        {"shutdown", "\"x\":1", "reason", "string"},
        {"shutdown", "\"x\":1", "grace_period_ms", "positive"},
        {"error", "\"x\":1", "code", "string"},
        {"error", "\"code\":\"c\"", "message", "string"},
        {"error", "\"code\":\"c\"", "details", "string"},
    };
    static const struct {
        const char *value, *kinds;
    } values[] = {
        {"true", "boolean"}, {"-1", "integer"}, {"1e308", ""},    {"1.5", ""},  {"\"\"", "string"},
        {"\"x\"", "string"}, {"[]", "array"},   {"{}", "object"}, {"[{}]", ""},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; ++i)
        for (size_t j = 0; j < sizeof values / sizeof *values; ++j) {
            if (strcmp(values[j].kinds, fields[i].good) == 0)
                continue;
            char json[512];
            snprintf(json, sizeof json, "{\"type\":\"%s\",\"payload\":{%s,\"%s\":%s}}",
                     fields[i].type, fields[i].rest, fields[i].field, values[j].value);
            tn_control *message;
            if (decode_bytes(json, strlen(json), &message) != TN_ERR_PROTOCOL)
                fail_msg("taken: %s", json);
            assert_non_null(strstr(problem, fields[i].field));
        }
}

static void long_text_is_refused(void **state)
{
    (void)state;
    static char json[9000];
    static const struct {
        const char *format, *sentence;
        int most;
    } texts[] = {
        {"{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":\"%s\"}}",
         "payload.token is too long", 1024},
        {"{\"type\":\"error\",\"payload\":{\"code\":\"c\",\"message\":\"%s\"}}",
         "payload.message is too long", 4096},
    };
    for (size_t i = 0; i < 2; ++i) {
        static char text[5000];
        memset(text, 'a', sizeof text);
        text[texts[i].most] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(json, sizeof json, texts[i].format, text);
        tn_control_free(decoded(json));
        text[texts[i].most] = 'a';
        text[texts[i].most + 1] = '\0';
        snprintf(json, sizeof json, texts[i].format, text);
#pragma GCC diagnostic pop
        expect_problem(json, strlen(json), texts[i].sentence);
    }
}

static void more_elements_than_allowed_are_refused(void **state)
{
    (void)state;
    static char json[40000];
    char *at = stpcpy(
        json, "{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":\"t\",\"tunnels\":[{}");
    for (int i = 0; i < 1000; ++i)
        at = stpcpy(at, ",{}");
    strcpy(at, "]}}");
    expect_problem(json, strlen(json), "payload.tunnels has too many elements");

    at = stpcpy(json, "{\"type\":\"handshake\",\"payload\":{\"version\":1,\"token\":\"t\","
                      "\"capabilities\":[\"\"");
    for (int i = 0; i < 64; ++i)
        at = stpcpy(at, ",\"\"");
    strcpy(at, "]}}");
    expect_problem(json, strlen(json), "payload.capabilities has too many elements");
}

static void a_problem_is_cut_to_its_room(void **state)
{
    (void)state;
    tn_control *message;
    char small[8];
    assert_int_equal(tn_control_decode("{}", 2, &message, small, sizeof small), TN_ERR_PROTOCOL);
    assert_string_equal(small, "type is");
    assert_int_equal(tn_control_decode("{}", 2, &message, NULL, 0), TN_ERR_PROTOCOL);
}

/* Encodes, checks the length in front, decodes. */
static tn_control *there_and_back(const tn_control *message)
{
    uint8_t *bytes;
    size_t size;
    tn_control *back;
    assert_int_equal(tn_control_encode(message, &bytes, &size), TN_OK);
    assert_int_equal(((size_t)bytes[0] << 24) | ((size_t)bytes[1] << 16) | ((size_t)bytes[2] << 8) |
                         bytes[3],
                     size - 4);
    if (decode_bytes((const char *)bytes + 4, size - 4, &back) != TN_OK)
        fail_msg("%s", problem);
    assert_int_equal(back->type, message->type);
    tn_control_release(bytes, size);
    return back;
}

static void a_handshake_comes_back(void **state)
{
    (void)state;
    const tn_tunnel_request tunnels[] = {{"app", "n", "::1", "tls", 443},
                                         {NULL, NULL, NULL, NULL, 80}};
    const char *capabilities[] = {"control", "caf\xc3\xa9"};
    tn_control message = {.type = TN_CONTROL_HANDSHAKE,
                          .request_id = "r",
                          .version = 1,
                          .token = "to\"ken",
                          .tunnels = tunnels,
                          .tunnel_count = 2,
                          .capabilities = capabilities,
                          .capability_count = 2,
                          .session_id = "sess_1",
                          .replaces = "sess_0"};
    tn_control *back = there_and_back(&message);
    assert_string_equal(back->request_id, "r");
    assert_string_equal(back->token, "to\"ken");
    assert_string_equal(back->session_id, "sess_1");
    assert_string_equal(back->replaces, "sess_0");
    assert_null(back->client_id);
    assert_int_equal(back->tunnel_count, 2);
    assert_string_equal(back->tunnels[0].subdomain, "app");
    assert_string_equal(back->tunnels[0].name, "n");
    assert_string_equal(back->tunnels[0].local_host, "::1");
    assert_string_equal(back->tunnels[0].protocol, "tls");
    assert_null(back->tunnels[1].subdomain);
    assert_int_equal(back->tunnels[1].local_port, 80);
    assert_string_equal(back->capabilities[1], "caf\xc3\xa9");
    assert_int_equal(strlen(back->timestamp), strlen("2026-01-02T03:04:05.678Z"));
    assert_int_equal(back->timestamp[23], 'Z');
    tn_control_free(back);
}

static void a_response_comes_back(void **state)
{
    (void)state;
    const tn_tunnel_status statuses[] = {
        {"app", "https://app.tun.test", NULL, NULL, 3000, true},
        {"bob", NULL, "taken", "SUBDOMAIN_TAKEN", 3001, false},
    };
    const char *allowed[] = {"app", "alice-*"};
    tn_control message = {.type = TN_CONTROL_HANDSHAKE_RESPONSE,
                          .version = TN_PROTOCOL_VERSION,
                          .success = true,
                          .session_id = "s",
                          .statuses = statuses,
                          .status_count = 2,
                          .retry_after_ms = 250,
                          .user = "alice",
                          .allowed = allowed,
                          .allowed_count = 2,
                          .expires = "2030-01-01T00:00:00Z"};
    tn_control *back = there_and_back(&message);
    assert_true(back->success);
    assert_int_equal(back->version, 1);
    assert_int_equal(back->status_count, 2);
    assert_true(back->statuses[0].active);
    assert_null(back->statuses[0].error);
    assert_false(back->statuses[1].active);
    assert_string_equal(back->statuses[1].url, "");
    assert_int_equal(back->retry_after_ms, 250);
    assert_string_equal(back->user, "alice");
    assert_int_equal(back->allowed_count, 2);
    assert_string_equal(back->allowed[1], "alice-*");
    assert_string_equal(back->expires, "2030-01-01T00:00:00Z");
    tn_control_free(back);
}

static void the_other_messages_come_back(void **state)
{
    (void)state;
    const tn_tunnel_request tunnel = {"app", NULL, NULL, NULL, 80};
    const tn_tunnel_status status = {"app", "u", NULL, NULL, 80, true};
    const tn_control messages[] = {
        {.type = TN_CONTROL_ADD_TUNNEL, .tunnels = &tunnel, .tunnel_count = 1},
        {.type = TN_CONTROL_REMOVE_TUNNEL, .subdomain = "app"},
        {.type = TN_CONTROL_TUNNEL_UPDATE, .success = true, .statuses = &status, .status_count = 1},
        {.type = TN_CONTROL_TUNNEL_UPDATE, .error = "e", .error_code = "C"},
        {.type = TN_CONTROL_PING, .timestamp = "t"},
        {.type = TN_CONTROL_PONG, .timestamp = "t", .ping_timestamp = "p"},
        {.type = TN_CONTROL_SHUTDOWN, .error = "bye", .grace_period_ms = 5},
        {.type = TN_CONTROL_ERROR, .error_code = "C", .error = "e", .details = "d"},
    };
    for (size_t i = 0; i < sizeof messages / sizeof *messages; ++i) {
        tn_control *back = there_and_back(&messages[i]);
        assert_int_equal(back->tunnel_count, messages[i].tunnel_count);
        assert_int_equal(back->status_count, messages[i].status_count);
        assert_int_equal(back->grace_period_ms, messages[i].grace_period_ms);
        assert_int_equal(!back->error, !messages[i].error);
        assert_int_equal(!back->ping_timestamp, !messages[i].ping_timestamp);
        tn_control_free(back);
    }
}

static void
a_ping_carries_its_timestamp_twice(void **state) /* GoTunnel reads that of the payload */
{
    (void)state;
    const tn_control ping = {.type = TN_CONTROL_PING, .timestamp = "T"};
    static const char json[] =
        "{\"type\":\"ping\",\"timestamp\":\"T\",\"payload\":{\"timestamp\":\"T\"}}";
    uint8_t *bytes;
    size_t size;
    assert_int_equal(tn_control_encode(&ping, &bytes, &size), TN_OK);
    assert_int_equal(size, 4 + sizeof json - 1);
    assert_memory_equal(bytes + 4, json, sizeof json - 1);
    tn_control_release(bytes, size);
}

static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t size;
    const char *broken[] = {"\xff"};
    const tn_control bad[] = {
        {.type = TN_CONTROL_UNKNOWN},
        {.type = TN_CONTROL_HANDSHAKE, .token = NULL},
        {.type = TN_CONTROL_HANDSHAKE, .token = "\xff"},
        {.type = TN_CONTROL_HANDSHAKE, .token = "t", .capabilities = broken, .capability_count = 1},
        {.type = TN_CONTROL_HANDSHAKE, .token = "t", .request_id = "\xc0\xaf"},
        {.type = TN_CONTROL_PING, .timestamp = "\xed\xa0\x80"},
        {.type = TN_CONTROL_ADD_TUNNEL},
        {.type = TN_CONTROL_REMOVE_TUNNEL},
        {.type = TN_CONTROL_ERROR},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
        assert_int_equal(tn_control_encode(&bad[i], &bytes, &size), TN_ERR_INVAL);

    char *huge = calloc(1, TN_ENVELOPE_MAX + 1);
    memset(huge, 'a', TN_ENVELOPE_MAX);
    const tn_control large = {.type = TN_CONTROL_ERROR, .error_code = "c", .error = huge};
    assert_int_equal(tn_control_encode(&large, &bytes, &size), TN_ERR_LIMIT);
    free(huge);
}

/* The n-th allocation of the JSON library fails, for every n. */
static unsigned allocations_left;

static void *allocate(size_t size)
{
    return allocations_left > 0 ? (--allocations_left, malloc(size)) : NULL;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    const tn_tunnel_request tunnel = {"app", NULL, NULL, NULL, 80};
    const char *capability = "udp";
    const tn_control message = {.type = TN_CONTROL_HANDSHAKE,
                                .token = "t",
                                .tunnels = &tunnel,
                                .tunnel_count = 1,
                                .capabilities = &capability,
                                .capability_count = 1};
    uint8_t *bytes;
    size_t size;
    tn_control *back;
    tn_error error = TN_ERR_NOMEM;
    json_set_alloc_funcs(allocate, free);
    for (unsigned n = 0; error != TN_OK; ++n) {
        allocations_left = n;
        error = tn_control_encode(&message, &bytes, &size);
        assert_true(error == TN_OK || error == TN_ERR_NOMEM);
        assert_true(n < 500);
    }
    error = TN_ERR_NOMEM;
    for (unsigned n = 0; error != TN_OK; ++n) {
        allocations_left = n;
        error = decode_bytes((const char *)bytes + 4, size - 4, &back);
        /* jansson's scanner calls what it has no memory for a syntax error */
        assert_true(error == TN_OK || error == TN_ERR_NOMEM || error == TN_ERR_PROTOCOL);
        assert_true(n < 500);
    }
    json_set_alloc_funcs(malloc, free);
    tn_control_free(back);
    tn_control_release(bytes, size);
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(tn_control_type_name(TN_CONTROL_TUNNEL_UPDATE), "tunnel_update");
    assert_string_equal(tn_control_type_name(TN_CONTROL_UNKNOWN), "unknown");
    tn_control_free(NULL);
    tn_control_release(NULL, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_read),
        cmocka_unit_test(a_handshake_may_say_little),
        cmocka_unit_test(another_version_is_read),
        cmocka_unit_test(a_response_is_read),
        cmocka_unit_test(the_other_messages_are_read),
        cmocka_unit_test(an_unknown_type_is_for_the_caller_to_answer),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(an_oversize_message_is_refused),
        cmocka_unit_test(sixteen_levels_are_read_and_not_one_more),
        cmocka_unit_test(deep_nesting_is_refused_however_it_is_written),
        cmocka_unit_test(keys_that_come_twice_are_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(text_that_could_fool_a_terminal_is_refused),
        cmocka_unit_test(what_stands_behind_a_message_is_refused),
        cmocka_unit_test(missing_fields_are_named),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(no_field_takes_what_it_is_not),
        cmocka_unit_test(long_text_is_refused),
        cmocka_unit_test(more_elements_than_allowed_are_refused),
        cmocka_unit_test(a_problem_is_cut_to_its_room),
        cmocka_unit_test(a_handshake_comes_back),
        cmocka_unit_test(a_response_comes_back),
        cmocka_unit_test(the_other_messages_come_back),
        cmocka_unit_test(a_ping_carries_its_timestamp_twice),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
