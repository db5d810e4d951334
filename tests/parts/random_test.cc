// SPDX-License-Identifier: ISC

#include "base/random.h"
#include "check.h"

#include <set>
#include <thread>

using namespace tunnel;

TEST(ids_have_their_length_and_alphabet)
{
    CHECK(random_hex(16).size() == 32);
    CHECK(random_hex(0).empty());
    const std::string id = random_id(26);
    CHECK(id.size() == 26);
    CHECK(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == id.npos);
}

TEST(a_random_subdomain_is_a_valid_one)
{
    for (int i = 0; i < 1000; ++i) {
        const std::string name = random_subdomain();
        CHECK(name.size() == 10);
        CHECK(name[0] >= 'a' && name[0] <= 'z');
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == name.npos);
    }
}

TEST(nothing_repeats_within_a_thread_or_between_threads)
{
    std::set<std::string> seen;
    std::string other[2000];
    std::thread thread([&] {
        for (std::string &id : other)
            id = random_hex(16);
    });
    for (int i = 0; i < 2000; ++i)
        CHECK(seen.insert(random_hex(16)).second);
    thread.join();
    for (const std::string &id : other)
        CHECK(seen.insert(id).second);
}

// With 600,000 draws of 6 the count of each is 100,000 give or take 289; six of these are rare
// enough.
TEST(each_number_below_n_is_as_likely_as_the_others)
{
    CHECK(random_below(1) == 0);
    CHECK(random_below(UINT64_MAX) < UINT64_MAX);
    int counts[6] = {};
    for (int i = 0; i < 600000; ++i)
        ++counts[random_below(6)];
    for (int count : counts)
        CHECK(count > 98000 && count < 102000);
}
