// SPDX-License-Identifier: ISC
//
// Memory of one size that waits for its next use by this thread: the allocator's own cache holds
// seven pieces of a size, and a turn of the loop may end fifty visits. Make it thread_local.

#pragma once

#include <cstddef>
#include <new>

namespace tunnel {

template <size_t size, size_t most> class Spares {
public:
    ~Spares()
    {
        while (first_)
            ::operator delete(pop());
        count_ = kept; // what comes after this is not kept
    }

    void *take() { return first_ ? pop() : ::operator new(size); }

    void give(void *memory)
    {
        if (count_ == kept)
            return ::operator delete(memory);
        first_ = new (memory) Spare{first_};
        count_++;
    }

private:
// Under AddressSanitizer nothing is kept: it has to see every use of what has died.
#ifdef __SANITIZE_ADDRESS__
    static constexpr size_t kept = 0;
#else
    static constexpr size_t kept = most;
#endif

    struct Spare {
        Spare *next;
    };
    static_assert(size >= sizeof(Spare));

    void *pop()
    {
        Spare *spare = first_;
        first_ = spare->next;
        count_--;
        return spare;
    }

    Spare *first_ = nullptr;
    size_t count_ = 0;
};

} // namespace tunnel
