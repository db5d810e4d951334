// SPDX-License-Identifier: ISC
//
// Stream headers. The input is read twice: as a header on the wire, and, cut at its commas, as the
// text to write one from; and as one in the short form. jansson agrees that what we take and what we write is JSON.

#include <tunnel/stream_header.h>

#include <jansson.h>

#include <algorithm>

#include "expect.h"

namespace {

bool is_json(const uint8_t *text, size_t size)
{
    json_error_t error;
    json_t *root = json_loadb(reinterpret_cast<const char *>(text), size, 0, &error);
    bool fine = root || json_error_code(&error) == json_error_numeric_overflow;
    json_decref(root);
    return fine;
}

void write_and_read(const tn_stream_header &header)
{
    static uint8_t out[4 + TN_STREAM_HEADER_MAX];
    static char text[TN_STREAM_HEADER_MAX];
    tn_stream_header again;
    ssize_t size = tn_stream_header_encode(&header, out, sizeof out);
    EXPECT(size > 0 || size == TN_ERR_LIMIT);
    if (size < 0)
        return;
    EXPECT(is_json(out + 4, static_cast<size_t>(size) - 4));
    EXPECT(tn_stream_header_decode(&again, out, static_cast<size_t>(size), text, sizeof text) ==
           size);
    EXPECT(again.type == header.type && again.local_port == header.local_port);
    EXPECT(again.path.len <= header.path.len * 3);
}

void check_decoder(const uint8_t *data, size_t size)
{
    static char text[TN_STREAM_HEADER_MAX];
    tn_stream_header header;
    ssize_t got = tn_stream_header_decode(&header, data, size, text, sizeof text);
    EXPECT(got == 0 || got == TN_ERR_PROTOCOL || got == TN_ERR_LIMIT ||
           (got > 4 && static_cast<size_t>(got) <= size));
    if (got <= 0)
        return;
    EXPECT(is_json(data + 4, static_cast<size_t>(got) - 4));
    if (header.type != TN_VISIT_OTHER)
        write_and_read(header);
}

// What is taken can be written again, and is then the same bytes.
void check_short_form(const uint8_t *data, size_t size)
{
    static uint8_t out[TN_SHORT_HEADER_MAX];
    tn_stream_header header;
    tn_request_brief request;
    ssize_t got = tn_short_header_decode(&header, &request, data, size);
    EXPECT(got == 0 || got == TN_ERR_PROTOCOL || (got > 0 && static_cast<size_t>(got) <= size));
    if (got <= 0)
        return;
    ssize_t again = tn_short_header_encode(&header, &request, out, sizeof out);
    EXPECT(again == got || again == TN_ERR_LIMIT); // a text may be longer than we write it
    EXPECT(again < 0 || std::equal(out, out + again, data));
}

tn_slice cut(tn_slice &rest)
{
    const uint8_t *end = rest.data + rest.len;
    const uint8_t *comma = std::find(rest.data, end, ',');
    tn_slice piece{rest.data, static_cast<size_t>(comma - rest.data)};
    rest.data = comma == end ? end : comma + 1;
    rest.len = static_cast<size_t>(end - rest.data);
    return piece;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_decoder(data, size);
    check_short_form(data, size);
    tn_slice rest{data, size};
    tn_stream_header header{};
    header.type = size ? static_cast<tn_visit_type>(data[0] % TN_VISIT_OTHER) : TN_VISIT_HTTP;
    for (tn_slice *member : {&header.subdomain, &header.local_host, &header.request_id,
                             &header.remote_addr, &header.host, &header.method})
        *member = cut(rest);
    header.path = rest;
    write_and_read(header);
    return 0;
}
