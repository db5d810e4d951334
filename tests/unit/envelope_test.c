/* SPDX-License-Identifier: ISC */
/* The length in front of control messages: tunnel-protocol(7), "Control messages". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/envelope.h>

static int next(tn_envelope_decoder *decoder, const void *bytes, size_t size, tn_slice *message,
                size_t *used)
{
    tn_slice in = {bytes, size};
    int answer = tn_envelope_next(decoder, &in, message);
    *used = size - in.len;
    return answer;
}

static void a_whole_message_is_given_in_place(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 0, 0, 2, '{', '}', 0};
    tn_envelope_decoder decoder;
    tn_slice message;
    size_t used;
    tn_envelope_decoder_init(&decoder, TN_ENVELOPE_MAX);
    assert_true(tn_envelope_decoder_idle(&decoder));
    assert_int_equal(next(&decoder, bytes, sizeof bytes, &message, &used), TN_ENVELOPE_MESSAGE);
    assert_ptr_equal(message.data, bytes + 4);
    assert_int_equal(message.len, 2);
    assert_int_equal(used, 6);
    assert_true(tn_envelope_decoder_idle(&decoder));
    assert_null(decoder.held);
}

/* Three messages, cut in two at every byte and byte by byte. */
static void messages_survive_every_cut(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0,   0,   0,   1, 'a', 0, 0, 0,   3,
                                    'b', 'c', 'd', 0, 0,   0, 2, 'e', 'f'};
    for (size_t cut = 0; cut <= sizeof bytes; ++cut) {
        tn_envelope_decoder decoder;
        char seen[8] = "";
        size_t step = cut == sizeof bytes ? 1 : sizeof bytes;
        size_t size = cut == sizeof bytes ? 1 : cut;
        tn_envelope_decoder_init(&decoder, 3);
        for (size_t at = 0; at < sizeof bytes; at += size, size = step) {
            if (size > sizeof bytes - at)
                size = sizeof bytes - at;
            tn_slice in = {bytes + at, size}, message;
            int answer;
            while ((answer = tn_envelope_next(&decoder, &in, &message)) == TN_ENVELOPE_MESSAGE)
                strncat(seen, (const char *)message.data, message.len);
            assert_int_equal(answer, TN_ENVELOPE_MORE);
            assert_int_equal(in.len, 0);
        }
        assert_string_equal(seen, "abcdef");
        assert_true(tn_envelope_decoder_idle(&decoder));
        tn_envelope_decoder_free(&decoder);
    }
}

static void an_unfinished_message_is_no_place_to_end(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 0, 0, 2, '{'};
    for (size_t size = 1; size <= sizeof bytes; ++size) {
        tn_envelope_decoder decoder;
        tn_slice message;
        size_t used;
        tn_envelope_decoder_init(&decoder, 10);
        assert_int_equal(next(&decoder, bytes, size, &message, &used), TN_ENVELOPE_MORE);
        assert_false(tn_envelope_decoder_idle(&decoder));
        tn_envelope_decoder_free(&decoder);
        tn_envelope_decoder_free(&decoder);
    }
}

static void expect_failure(const uint8_t *prefix, uint32_t max, int failure)
{
    for (int step = 1; step <= 4; step += 3) {
        tn_envelope_decoder decoder;
        tn_slice message;
        size_t used;
        int answer = TN_ENVELOPE_MORE;
        tn_envelope_decoder_init(&decoder, max);
        for (int at = 0; at < 4; at += step)
            answer = next(&decoder, prefix + at, (size_t)step, &message, &used);
        assert_int_equal(answer, failure);
        assert_null(decoder.held);
        assert_int_equal(next(&decoder, "x", 1, &message, &used), failure);
        assert_int_equal(used, 0);
        assert_false(tn_envelope_decoder_idle(&decoder));
    }
}

static void a_length_of_zero_is_a_protocol_error(void **state)
{
    (void)state;
    expect_failure((const uint8_t[]){0, 0, 0, 0}, TN_ENVELOPE_MAX, TN_ERR_PROTOCOL);
}

static void a_length_above_the_limit_is_refused_from_the_length_alone(void **state)
{
    (void)state;
    expect_failure((const uint8_t[]){0, 1, 0, 1}, TN_ENVELOPE_MAX, TN_ERR_LIMIT);
    expect_failure((const uint8_t[]){0xff, 0xff, 0xff, 0xff}, TN_ENVELOPE_MAX, TN_ERR_LIMIT);
    expect_failure((const uint8_t[]){0x40, 0, 0, 0}, TN_ENVELOPE_MAX, TN_ERR_LIMIT);
    expect_failure((const uint8_t[]){0, 0, 0, 11}, 10, TN_ERR_LIMIT);
}

static void the_limit_cannot_be_raised(void **state)
{
    (void)state;
    expect_failure((const uint8_t[]){0, 1, 0, 1}, UINT32_MAX, TN_ERR_LIMIT);
}

static void what_was_announced_is_not_allocated(void **state)
{
    (void)state;
    tn_envelope_decoder decoder;
    tn_slice message;
    size_t used;
    tn_envelope_decoder_init(&decoder, TN_ENVELOPE_MAX);
    assert_int_equal(next(&decoder, "\0\1\0\0", 4, &message, &used), TN_ENVELOPE_MORE);
    assert_null(decoder.held);
    assert_int_equal(next(&decoder, "{", 1, &message, &used), TN_ENVELOPE_MORE);
    assert_true(decoder.capacity <= 1024);
    tn_envelope_decoder_free(&decoder);
}

static void the_largest_message_arrives_in_pieces(void **state)
{
    (void)state;
    static uint8_t piece[1000];
    tn_envelope_decoder decoder;
    tn_slice message;
    size_t used, sent = 0;
    int answer;
    memset(piece, 'x', sizeof piece);
    tn_envelope_decoder_init(&decoder, TN_ENVELOPE_MAX);
    next(&decoder, "\0\1\0\0", 4, &message, &used);
    do {
        answer = next(&decoder, piece, sizeof piece, &message, &used);
        sent += used;
        assert_true(decoder.capacity <= TN_ENVELOPE_MAX);
    } while (answer == TN_ENVELOPE_MORE);
    assert_int_equal(answer, TN_ENVELOPE_MESSAGE);
    assert_int_equal(sent, TN_ENVELOPE_MAX);
    assert_int_equal(message.len, TN_ENVELOPE_MAX);
    assert_int_equal(message.data[TN_ENVELOPE_MAX - 1], 'x');
    tn_envelope_decoder_free(&decoder);
}

static void a_prefix_is_big_endian(void **state)
{
    (void)state;
    uint8_t out[TN_ENVELOPE_PREFIX];
    assert_int_equal(tn_envelope_encode_prefix(0x1234, out), TN_OK);
    assert_memory_equal(out, "\0\0\x12\x34", 4);
    assert_int_equal(tn_envelope_encode_prefix(TN_ENVELOPE_MAX, out), TN_OK);
    assert_memory_equal(out, "\0\1\0\0", 4);
    assert_int_equal(tn_envelope_encode_prefix(0, out), TN_ERR_LIMIT);
    assert_int_equal(tn_envelope_encode_prefix(TN_ENVELOPE_MAX + 1, out), TN_ERR_LIMIT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_message_is_given_in_place),
        cmocka_unit_test(messages_survive_every_cut),
        cmocka_unit_test(an_unfinished_message_is_no_place_to_end),
        cmocka_unit_test(a_length_of_zero_is_a_protocol_error),
        cmocka_unit_test(a_length_above_the_limit_is_refused_from_the_length_alone),
        cmocka_unit_test(the_limit_cannot_be_raised),
        cmocka_unit_test(what_was_announced_is_not_allocated),
        cmocka_unit_test(the_largest_message_arrives_in_pieces),
        cmocka_unit_test(a_prefix_is_big_endian),
    };
    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
