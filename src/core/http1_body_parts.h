// SPDX-License-Identifier: ISC
//
// The states of a body, and the two sections of a chunked one that are read byte by byte, so that
// cuts cannot matter.

#ifndef CORE_HTTP1_BODY_PARTS_H
#define CORE_HTTP1_BODY_PARTS_H

#include <tunnel/http1_body.h>

namespace tunnel::core {

enum BodyState : uint8_t {
    payload, // `left` bytes of the body or of a chunk

    // Chunk-size lines, RFC 9112 7.1 and 7.1.1. BWS is what a "blank" state waits in.
    payload_cr, // behind the bytes of a chunk
    payload_lf,
    size_first, // at least one digit
    size_digits,
    size_blank, // then ';'
    name_first, // behind ';'
    name,
    name_blank,  // then '=' or ';'
    value_first, // behind '='
    value_token,
    value_quoted,
    value_escaped, // behind '\'
    value_end,     // behind the closing quote
    value_blank,   // then ';'
    size_lf,

    // The trailer section, RFC 9112 7.1.2.
    trailer_line,
    trailer_lf,
    trailers_given, // TN_HTTP1_TRAILERS was the last answer

    // The rest is final.
    finished,
    broken_syntax,
    broken_limit,
    broken_memory,
};

// One byte of a chunk-size line, the CRLF behind a chunk's bytes included: the next state.
BodyState read_chunk_byte(tn_http1_body &body, uint8_t byte);

// One byte of the trailer section: the next state.
BodyState read_trailer_byte(tn_http1_body &body, uint8_t byte);

} // namespace tunnel::core

#endif
