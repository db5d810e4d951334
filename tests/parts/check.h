// SPDX-License-Identifier: ISC
//
// The smallest test frame: TEST(a_claim) { CHECK(…); } registers itself, a failed CHECK says
// where and ends the program. Prints what CMocka prints. One argument runs one test.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <vector>

namespace check {

struct Test {
    const char *name;
    void (*run)();
};

inline std::vector<Test> &tests()
{
    static std::vector<Test> all;
    return all;
}

struct Registered {
    Registered(const char *name, void (*run)()) { tests().push_back({name, run}); }
};

[[noreturn]] inline void fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    fflush(nullptr);
    _Exit(1);
}

// For values that can be printed: shows both.
template <class A, class B>
void equal(const char *file, int line, const char *text, const A &a, const B &b)
{
    if (a == b)
        return;
    std::ostringstream what;
    what << text << ": " << a << " != " << b;
    fail(file, line, what.str().c_str());
}

inline int run_all(int argc, char **argv)
{
    setvbuf(stdout, nullptr, _IOLBF, 0);
    unsigned passed = 0;
    for (const Test &test : tests()) {
        if (argc > 1 && strcmp(argv[1], test.name) != 0)
            continue;
        printf("[ RUN      ] %s\n", test.name);
        test.run();
        printf("[       OK ] %s\n", test.name);
        passed++;
    }
    printf("[  PASSED  ] %u test(s).\n", passed);
    return passed ? 0 : 1;
}

} // namespace check

#define TEST(name)                                                                             \
    static void name();                                                                        \
    static check::Registered register_##name(#name, name);                                     \
    static void name()

#define CHECK_EQUAL(a, b) check::equal(__FILE__, __LINE__, #a " == " #b, a, b)

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition))                                                                      \
            check::fail(__FILE__, __LINE__, #condition);                                       \
    } while (0)

int main(int argc, char **argv) { return check::run_all(argc, argv); }
