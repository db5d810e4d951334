// SPDX-License-Identifier: ISC
//
// Memory for objects that come and go with every request: a thread keeps that of the last few of
// each kind for the next ones. The allocator's own cache holds seven of a size, and a turn of the
// loop may end fifty visits. Derive from Recycled<Self>; an object may die on another thread.

#pragma once

#include <cstddef>
#include <new>

namespace tunnel {

template <class T> class Recycled {
public:
    static void *operator new(size_t size)
    {
        if (spares.first == nullptr || size != sizeof(T))
            return ::operator new(size);
        Spare *spare = spares.first;
        spares.first = spare->next;
        spares.count--;
        return spare;
    }

    static void operator delete(void *memory, size_t size)
    {
        if (spares.count == spares_max || size != sizeof(T))
            return ::operator delete(memory);
        spares.first = new (memory) Spare{spares.first};
        spares.count++;
    }

private:
// Under AddressSanitizer nothing is kept: it has to see every use of what has died.
#ifdef __SANITIZE_ADDRESS__
    static constexpr size_t spares_max = 0;
#else
    static constexpr size_t spares_max = 64;
#endif

    struct Spare {
        Spare *next;
    };

    struct Spares {
        Spare *first = nullptr;
        size_t count = 0;

        ~Spares()
        {
            while (Spare *spare = first) {
                first = spare->next;
                ::operator delete(spare);
            }
            count = spares_max; // what dies after this is not kept
        }
    };

    static inline thread_local Spares spares;
};

} // namespace tunnel
