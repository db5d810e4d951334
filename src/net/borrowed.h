// SPDX-License-Identifier: ISC
//
// The pieces of memory given to Connection::put() since the last flush. Internal to net.

#pragma once

#include "base/recycled.h"
#include "net/connection.h"

#include <algorithm>
#include <sys/uio.h>

namespace tunnel {

struct Connection::Borrowed : Recycled<Connection::Borrowed> {
    static constexpr size_t pieces_max = 62; // makes it 1 KiB

    size_t first = 0; // those before it have been sent
    size_t count = 0;
    iovec pieces[pieces_max];

    std::span<const iovec> all() const { return {pieces + first, count - first}; }
    void add(std::span<const uint8_t> bytes);
    void drop(size_t bytes);
};

// Joins what is contiguous in memory.
inline void Connection::Borrowed::add(std::span<const uint8_t> bytes)
{
    if (count > first) {
        iovec &last = pieces[count - 1];
        if (static_cast<const uint8_t *>(last.iov_base) + last.iov_len == bytes.data()) {
            last.iov_len += bytes.size();
            return;
        }
    }
    pieces[count++] = {const_cast<uint8_t *>(bytes.data()), bytes.size()};
}

inline void Connection::Borrowed::drop(size_t bytes)
{
    while (bytes > 0) {
        iovec &piece = pieces[first];
        size_t n = std::min(bytes, piece.iov_len);
        piece.iov_base = static_cast<uint8_t *>(piece.iov_base) + n;
        piece.iov_len -= n;
        bytes -= n;
        if (piece.iov_len == 0)
            first++;
    }
}

} // namespace tunnel
