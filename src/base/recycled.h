// SPDX-License-Identifier: ISC
//
// Memory for objects that come and go with every request: a thread keeps that of the last few of
// each kind for the next ones. Derive from Recycled<Self>, and do not derive from that; an object
// may die on another thread.

#pragma once

#include "base/spares.h"

namespace tunnel {

template <class T> class Recycled {
public:
    static void *operator new(size_t) { return spares().take(); }
    static void operator delete(void *memory) { spares().give(memory); }

private:
    static constexpr size_t most = 64;

    static auto &spares()
    {
        static thread_local Spares<sizeof(T), most> of_this_thread;
        return of_this_thread;
    }
};

} // namespace tunnel
