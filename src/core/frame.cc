// SPDX-License-Identifier: ISC
//
// The yamux frame header: twelve bytes to a struct and back.

#include <tunnel/frame.h>

#include "core/bytes.h"

using namespace tunnel::core;

namespace {
constexpr uint8_t yamux_version = 0;
}

ssize_t tn_frame_decode(tn_frame *frame, const uint8_t *in, size_t size)
{
    if (size < TN_FRAME_SIZE)
        return 0;
    if (in[0] != yamux_version || in[1] > TN_FRAME_GO_AWAY)
        return TN_ERR_PROTOCOL;

    *frame = {.type = in[1],
              .flags = get_be16(in + 2),
              .stream = get_be32(in + 4),
              .length = get_be32(in + 8)};
    return TN_FRAME_SIZE;
}

void tn_frame_encode(const tn_frame *frame, uint8_t out[TN_FRAME_SIZE])
{
    out[0] = yamux_version;
    out[1] = frame->type;
    put_be16(out + 2, frame->flags);
    put_be32(out + 4, frame->stream);
    put_be32(out + 8, frame->length);
}
