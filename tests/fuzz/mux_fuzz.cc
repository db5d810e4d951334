// SPDX-License-Identifier: ISC
//
// The mux: whatever comes, however it is cut, it tells the same story, makes valid frames, keeps
// its peer's credit, holds no more memory than it may, and leaves nothing behind.
//
// The first byte of the input is the role and the form of the rest: bytes of the wire, or a
// short form of whole frames (four bytes each), which gets further than a header by chance.

#include <tunnel/mux.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "expect.h"

namespace {

constexpr uint32_t lengths[] = {0,      1,      7,      1000,    65536,      131072,
                                262143, 262144, 262145, 1 << 20, 0xfffbffff, 0xffffffff};
constexpr size_t longest_body = 262145;

// One frame from four bytes: type and flags, id, length, and what the owner does meanwhile.
void append_frame(std::string &wire, const uint8_t *short_form)
{
    tn_frame frame = {.type = static_cast<uint8_t>(short_form[0] % 4),
                      .flags = static_cast<uint16_t>(short_form[0] / 4 % 16),
                      .stream = short_form[1] % 16u,
                      .length = lengths[short_form[2] % std::size(lengths)]};
    uint8_t header[TN_FRAME_SIZE];
    tn_frame_encode(&frame, header);
    wire.append(reinterpret_cast<const char *>(header), sizeof header);
    if (frame.type == TN_FRAME_DATA && frame.length <= longest_body)
        wire.append(frame.length, 'a');
}

std::string wire_of(const uint8_t *data, size_t size, bool raw)
{
    std::string wire;
    if (raw)
        return {reinterpret_cast<const char *>(data), size};
    for (size_t at = 0; at + 4 <= size && wire.size() < (4u << 20); at += 4)
        append_frame(wire, data + at);
    return wire;
}

// What the core may hold for one session of few streams, whatever its peer does, bytes.
constexpr size_t memory_budget = 48 * 1024;
constexpr uint64_t buffered_budget = 900'000;

// Memory that is counted: what is given back is what was taken.
class Account {
public:
    ~Account() { EXPECT(held_ == 0); }

    tn_alloc functions() { return {.alloc = take, .free = give_back, .ctx = this}; }
    size_t held() const { return held_; }

private:
    static void *take(void *self, size_t size, size_t align)
    {
        auto account = static_cast<Account *>(self);
        account->held_ += size;
        EXPECT(account->held_ <= memory_budget);
        return aligned_alloc(align, (size + align - 1) / align * align);
    }

    static void give_back(void *self, void *memory, size_t size)
    {
        auto account = static_cast<Account *>(self);
        EXPECT(size <= account->held_);
        account->held_ -= size;
        free(memory);
    }

    size_t held_ = 0;
};

class Run {
public:
    Run(tn_role role, uint8_t habits) : habits_(habits)
    {
        tn_mux_pool_config pool_config;
        tn_mux_pool_config_init(&pool_config);
        pool_config.alloc = account_.functions();
        EXPECT(tn_mux_pool_create(&pool_config, &pool_) == TN_OK);
        tn_mux_config config;
        tn_mux_config_init(&config);
        config.max_inbound = 6;
        config.buffered_soft = 200'000;
        config.buffered_hard = buffered_budget;
        config.glitch_burst = 40;
        EXPECT(tn_mux_create(pool_, role, &config, now_, nullptr, &mux_) == TN_OK);
        for (int i = 0; i < 3; i++) {
            tn_stream stream;
            EXPECT(tn_stream_open(mux_, nullptr, &stream) == TN_OK);
            tn_stream_queued(mux_, stream, i * 1000u);
        }
    }

    ~Run()
    {
        tn_mux_free(mux_);
        tn_mux_pool_stats stats;
        tn_mux_pool_get_stats(pool_, &stats);
        EXPECT(stats.streams == 0 && stats.buffered == 0);
        EXPECT(tn_mux_pool_destroy(pool_) == TN_OK);
    }

    Run(const Run &) = delete;
    Run &operator=(const Run &) = delete;

    std::string story(const std::string &wire, size_t piece)
    {
        gather();
        for (size_t at = 0; at < wire.size(); at += piece) {
            auto data = reinterpret_cast<const uint8_t *>(wire.data()) + at;
            listen({data, std::min(piece, wire.size() - at)});
        }
        gather();
        listen({});
        for (int i = 0; i < 4; i++) {
            now_ += 100'000'000;
            listen({});
            gather();
        }
        for (const std::string &line : lost_)
            story_ += line;
        return evicted() ? "evicted" : story_; // whom it met depends on what had come of a frame
    }

private:
    // What the owner does depends on the stream only: else the story would depend on the cuts.
    void meet(const tn_mux_event &event)
    {
        uint32_t habit = (event.id * 2654435761u >> 20) ^ habits_;
        if (habit % 8 == 0) {
            tn_stream_reset(mux_, event.stream, TN_RST_CANCEL);
            return;
        }
        if (habit % 8 == 1)
            return;
        tn_stream_accept(mux_, event.stream, nullptr);
        tn_stream_queued(mux_, event.stream, habit % 3 * 150'000);
        if (habit % 8 < 4)
            tn_stream_shutdown(mux_, event.stream);
        if (habit % 8 == 4)
            tn_stream_close(mux_, event.stream);
    }

    void note(const tn_mux_event &event)
    {
        if (event.type == TN_MUX_DATA) {
            bytes_[event.stream.slot] += event.len;
            EXPECT(bytes_[event.stream.slot] <= TN_INITIAL_WINDOW);
            return;
        }
        if (event.type == TN_MUX_NEW)
            bytes_[event.stream.slot] = 0;
        if (event.type == TN_MUX_NEW)
            meet(event);
        std::string line = std::to_string(event.type) + "/" + std::to_string(event.stream.slot) +
                           "/" + std::to_string(event.reason) + "/" + std::to_string(event.code) +
                           "/" + std::to_string(bytes_[event.stream.slot]) + " ";
        bool lost = event.type == TN_MUX_CLOSED && event.reason == TN_CR_SESSION;
        if (lost)
            lost_.insert(line); // in an order that nobody promises
        else
            story_ += line;
    }

    void listen(tn_slice in)
    {
        tn_mux_event event;
        while (tn_mux_next(mux_, &in, now_, &event) != TN_MUX_NONE)
            note(event);
        EXPECT(in.len == 0);
        check_memory();
    }

    bool evicted() const
    {
        tn_mux_pool_stats stats;
        tn_mux_pool_get_stats(pool_, &stats);
        return stats.evicted > 0;
    }

    void check_memory()
    {
        tn_mux_pool_stats stats;
        tn_mux_pool_get_stats(pool_, &stats);
        EXPECT(stats.buffered <= buffered_budget);
        EXPECT(stats.slab_bytes <= account_.held());
    }

    void gather()
    {
        tn_mux_frame frame;
        while (tn_mux_gather(mux_, now_, 1 << 20, &frame, 1)) {
            tn_frame header;
            EXPECT(tn_frame_decode(&header, frame.hdr, TN_FRAME_SIZE) == TN_FRAME_SIZE);
            EXPECT(header.type == TN_FRAME_DATA ? header.length == frame.payload_len
                                                : frame.payload_len == 0);
            story_.append(reinterpret_cast<char *>(frame.hdr), TN_FRAME_SIZE);
        }
        EXPECT(!tn_mux_want_write(mux_));
    }

    Account account_;
    tn_mux_pool *pool_;
    tn_mux *mux_;
    uint64_t now_ = 1'000'000;
    uint32_t habits_;
    std::map<uint32_t, uint64_t> bytes_; // delivered, by slot
    std::string story_;
    std::set<std::string> lost_; // with the session
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    auto role = static_cast<tn_role>(data[0] & 1);
    std::string wire = wire_of(data + 2, size - 2, data[0] & 2);
    auto story = [&](size_t piece) { return Run(role, data[1]).story(wire, piece); };
    std::string whole = story(wire.size() + 1);
    EXPECT(whole == story(1000 + data[1]));
    EXPECT(whole == story(wire.size() < 5000 ? 1 : 4096));
    return 0;
}
