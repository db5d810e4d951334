// SPDX-License-Identifier: ISC

#include "base/text.h"
#include "check.h"

using namespace tunnel;

namespace {

std::string escaped(std::string_view text)
{
    std::string out;
    append_escaped(out, text);
    return out;
}

std::string json(std::string_view text)
{
    std::string out;
    append_json_escaped(out, text);
    return out;
}

} // namespace

TEST(blanks_around_a_text_go_and_those_inside_stay)
{
    CHECK(trim(" \t a b\r\n") == "a b");
    CHECK(trim(" \n").empty());
    CHECK(trim("").empty());
}

TEST(splitting_gives_one_part_more_than_there_are_separators)
{
    CHECK(split("", ',').size() == 1);
    const auto parts = split("a,,b,", ',');
    CHECK(parts.size() == 4);
    CHECK(parts[0] == "a" && parts[1].empty() && parts[2] == "b" && parts[3].empty());
}

TEST(hex_reads_back_and_refuses_what_is_none)
{
    const uint8_t bytes[] = {0x00, 0xff, 0x5a};
    CHECK(to_hex(bytes) == "00ff5a");
    CHECK(from_hex("00FF5a") == std::vector<uint8_t>({0x00, 0xff, 0x5a}));
    CHECK(!from_hex("0"));
    CHECK(!from_hex("0g"));
    CHECK(from_hex("")->empty());
}

TEST(nothing_but_printable_ascii_survives_escaping)
{
    CHECK(escaped("a\"b\\c\n\r\t\x1b\x7f\xc3\xa9") == "a\\\"b\\\\c\\n\\r\\t\\x1b\\x7f\\xc3\\xa9");
    CHECK(json("a\"\n\x1b") == "a\\\"\\n\\u001b");
}

// U+202E turns the text around in a terminal; U+1F600 needs a surrogate pair.
TEST(other_characters_are_numbers_in_json)
{
    CHECK(json("\xe2\x80\xae") == "\\u202e");
    CHECK(json("\xf0\x9f\x98\x80") == "\\ud83d\\ude00");
}

// RFC 3629: stray and missing continuation bytes, longer forms, a surrogate, beyond U+10FFFF.
TEST(bytes_that_are_no_utf8_are_replaced_in_json)
{
    CHECK(json("\xff") == "\\ufffd");
    CHECK(json("\xc3(") == "\\ufffd(");
    CHECK(json("\xc0\xaf") == "\\ufffd\\ufffd");
    CHECK(json("\xed\xa0\x80") == "\\ufffd\\ufffd\\ufffd");
    CHECK(json("\xf4\x90\x80\x80") == "\\ufffd\\ufffd\\ufffd\\ufffd");
    CHECK(json("\xe2\x80") == "\\ufffd\\ufffd");
}

TEST(a_count_is_digits_and_nothing_else)
{
    CHECK(parse_count("0") == 0u);
    CHECK(parse_count("18446744073709551615") == UINT64_MAX);
    for (const char *bad : {"", "-1", "+1", " 1", "1 ", "1.0", "0x10", "18446744073709551616"})
        CHECK(!parse_count(bad));
}

TEST(a_duration_is_numbers_with_units)
{
    CHECK(parse_duration("0") == 0u);
    CHECK(parse_duration("10s") == 10 * second);
    CHECK(parse_duration("1h30m") == 90 * 60 * second);
    CHECK(parse_duration("500ms") == 500 * millisecond);
    CHECK(parse_duration("0.5s") == 500 * millisecond);
    CHECK(parse_duration("2d") == 2 * 86400 * second);
    CHECK(parse_duration("0s") == 0u);
    for (const char *bad : {"", "10", "s", "10 s", "10x", "-1s", "1s2", ".5s", "1.2.3s", "1e3s",
                            "99999999999d", "5 parsecs"})
        CHECK(!parse_duration(bad));
}

TEST(a_size_is_bytes_or_has_a_unit)
{
    CHECK(parse_size("0") == 0u);
    CHECK(parse_size("4096") == 4096u);
    CHECK(parse_size("32KiB") == 32768u);
    CHECK(parse_size("50 MiB") == 50u << 20);
    CHECK(parse_size("1GB") == 1000000000u);
    for (const char *bad : {"", "KiB", "-1", "1.5MiB", "1kib", "1TB", "99999999999GiB"})
        CHECK(!parse_size(bad));
}

TEST(what_is_printed_reads_back)
{
    for (Micros span : {Micros(0), Micros(1), 1500 * millisecond, 90 * second, 86400 * second + 1})
        CHECK(parse_duration(print_duration(span)) == span);
    for (uint64_t size : {uint64_t(0), uint64_t(1), uint64_t(1023), uint64_t(1) << 20,
                          uint64_t(1000000), uint64_t(123456789)})
        CHECK(parse_size(print_size(size)) == size);
    CHECK(print_duration(90 * second) == "1m30s");
    CHECK(print_size(256 * 1024) == "256KiB");
}

TEST(the_edit_distance_counts_a_swap_as_one)
{
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("local_prot", "local_port") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("idel_timeout", "idle_timeout") == 1);
}
