// SPDX-License-Identifier: ISC
//
// HTTP/1 heads. The first byte says whose; the rest is the head. Whatever it is: the same verdict
// for every cut, and what is taken can be written down again and means the same.

#include <tunnel/http1.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "expect.h"

namespace {

constexpr size_t cuts_max = 300;

struct Asked {
    bool response;
    bool to_head;
    bool to_upgrade;
};

ssize_t parse(tn_http1_head &head, Asked asked, const uint8_t *in, size_t size)
{
    tn_http1_limits limits;
    if (!asked.response) {
        tn_http1_request_limits(&limits);
        return tn_http1_parse_request(&head, &limits, in, size);
    }
    tn_http1_response_limits(&limits);
    return tn_http1_parse_response(&head, &limits, in, size, asked.to_head, asked.to_upgrade);
}

void check_cuts(const tn_http1_head &whole, ssize_t verdict, Asked asked, const uint8_t *in,
                size_t size)
{
    static tn_http1_head part;
    size_t step = std::max<size_t>(1, size / cuts_max);
    bool decided = false;
    for (size_t cut = 0; cut < size; cut += step) {
        std::unique_ptr<uint8_t[]> copy(new uint8_t[cut]);
        std::copy(in, in + cut, copy.get());
        ssize_t got = parse(part, asked, copy.get(), cut);
        EXPECT(got == verdict || (got == 0 && !decided));
        decided = got != 0;
        EXPECT(got >= 0 || (part.refusal == whole.refusal && strcmp(part.why, whole.why) == 0));
    }
}

void check_field(const tn_http1_field &field)
{
    EXPECT(field.name.len > 0);
    for (char byte : text_of(field.name))
        EXPECT(byte > ' ' && byte != ':' && byte != 0x7f);
    std::string value = text_of(field.value);
    for (unsigned char byte : value)
        EXPECT((byte >= ' ' && byte != 0x7f) || byte == '\t');
    EXPECT(value.empty() || (value.front() != ' ' && value.back() != ' ' && value.front() != '\t' &&
                             value.back() != '\t'));
}

// The head as a forwarder would write it, all fields included.
std::string write(const tn_http1_head &head)
{
    std::string minor(1, static_cast<char>('0' + head.minor));
    std::string out =
        head.status
            ? "HTTP/1." + minor + " " + std::to_string(head.status) + " " + text_of(head.reason)
            : text_of(head.method) + " " + text_of(head.target) + " HTTP/1." + minor;
    for (size_t i = 0; i < head.field_count; ++i)
        out += "\r\n" + text_of(head.fields[i].name) + ": " + text_of(head.fields[i].value);
    return out + "\r\n\r\n";
}

void check_again(const tn_http1_head &head, Asked asked)
{
    static tn_http1_head again;
    std::string text = write(head);
    ssize_t got = parse(again, asked, reinterpret_cast<const uint8_t *>(text.data()), text.size());
    bool longer_than_limit = got < 0 && (again.refusal == 431 || again.refusal == 502);
    if (longer_than_limit)
        return; // a blank behind each colon more
    EXPECT(got == static_cast<ssize_t>(text.size()));
    EXPECT(again.framing == head.framing && again.content_length == head.content_length);
    EXPECT(again.keep_alive == head.keep_alive && again.is_upgrade == head.is_upgrade);
    EXPECT(again.field_count == head.field_count);
    EXPECT(text_of(again.host) == text_of(head.host) && text_of(again.path) == text_of(head.path));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tn_http1_head head;
    if (size == 0)
        return 0;
    Asked asked{(data[0] & 1) != 0, (data[0] & 2) != 0, (data[0] & 4) != 0};
    ssize_t verdict = parse(head, asked, data + 1, size - 1);
    EXPECT(verdict == TN_ERR_PROTOCOL ||
           (verdict >= 0 && static_cast<size_t>(verdict) <= size - 1));
    check_cuts(head, verdict, asked, data + 1, size - 1);
    if (verdict <= 0)
        return 0;
    for (size_t i = 0; i < head.field_count; ++i)
        check_field(head.fields[i]);
    check_again(head, asked);
    return 0;
}
