// SPDX-License-Identifier: ISC
//
// How much memory waits in our queues for somebody else: for a socket that does not take it, for
// the rest of a head. Counted where it is taken and given back, each thread for itself; the sum of
// all is brought up to date in steps, so that a byte on its way costs no atomic operation. Any
// thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <vector>

namespace tunnel {

// By so much, bytes, the sum may be off for each thread that holds any.
constexpr int64_t held_memory_slack = 32 * 1024;

void count_held_memory(int64_t bytes); // taken; negative: given back
uint64_t held_memory();                // by all threads together

// From now on `crossed` is called, once, on whatever thread finds the sum below `low` or above
// `high`; the next watch_held_memory() asks for the next call.
void watch_held_memory(uint64_t low, uint64_t high);
// Before there are threads, and after; null: nobody.
void on_held_memory(std::function<void()> crossed);

// Gives a vector memory that is counted.
template <class T> struct CountedMemory {
    using value_type = T;
    CountedMemory() = default;
    template <class U> CountedMemory(const CountedMemory<U> &) {}

    T *allocate(size_t n)
    {
        void *memory = ::operator new(n * sizeof(T));
        count_held_memory(int64_t(n * sizeof(T)));
        return static_cast<T *>(memory);
    }
    void deallocate(T *memory, size_t n)
    {
        count_held_memory(-int64_t(n * sizeof(T)));
        ::operator delete(memory);
    }
    bool operator==(const CountedMemory &) const = default;
};
using HeldBytes = std::vector<uint8_t, CountedMemory<uint8_t>>;

} // namespace tunnel
