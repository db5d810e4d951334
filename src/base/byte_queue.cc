// SPDX-License-Identifier: ISC

#include "base/byte_queue.h"

#include "base/held_memory.h"
#include "base/spares.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tunnel {

struct ByteQueue::Block {
    Block *next;
    uint32_t begin; // first byte not yet taken
    uint32_t end;   // first free byte
    uint32_t capacity;

    uint8_t *bytes() { return reinterpret_cast<uint8_t *>(this + 1); }
    size_t size() const { return end - begin; }
    size_t room() const { return capacity - end; }
};

namespace {

constexpr size_t block_size = 16 * 1024; // bytes, header included
constexpr size_t small_step = 512;       // smaller blocks are a multiple of this

thread_local Spares<block_size, 16> full_spares;  // 256 KiB
thread_local Spares<small_step, 64> small_spares; // 32 KiB

void *take_memory(size_t size)
{
    count_held_memory(int64_t(size));
    if (size == block_size)
        return full_spares.take();
    return size == small_step ? small_spares.take() : ::operator new(size);
}

void give_memory(void *memory, size_t size)
{
    count_held_memory(-int64_t(size));
    if (size == block_size)
        return full_spares.give(memory);
    return size == small_step ? small_spares.give(memory) : ::operator delete(memory);
}

} // namespace

ByteQueue::ByteQueue(ByteQueue &&other) noexcept
    : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr)),
      size_(std::exchange(other.size_, 0))
{}

ByteQueue &ByteQueue::operator=(ByteQueue &&other) noexcept
{
    if (this == &other)
        return *this;
    clear();
    first_ = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

// A block for `wanted` more bytes. Ten thousand queues that hold a little each stay small; one
// that grows gets as much again as it holds, up to full blocks.
void ByteQueue::add_block(size_t wanted)
{
    size_t aim = std::max(wanted, size_) + sizeof(Block);
    size_t size = std::min((aim + small_step - 1) / small_step * small_step, block_size);
    auto *block = new (take_memory(size)) Block{nullptr, 0, 0, uint32_t(size - sizeof(Block))};
    if (last_)
        last_->next = block;
    else
        first_ = block;
    last_ = block;
}

void ByteQueue::drop_first()
{
    Block *block = first_;
    first_ = block->next;
    if (!first_)
        last_ = nullptr;
    give_memory(block, block->capacity + sizeof(Block));
}

void ByteQueue::append(std::span<const uint8_t> bytes)
{
    while (!bytes.empty()) {
        if (!last_ || last_->room() == 0)
            add_block(bytes.size());
        size_t n = std::min(bytes.size(), last_->room());
        memcpy(last_->bytes() + last_->end, bytes.data(), n);
        last_->end += uint32_t(n);
        size_ += n;
        bytes = bytes.subspan(n);
    }
}

size_t ByteQueue::peek(iovec *pieces, size_t max) const
{
    size_t count = 0;
    for (Block *block = first_; block && count < max; block = block->next)
        pieces[count++] = {block->bytes() + block->begin, block->size()};
    return count;
}

std::span<const uint8_t> ByteQueue::front() const
{
    if (!first_)
        return {};
    return {first_->bytes() + first_->begin, first_->size()};
}

size_t ByteQueue::take(uint8_t *dst, size_t max)
{
    size_t total = std::min(max, size_);
    for (size_t done = 0; done < total;) {
        size_t n = std::min(total - done, first_->size());
        memcpy(dst + done, first_->bytes() + first_->begin, n);
        drain(n);
        done += n;
    }
    return total;
}

void ByteQueue::drain(size_t n)
{
    size_ -= n;
    while (n > 0) {
        size_t part = std::min(n, first_->size());
        first_->begin += uint32_t(part);
        n -= part;
        if (first_->size() == 0)
            drop_first();
    }
}

void ByteQueue::clear()
{
    while (first_)
        drop_first();
    size_ = 0;
}

} // namespace tunnel
