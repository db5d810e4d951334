// SPDX-License-Identifier: ISC
//
// The length in front of a control message. A message that arrives whole is handed on in place;
// only one that comes in pieces is copied, into memory that grows with the bytes that are really
// there.

#include <tunnel/envelope.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/bytes.h"

namespace tunnel::core {
namespace {

constexpr uint32_t smallest_buffer = 1024;

int fail(tn_envelope_decoder &decoder, tn_error error)
{
    tn_envelope_decoder_free(&decoder);
    decoder.failure = error;
    return error;
}

void forget_message(tn_envelope_decoder &decoder)
{
    if (decoder.held)
        explicit_bzero(decoder.held, decoder.capacity);
    free(decoder.held);
    decoder.held = nullptr;
    decoder.capacity = decoder.received = decoder.size = 0;
    decoder.prefix_size = 0;
    decoder.delivered = false;
}

void advance(tn_slice &in, size_t bytes)
{
    in.data += bytes;
    in.len -= bytes;
}

// True once the length is known (`decoder.size`) or the decoder has failed.
bool read_prefix(tn_envelope_decoder &decoder, tn_slice &in)
{
    while (decoder.prefix_size < TN_ENVELOPE_PREFIX && in.len > 0) {
        decoder.prefix[decoder.prefix_size++] = *in.data;
        advance(in, 1);
    }
    if (decoder.prefix_size < TN_ENVELOPE_PREFIX)
        return false;

    decoder.size = get_be32(decoder.prefix);
    if (decoder.size == 0)
        fail(decoder, TN_ERR_PROTOCOL);
    else if (decoder.size > decoder.max)
        fail(decoder, TN_ERR_LIMIT);
    return true;
}

// A fresh buffer instead of realloc(), which would leave a token behind in freed memory.
bool make_room(tn_envelope_decoder &decoder, uint32_t wanted)
{
    if (wanted <= decoder.capacity)
        return true;

    uint32_t capacity =
        std::min(decoder.size, std::max({smallest_buffer, wanted, decoder.capacity * 2}));
    auto *bigger = static_cast<uint8_t *>(malloc(capacity));
    if (!bigger)
        return false;
    if (decoder.held) {
        memcpy(bigger, decoder.held, decoder.received);
        explicit_bzero(decoder.held, decoder.capacity);
        free(decoder.held);
    }
    decoder.held = bigger;
    decoder.capacity = capacity;
    return true;
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

void tn_envelope_decoder_init(tn_envelope_decoder *decoder, uint32_t max)
{
    *decoder = {};
    decoder->max = std::min(max, TN_ENVELOPE_MAX);
}

void tn_envelope_decoder_free(tn_envelope_decoder *decoder) { forget_message(*decoder); }

int tn_envelope_next(tn_envelope_decoder *decoder, tn_slice *in, tn_slice *message)
{
    if (decoder->failure)
        return decoder->failure;
    if (decoder->delivered)
        forget_message(*decoder);
    if (decoder->size == 0 && !read_prefix(*decoder, *in))
        return TN_ENVELOPE_MORE;
    if (decoder->failure)
        return decoder->failure;

    if (decoder->received == 0 && in->len >= decoder->size) {
        *message = {in->data, decoder->size};
        advance(*in, decoder->size);
        forget_message(*decoder);
        return TN_ENVELOPE_MESSAGE;
    }

    auto take = static_cast<uint32_t>(std::min<size_t>(in->len, decoder->size - decoder->received));
    if (take > 0 && !make_room(*decoder, decoder->received + take))
        return fail(*decoder, TN_ERR_NOMEM);
    if (take > 0)
        memcpy(decoder->held + decoder->received, in->data, take);
    decoder->received += take;
    advance(*in, take);
    if (decoder->received < decoder->size)
        return TN_ENVELOPE_MORE;

    *message = {decoder->held, decoder->size};
    decoder->delivered = true;
    return TN_ENVELOPE_MESSAGE;
}

bool tn_envelope_decoder_idle(const tn_envelope_decoder *decoder)
{
    return !decoder->failure && (decoder->prefix_size == 0 || decoder->delivered);
}

tn_error tn_envelope_encode_prefix(size_t size, uint8_t out[TN_ENVELOPE_PREFIX])
{
    if (size == 0 || size > TN_ENVELOPE_MAX)
        return TN_ERR_LIMIT;
    put_be32(out, static_cast<uint32_t>(size));
    return TN_OK;
}
