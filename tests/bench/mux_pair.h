// SPDX-License-Identifier: ISC
//
// Muxes for benchmarks: one with the wire in our hands, and two that talk through memory. Time
// stands still, so no timer runs. What an owner does at an event is a function of the benchmark.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tunnel/mux.h>
#include <vector>

namespace bench {

constexpr uint64_t standstill_us = 1'000'000;

inline void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "benchmark broken: %s\n", what);
    abort();
}

struct Memory { // counts what a pool allocates
    size_t held = 0;
    tn_alloc allocator()
    {
        auto alloc = [](void *self, size_t size, size_t align) -> void * {
            void *memory = aligned_alloc(align, (size + align - 1) / align * align);
            if (memory)
                static_cast<Memory *>(self)->held += size;
            return memory;
        };
        auto release = [](void *self, void *memory, size_t size) {
            static_cast<Memory *>(self)->held -= memory ? size : 0;
            free(memory);
        };
        return {.alloc = alloc, .free = release, .ctx = this};
    }
};

class Pool {
public:
    Pool()
    {
        tn_mux_pool_config config;
        tn_mux_pool_config_init(&config);
        config.alloc = memory.allocator();
        config.max_streams = 4'000'000;
        must(tn_mux_pool_create(&config, &pool_) == TN_OK, "no pool");
    }
    ~Pool() { tn_mux_pool_destroy(pool_); }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;
    tn_mux_pool *get() { return pool_; }

    Memory memory;

private:
    tn_mux_pool *pool_ = nullptr;
};

// A mux without limits.
class Mux {
public:
    Mux(Pool &pool, tn_role role)
    {
        tn_mux_config config;
        tn_mux_config_init(&config);
        config.max_inbound = config.max_outbound = 2'000'000;
        config.accept_backlog = config.ack_backlog = 2'000'000;
        config.glitch_burst = config.reset_burst = 0;
        must(tn_mux_create(pool.get(), role, &config, standstill_us, this, &mux_) == TN_OK,
             "no mux");
    }
    ~Mux() { tn_mux_free(mux_); }
    Mux(const Mux &) = delete;
    Mux &operator=(const Mux &) = delete;
    tn_mux *get() { return mux_; }

    // Parses all of `bytes`; `on_event(event)` for each. Returns how many there were.
    template <class OnEvent> size_t feed(const uint8_t *bytes, size_t size, OnEvent on_event)
    {
        tn_slice in = {bytes, size};
        tn_mux_event event;
        size_t count = 0;
        while (tn_mux_next(mux_, &in, standstill_us, &event) != TN_MUX_NONE) {
            must(event.type != TN_MUX_SESSION_ERROR, tn_mux_reason_name(int(event.reason)));
            on_event(event);
            count++;
        }
        return count;
    }

    // Gathers frames and throws them away.
    size_t drop_output()
    {
        tn_mux_frame frames[64];
        size_t count = 0, n;
        while ((n = tn_mux_gather(mux_, standstill_us, SIZE_MAX, frames, 64)) > 0)
            count += n;
        return count;
    }

private:
    tn_mux *mux_ = nullptr;
};

// The frames that a peer would send.
class Script {
public:
    void frame(tn_frame_type type, uint16_t flags, uint32_t stream, uint32_t length)
    {
        tn_frame frame = {
            .type = uint8_t(type), .flags = flags, .stream = stream, .length = length};
        bytes.resize(bytes.size() + TN_FRAME_SIZE);
        tn_frame_encode(&frame, bytes.data() + bytes.size() - TN_FRAME_SIZE);
        if (type == TN_FRAME_DATA)
            bytes.resize(bytes.size() + length);
    }
    std::vector<uint8_t> bytes;
};

// Opens `count` streams from the peer's side and accepts them.
inline std::vector<tn_stream> open_inbound(Mux &mux, size_t count)
{
    Script script;
    for (size_t i = 0; i < count; i++)
        script.frame(TN_FRAME_WINDOW, TN_FRAME_SYN, uint32_t(2 * i + 1), 0);
    std::vector<tn_stream> streams;
    streams.reserve(count);
    mux.feed(script.bytes.data(), script.bytes.size(), [&](const tn_mux_event &event) {
        if (event.type != TN_MUX_NEW)
            return;
        must(tn_stream_accept(mux.get(), event.stream, nullptr) == TN_OK, "not accepted");
        streams.push_back(event.stream);
    });
    mux.drop_output();
    must(streams.size() == count, "streams are missing");
    return streams;
}

} // namespace bench
