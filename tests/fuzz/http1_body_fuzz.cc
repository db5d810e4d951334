// SPDX-License-Identifier: ISC
//
// HTTP/1 bodies. The first byte says how framed and how large the pieces are; the outcome does not
// depend on the latter. What is taken can be written down as one chunk, and ends where it ended.

#include <tunnel/http1_body.h>

#include <algorithm>

#include "expect.h"

namespace {

struct Outcome {
    std::string payload;
    std::string trailers;
    int verdict;
    size_t used;

    bool operator==(const Outcome &) const = default;
};

Outcome read(tn_http1_framing framing, const uint8_t *in, size_t size, size_t piece)
{
    Outcome out{};
    tn_http1_body body;
    tn_http1_body_init(&body, framing, 10);
    for (size_t at = 0; at < size && out.verdict == TN_HTTP1_MORE; at += piece) {
        tn_slice rest{in + at, std::min(piece, size - at)}, data;
        size_t given = rest.len;
        while ((out.verdict = tn_http1_body_next(&body, &rest, &data)) > 0 &&
               out.verdict != TN_HTTP1_END)
            (out.verdict == TN_HTTP1_DATA ? out.payload : out.trailers) += text_of(data);
        out.used += given - rest.len;
    }
    EXPECT(tn_http1_body_done(&body) == (out.verdict == TN_HTTP1_END));
    tn_http1_body_free(&body);
    return out;
}

// The trailers that are left are a section of their own, and none of them is one that is dropped.
void check_trailers(const std::string &trailers)
{
    std::string text = "0\r\n" + trailers + "\r\n";
    Outcome again = read(TN_HTTP1_CHUNKED, reinterpret_cast<const uint8_t *>(text.data()),
                         text.size(), text.size());
    EXPECT(again.verdict == TN_HTTP1_END && again.used == text.size() &&
           again.trailers == trailers);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    auto framing = static_cast<tn_http1_framing>(TN_HTTP1_LENGTH + data[0] % 3);
    size_t piece = 1 + data[0] / 3;
    Outcome whole = read(framing, data + 1, size - 1, size);
    EXPECT(whole == read(framing, data + 1, size - 1, piece));
    EXPECT(whole == read(framing, data + 1, size - 1, 1));
    if (whole.verdict == TN_HTTP1_END)
        check_trailers(whole.trailers);
    return 0;
}
