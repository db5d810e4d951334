// SPDX-License-Identifier: ISC
//
// Chunked framing, written (RFC 9112 7.1): no extensions, no leading zeros.

#pragma once

#include "flow/message.h"

namespace tunnel {

constexpr size_t chunk_line_max = 18; // 16 digits, CRLF

// Writes the line in front of a chunk of `size` bytes (> 0); returns its length.
size_t chunk_line(uint8_t *dst, size_t size);

// What we write of one piece of a body may be longer than the piece: a chunk cut in two at
// each end of it, the last chunk, and trailers of which most had come before.
constexpr size_t chunk_overhead = 64 + TN_HTTP1_TRAILERS_MAX;

// Writes a body that `message` reads into `dst`, framed anew or (`chunked` false) as it is.
// `room` must be the input's size plus chunk_overhead.
class ChunkWriter {
public:
    ChunkWriter(uint8_t *dst, size_t room, bool chunked) : dst_(dst), room_(room), chunked_(chunked)
    {}

    // Passes on what `in` holds of the body, and the end when it comes. Returns Found::more, end or
    // broken; `in` then holds what stands behind the message.
    Message::Found pass(Message &message, std::span<const uint8_t> &in);

    size_t size() const { return size_; }       // bytes written
    size_t payload() const { return payload_; } // of them body

private:
    void add(std::span<const uint8_t> bytes);
    void add_chunk(std::span<const uint8_t> bytes);

    uint8_t *dst_;
    size_t room_;
    size_t size_ = 0;
    size_t payload_ = 0;
    bool chunked_;
    bool overflow_ = false;
};

} // namespace tunnel
