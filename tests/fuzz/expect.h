// SPDX-License-Identifier: ISC
//
// What a fuzz target holds true. Unlike assert(), it is there in every build.

#ifndef FUZZ_EXPECT_H
#define FUZZ_EXPECT_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <tunnel/slice.h>

#define EXPECT(claim)                                                                              \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #claim);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

inline std::string text_of(tn_slice slice)
{
    return {reinterpret_cast<const char *>(slice.data), slice.len};
}

#endif
