// SPDX-License-Identifier: ISC
//
// HTTP/1 heads: limits, lines, and what both kinds of head do with them. A line is scanned once for
// its end and for bytes that no line may have; only then does anybody look at its grammar.

#include "core/http1_head.h"
#include "core/words.h"

#include <algorithm>
#include <cstring>

namespace tunnel::core {
namespace {

const uint8_t *find_control(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i block = load_block(at);
        __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));
        if (unsigned controls = bits_of(_mm_or_si128(bytes_in_range(block, 0, 0x1f), del)))
            return at + std::countr_zero(controls);
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t word = load_word(at);
        if (uint64_t controls = bytes_below(word, 0x20) | bytes_equal(word, 0x7f))
            return at + first_in(controls);
    }
    while (at < end && !is(*at, control_byte))
        ++at;
    return at;
}

const uint8_t *find_line_end(const uint8_t *at, const uint8_t *end)
{
    for (;; ++at) {
        at = find_control(at, end);
        if (at == end || *at != '\t')
            return at;
    }
}

} // namespace

HeadReader start_reading(tn_http1_head &head, const tn_http1_limits &limits, const uint8_t *in,
                         size_t size)
{
    memset(&head, 0, offsetof(tn_http1_head, fields));
    return {head, limits, in, in, in + std::min<size_t>(size, limits.head)};
}

Got refuse(tn_http1_head &head, uint16_t status, const char *why)
{
    head.refusal = status;
    head.why = why;
    return Got::refused;
}

// A line of up to `limit` bytes and its CRLF. The first byte that is one too many, or that may not
// stand in a line, decides.
Got read_line(HeadReader &reader, size_t limit, uint16_t status_if_long, tn_slice &line)
{
    const uint8_t *start = reader.at;
    const uint8_t *at = find_line_end(start, reader.stop);
    if (static_cast<size_t>(at - start) > limit)
        return refuse(reader.head, status_if_long, "line too long");

    bool unfinished = at == reader.stop || (*at == '\r' && at + 1 == reader.stop);
    bool full = static_cast<size_t>(reader.stop - reader.begin) == reader.limits.head;
    if (unfinished && full)
        return refuse(reader.head, status_if_long, "head too long");
    if (unfinished)
        return Got::part;
    if (*at != '\r')
        return refuse(reader.head, 400, *at == '\n' ? "bare LF" : "control byte");
    if (at[1] != '\n')
        return refuse(reader.head, 400, "bare CR");

    line = slice_between(start, at);
    reader.at = at + 2;
    return Got::all;
}

Got read_fields(HeadReader &reader)
{
    for (;;) {
        tn_slice line;
        Got got = read_line(reader, reader.limits.field_line, 431, line);
        if (got != Got::all || line.len == 0)
            return got;
        if (add_field(reader, line) == Got::refused)
            return Got::refused;
    }
}

ssize_t result(const HeadReader &reader, Got got)
{
    if (got == Got::refused)
        return TN_ERR_PROTOCOL;
    return got == Got::all ? reader.at - reader.begin : 0;
}

} // namespace tunnel::core

void tn_http1_request_limits(tn_http1_limits *limits)
{
    *limits = {
        .head = 32 * 1024, .start_line = 8 * 1024 + 192, .field_line = 16 * 1024, .fields = 100};
}

void tn_http1_response_limits(tn_http1_limits *limits)
{
    *limits = {
        .head = 64 * 1024, .start_line = 8 * 1024 + 192, .field_line = 16 * 1024, .fields = 200};
}

const tn_http1_field *tn_http1_find(const tn_http1_head *head, tn_http1_name name)
{
    for (size_t i = 0; i < head->field_count; ++i)
        if (head->fields[i].known == name)
            return &head->fields[i];
    return nullptr;
}
