// SPDX-License-Identifier: ISC

#include "base/random.h"

#include "base/text.h"

#include <cstdlib>
#include <cstring>
#include <sys/random.h>

namespace tunnel {

namespace {

// Bytes drawn ahead, so that an id for each request costs no system call of its own.
struct Pool {
    uint8_t bytes[256]; // getrandom(2) never gives less than asked for up to 256
    size_t left = 0;
};
thread_local Pool pool;

void refill()
{
    if (getrandom(pool.bytes, sizeof pool.bytes, 0) != ssize_t(sizeof pool.bytes))
        abort(); // no kernel of the last ten years; going on would make guessable secrets
    pool.left = sizeof pool.bytes;
}

uint8_t random_byte()
{
    if (pool.left == 0)
        refill();
    uint8_t &slot = pool.bytes[--pool.left];
    const uint8_t byte = slot;
    slot = 0;
    return byte;
}

} // namespace

void random_bytes(std::span<uint8_t> out)
{
    for (uint8_t &byte : out)
        byte = random_byte();
}

std::string random_hex(size_t bytes)
{
    std::string raw(bytes, '\0');
    const std::span<uint8_t> view(reinterpret_cast<uint8_t *>(raw.data()), bytes);
    random_bytes(view);
    return to_hex(view);
}

std::string random_id(size_t characters)
{
    std::string id(characters, '\0');
    for (char &c : id)
        c = "abcdefghijklmnopqrstuvwxyz234567"[random_byte() & 31];
    return id;
}

std::string random_subdomain()
{
    std::string name(10, '\0');
    name[0] = char('a' + random_below(26));
    for (size_t i = 1; i < name.size(); ++i)
        name[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[random_below(36)];
    return name;
}

uint64_t random_below(uint64_t n)
{
    // Values from the incomplete last run of n are drawn again, else small ones were likelier.
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t value;
    do
        random_bytes({reinterpret_cast<uint8_t *>(&value), sizeof value});
    while (value >= limit);
    return value % n;
}

} // namespace tunnel
