// SPDX-License-Identifier: ISC
//
// One field line of a head (RFC 9112 5), and the values that decide where a message goes and ends.
// Those must be sent once, in one way of writing: a list, a sign or a second copy is refused even
// where RFC 9110 would let us repair it, because somebody behind us may repair it differently.

#include "core/http1_head.h"
#include "core/words.h"

namespace tunnel::core {
namespace {

constexpr uint64_t length_max = INT64_MAX;

Got read_host(tn_http1_head &head, tn_slice value)
{
    if (head.host.data)
        return refuse(head, 400, "more than one Host");
    head.host = value;
    if (value.len == 0)
        return Got::all; // judged by the request line: RFC 9112 3.2

    Authority authority;
    const char *why = parse_authority(value, authority);
    return why ? refuse(head, 400, why) : Got::all;
}

Got read_content_length(tn_http1_head &head, tn_slice value)
{
    if (head.has_content_length)
        return refuse(head, 400, "more than one Content-Length");
    if (value.len == 0)
        return refuse(head, 400, "empty Content-Length");

    uint64_t length = 0;
    for (size_t i = 0; i < value.len; ++i) {
        if (!is(value.data[i], digit_byte))
            return refuse(head, 400, "Content-Length is not a number");
        uint64_t digit = value.data[i] - uint64_t{'0'};
        if (length > (length_max - digit) / 10)
            return refuse(head, 400, "Content-Length too large");
        length = length * 10 + digit;
    }
    head.content_length = length;
    head.has_content_length = true;
    return Got::all;
}

// "chunked" alone is understood. Other codings in front of it are 501 (RFC 9112 6.1); anything else
// leaves the length of the message open (6.3).
Got read_transfer_encoding(tn_http1_head &head, tn_slice value)
{
    if (head.framing == TN_HTTP1_CHUNKED)
        return refuse(head, 400, "more than one Transfer-Encoding");
    if (equals_in_any_case(value, "chunked")) {
        head.framing = TN_HTTP1_CHUNKED;
        return Got::all;
    }

    tn_slice coding = value;
    while (coding.len > 0 && is_token(trim(cut_at(coding, ','))))
        if (equals_in_any_case(trim(coding), "chunked"))
            return refuse(head, 501, "transfer coding other than chunked");
    return refuse(head, 400, "Transfer-Encoding is not chunked");
}

Got read_expect(tn_http1_head &head, tn_slice value)
{
    if (head.minor == 0)
        return Got::all; // RFC 9110 10.1.1: ignored
    if (!equals_in_any_case(value, "100-continue"))
        return refuse(head, 417, "unknown expectation");
    head.expects_continue = true;
    return Got::all;
}

Got read_value(tn_http1_head &head, const tn_http1_field &field)
{
    bool request = head.status == 0;
    switch (field.known) {
    case TN_HTTP1_HOST:
        return request ? read_host(head, field.value) : Got::all;
    case TN_HTTP1_EXPECT:
        return request ? read_expect(head, field.value) : Got::all;
    case TN_HTTP1_CONTENT_LENGTH:
        return read_content_length(head, field.value);
    case TN_HTTP1_TRANSFER_ENCODING:
        return read_transfer_encoding(head, field.value);
    default:
        return Got::all;
    }
}

} // namespace

namespace {

// Letters, digits and '-': most names have nothing else. Stops before the first other byte or
// earlier.
const uint8_t *skip_plain_name(const uint8_t *at, const uint8_t *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i block = load_block(at);
        __m128i letters = bytes_in_range(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 'z');
        __m128i dashes = _mm_cmpeq_epi8(block, _mm_set1_epi8('-'));
        __m128i plain =
            _mm_or_si128(_mm_or_si128(letters, bytes_in_range(block, '0', '9')), dashes);
        if (unsigned other = ~bits_of(plain) & 0xffff)
            return at + std::countr_zero(other);
    }
#endif
    (void)end;
    return at;
}

} // namespace

const char *parse_field(tn_slice line, tn_http1_field &field)
{
    const uint8_t *end = line.data + line.len;
    const uint8_t *at = skip_plain_name(line.data, end);
    bool underscore = false;
    for (; at < end && is(*at, token_byte); ++at)
        underscore |= *at == '_';

    if (at == line.data)
        return is_blank(*at) ? "folded field line" : "field without a name";
    if (at == end)
        return "field without a colon";
    if (*at != ':')
        return is_blank(*at) ? "blank in a field name" : "byte that no field name has";

    field.name = slice_between(line.data, at);
    field.value = trim(slice_between(at + 1, end));
    FieldName name = find_name(field.name);
    field.known = static_cast<uint8_t>(name.known);
    field.hop = name.scope == Scope::hop_by_hop;
    field.underscore = underscore;
    return nullptr;
}

Got add_field(HeadReader &reader, tn_slice line)
{
    tn_http1_head &head = reader.head;
    if (head.field_count >= reader.limits.fields || head.field_count >= TN_HTTP1_MAX_FIELDS)
        return refuse(head, 431, "too many fields");

    tn_http1_field &field = head.fields[head.field_count];
    if (const char *why = parse_field(line, field))
        return refuse(head, 400, why);
    ++head.field_count;
    return read_value(head, field);
}

} // namespace tunnel::core
