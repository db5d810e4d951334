// SPDX-License-Identifier: ISC
//
// What keeps one party from taking everything: rates and counts. None reads a clock: `now` is
// given. Each says which threads may use it.

#pragma once

#include "base/clock.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace tunnel {

class Address;

// `rate` a second on average, `burst` at once. One thread.
class TokenBucket {
public:
    TokenBucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}

    bool take(Micros now);

private:
    double rate_;
    double burst_;
    double tokens_;
    Micros filled_ = 0;
};

// Requests in a minute, by GCRA: one number says when the bucket will be full again. Any
// thread.
class RequestRate {
public:
    RequestRate() = default;
    // Counts a request and returns 0, or the seconds after which one more would pass.
    // `per_minute` 0 is no limit.
    unsigned take(uint64_t per_minute, Micros now);
    // Goes on where `other` stands.
    void continue_from(const RequestRate &other) { full_at_ = other.full_at_.load(); }

private:
    std::atomic<Micros> full_at_ = 0;
};

// Whom an address is counted with: itself, or its /64 in IPv6. Never 0.
uint64_t source_key(const Address &address);

// How many are inside, together and from each source. Any thread.
class Occupancy {
public:
    static constexpr uint64_t uncounted = 0; // a source without a limit of its own
    enum class Verdict { entered, full, source_full };

    // A limit of 0 is none.
    Verdict enter(uint64_t source, uint64_t limit, uint64_t limit_per_source);
    void leave(uint64_t source);
    uint64_t size() const;
    uint64_t count(uint64_t source) const; // 0 for those that are uncounted

private:
    mutable std::mutex lock_;
    uint64_t size_ = 0;
    std::unordered_map<uint64_t, uint32_t> sources_;
};

// The wait that wrong tokens earn a source: none for the first five, then 2 s, doubling up to
// 10 minutes. Forgotten 10 minutes after the wait is over. Any thread.
class Penalties {
public:
    static constexpr size_t max_sources = 65536;
    static constexpr unsigned free_failures = 5;
    static constexpr Micros first_wait = 2 * second;
    static constexpr Micros longest_wait = 600 * second;

    Micros wait(uint64_t source, Micros now); // what is left of it
    void failed(uint64_t source, Micros now);
    void forgive(uint64_t source);
    // Whether a waiting source may be told so once more: beyond a few answers it is just closed.
    bool may_answer(uint64_t source, Micros now);
    size_t size() const;

private:
    struct Record {
        unsigned failures = 0;
        Micros until = 0;
        TokenBucket answers{1, 10};
    };
    void make_room(Micros now);

    mutable std::mutex lock_;
    std::unordered_map<uint64_t, Record> records_;
    Micros next_sweep_ = 0;
};

} // namespace tunnel
