// SPDX-License-Identifier: ISC
//
// Bytes that wait: first in, first out, in blocks that are given back as they empty. Unlike
// an evbuffer it never rounds a block up to the next power of two, so a full window of 256 KiB
// costs 256 KiB and not 512. One thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/uio.h>

namespace tunnel {

class ByteQueue {
public:
    ByteQueue() = default;
    ByteQueue(ByteQueue &&other) noexcept;
    ByteQueue &operator=(ByteQueue &&other) noexcept;
    ~ByteQueue() { clear(); }

    bool empty() const { return size_ == 0; }
    size_t size() const { return size_; }

    void append(std::span<const uint8_t> bytes); // copies
    // Describes the head of the queue in up to `max` pieces; returns how many.
    size_t peek(iovec *pieces, size_t max) const;
    std::span<const uint8_t> front() const; // the first contiguous run; empty if empty
    size_t take(uint8_t *dst, size_t max);  // moves up to `max` bytes out
    void drain(size_t n);                   // n <= size()
    void clear();

private:
    struct Block;
    void add_block(size_t wanted);
    void drop_first();

    Block *first_ = nullptr;
    Block *last_ = nullptr;
    size_t size_ = 0;
};

} // namespace tunnel
