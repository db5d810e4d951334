// SPDX-License-Identifier: ISC
//
// Envelopes: the same messages and the same end for every size of the pieces.

#include <tunnel/envelope.h>

#include <algorithm>
#include <vector>

#include "expect.h"

namespace {

struct Outcome {
    std::vector<std::string> messages;
    int verdict;
    bool idle;

    bool operator==(const Outcome &) const = default;
};

Outcome read(const uint8_t *in, size_t size, size_t piece)
{
    Outcome out{};
    tn_envelope_decoder decoder;
    tn_envelope_decoder_init(&decoder, 300);
    for (size_t at = 0; at < size && out.verdict >= 0; at += piece) {
        tn_slice rest{in + at, std::min(piece, size - at)}, message;
        while ((out.verdict = tn_envelope_next(&decoder, &rest, &message)) == TN_ENVELOPE_MESSAGE)
            out.messages.push_back(text_of(message));
        EXPECT(out.verdict < 0 || rest.len == 0);
        EXPECT(decoder.capacity <= 300);
    }
    out.idle = tn_envelope_decoder_idle(&decoder);
    tn_envelope_decoder_free(&decoder);
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    Outcome whole = read(data + 1, size - 1, size);
    EXPECT(whole == read(data + 1, size - 1, 1));
    EXPECT(whole == read(data + 1, size - 1, 1 + data[0]));
    return 0;
}
