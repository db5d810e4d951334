/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <tunnel/frame.h>

/* yamux spec.md, "Framing": version 0, DATA, SYN, stream 1, 5 bytes follow. */
static const uint8_t data_syn[TN_FRAME_SIZE] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5};

static void eleven_bytes_ask_for_more(void **state)
{
    (void)state;
    tn_frame frame;
    for (size_t size = 0; size < TN_FRAME_SIZE; size++)
        assert_int_equal(tn_frame_decode(&frame, data_syn, size), 0);
}

static void a_header_is_read_field_by_field(void **state)
{
    (void)state;
    tn_frame frame;
    assert_int_equal(tn_frame_decode(&frame, data_syn, sizeof data_syn), TN_FRAME_SIZE);
    assert_int_equal(frame.type, TN_FRAME_DATA);
    assert_int_equal(frame.flags, TN_FRAME_SYN);
    assert_int_equal(frame.stream, 1);
    assert_int_equal(frame.length, 5);
}

static void bytes_are_big_endian(void **state)
{
    (void)state;
    static const uint8_t wire[] = {0,    2,    0x12, 0x34, 0x89, 0xab,
                                   0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98};
    tn_frame frame;
    assert_int_equal(tn_frame_decode(&frame, wire, sizeof wire), TN_FRAME_SIZE);
    assert_int_equal(frame.flags, 0x1234);
    assert_int_equal(frame.stream, 0x89abcdef);
    assert_int_equal(frame.length, 0xfedcba98);
}

static void an_unknown_version_is_a_protocol_error(void **state)
{
    (void)state;
    for (int version = 1; version < 256; version++) {
        uint8_t wire[TN_FRAME_SIZE] = {(uint8_t)version, 2};
        tn_frame frame;
        assert_int_equal(tn_frame_decode(&frame, wire, sizeof wire), TN_ERR_PROTOCOL);
    }
}

static void an_unknown_type_is_a_protocol_error(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        uint8_t wire[TN_FRAME_SIZE] = {0, (uint8_t)type};
        tn_frame frame;
        ssize_t expected = type <= TN_FRAME_GO_AWAY ? (ssize_t)TN_FRAME_SIZE : TN_ERR_PROTOCOL;
        assert_int_equal(tn_frame_decode(&frame, wire, sizeof wire), expected);
    }
}

static void decoding_undoes_encoding(void **state)
{
    (void)state;
    static const uint32_t edges[] = {0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0xffffffff};
    static const uint16_t flags[] = {0, 1, 2, 4, 8, 15, 0x4000, 0xffff};
    for (uint8_t type = 0; type <= TN_FRAME_GO_AWAY; type++)
        for (size_t i = 0; i < 8; i++)
            for (size_t j = 0; j < 8; j++) {
                tn_frame in = {type, flags[i], edges[i], edges[j]}, out;
                uint8_t wire[TN_FRAME_SIZE];
                tn_frame_encode(&in, wire);
                assert_int_equal(tn_frame_decode(&out, wire, sizeof wire), TN_FRAME_SIZE);
                assert_int_equal(out.type, in.type);
                assert_int_equal(out.flags, in.flags);
                assert_int_equal(out.stream, in.stream);
                assert_int_equal(out.length, in.length);
            }
}

static void every_error_has_its_own_sentence(void **state)
{
    (void)state;
    for (int a = TN_ERR_PROTOCOL; a <= TN_OK; a++) {
        assert_string_not_equal(tn_strerror(a), tn_strerror(1));
        for (int b = a + 1; b <= TN_OK; b++)
            assert_string_not_equal(tn_strerror(a), tn_strerror(b));
    }
    assert_int_equal(tn_abi_version(), TN_ABI_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eleven_bytes_ask_for_more),
        cmocka_unit_test(a_header_is_read_field_by_field),
        cmocka_unit_test(bytes_are_big_endian),
        cmocka_unit_test(an_unknown_version_is_a_protocol_error),
        cmocka_unit_test(an_unknown_type_is_a_protocol_error),
        cmocka_unit_test(decoding_undoes_encoding),
        cmocka_unit_test(every_error_has_its_own_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
