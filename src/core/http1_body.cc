// SPDX-License-Identifier: ISC
//
// HTTP/1 bodies: payload is handed on in place, everything else goes byte by byte through the
// states.

#include <algorithm>
#include <cstdlib>

#include "core/http1_body_parts.h"

namespace tunnel::core {
namespace {

BodyState first_state(tn_http1_framing framing, uint64_t length)
{
    switch (framing) {
    case TN_HTTP1_LENGTH:
        return length > 0 ? payload : finished;
    case TN_HTTP1_CHUNKED:
        return size_first;
    case TN_HTTP1_UNTIL_CLOSE:
    case TN_HTTP1_SWITCHED:
        return payload;
    default:
        return finished;
    }
}

bool until_close(const tn_http1_body &body)
{
    return body.framing == TN_HTTP1_UNTIL_CLOSE || body.framing == TN_HTTP1_SWITCHED;
}

int final_answer(tn_http1_body &body)
{
    tn_http1_body_free(&body);
    switch (body.state) {
    case finished:
        return TN_HTTP1_END;
    case broken_limit:
        return TN_ERR_LIMIT;
    case broken_memory:
        return TN_ERR_NOMEM;
    default:
        return TN_ERR_PROTOCOL;
    }
}

tn_slice take_payload(tn_http1_body &body, tn_slice &in)
{
    size_t take = in.len;
    if (!until_close(body))
        take = static_cast<size_t>(std::min<uint64_t>(take, body.left));
    tn_slice data = {in.data, take};
    in.data += take;
    in.len -= take;
    if (until_close(body))
        return data;

    body.left -= take;
    if (body.left == 0)
        body.state = body.framing == TN_HTTP1_LENGTH ? finished : payload_cr;
    return data;
}

BodyState read_byte(tn_http1_body &body, uint8_t byte)
{
    bool in_trailers = body.state >= trailer_line;
    return in_trailers ? read_trailer_byte(body, byte) : read_chunk_byte(body, byte);
}

} // namespace
} // namespace tunnel::core

using namespace tunnel::core;

void tn_http1_body_init(tn_http1_body *body, tn_http1_framing framing, uint64_t length)
{
    *body = {};
    body->framing = static_cast<uint8_t>(framing);
    body->state = first_state(framing, length);
    body->left = framing == TN_HTTP1_LENGTH ? length : 0;
}

void tn_http1_body_free(tn_http1_body *body)
{
    free(body->trailers);
    body->trailers = nullptr;
}

int tn_http1_body_next(tn_http1_body *body, tn_slice *in, tn_slice *data)
{
    if (body->state == trailers_given)
        body->state = finished;
    if (body->state >= finished)
        return final_answer(*body);

    while (in->len > 0) {
        if (body->state == payload) {
            *data = take_payload(*body, *in);
            return TN_HTTP1_DATA;
        }
        body->state = read_byte(*body, *in->data);
        ++in->data;
        --in->len;
        if (body->state >= finished)
            return final_answer(*body);
        if (body->state == trailers_given) {
            *data = {body->trailers, body->trailers_size};
            return TN_HTTP1_TRAILERS;
        }
    }
    return TN_HTTP1_MORE;
}

uint64_t tn_http1_body_left(const tn_http1_body *body)
{
    return body->state == payload && !until_close(*body) ? body->left : 0;
}

bool tn_http1_body_done(const tn_http1_body *body)
{
    return body->state == finished || body->state == trailers_given;
}
