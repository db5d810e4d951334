// SPDX-License-Identifier: ISC
//
// Frames are made here and only here, when the transport can take them: control first, at most
// 4 KiB of it between two frames of data, then whoever the schedule picks.

#include <tunnel/frame.h>

#include "core/mux_state.h"

#include <algorithm>
#include <cstring>

using namespace tunnel::core;

namespace {

constexpr size_t control_burst = 4096;
constexpr size_t least_room = 2048 + TN_FRAME_SIZE; // no smaller frames at the end of a buffer
constexpr uint32_t most_with_syn = 16384;           // every peer takes that much on a SYN

// Where frames go: into `dst`, payload included, if there is a `pull`; else they are described.
struct Sink {
    uint8_t *dst;
    size_t room;
    tn_pull_fn pull;
    void *ctx;
};

void make(tn_mux &mux, tn_mux_frame &out, const tn_frame &frame)
{
    tn_frame_encode(&frame, out.hdr);
    out.payload_len = frame.type == TN_FRAME_DATA ? frame.length : 0;
    mux.stats.frames_out++;
    mux.stats.header_bytes_out += TN_FRAME_SIZE;
}

void make_session(tn_mux &mux, tn_mux_frame &out, const tn_frame &frame)
{
    out.stream = {no_slot, 0};
    out.user = nullptr;
    make(mux, out, frame);
}

void make_stream(tn_mux &mux, tn_mux_frame &out, const Stream &stream, const tn_frame &frame)
{
    out.stream = stream_handle(mux, stream);
    out.user = stream.user;
    make(mux, out, frame);
}

// ---- frames of the session

tn_frame ping_frame(uint32_t flag, uint32_t value)
{
    return {
        .type = TN_FRAME_PING, .flags = static_cast<uint16_t>(flag), .stream = 0, .length = value};
}

uint32_t take_pong(tn_mux &mux)
{
    uint32_t value = mux.pongs[mux.pong_first];
    mux.pong_first = (mux.pong_first + 1) % pong_ring_size;
    mux.pong_count--;
    return value;
}

tn_frame take_refusal(tn_mux &mux)
{
    Refusal refusal = mux.refusals[mux.refusal_first];
    mux.refusal_first = (mux.refusal_first + 1) % refusal_ring_size;
    mux.refusal_count--;
    mux.stats.resets_out++;
    bool plain = mux.config.peer_quirks & TN_Q_NO_RST_CODE;
    return {.type = TN_FRAME_WINDOW,
            .flags = TN_FRAME_RST,
            .stream = refusal.id,
            .length = plain ? 0 : refusal.code};
}

tn_frame take_goaway(tn_mux &mux)
{
    mux.goaway_owed = false;
    mux.goaway_sent = true;
    return {.type = TN_FRAME_GO_AWAY, .flags = 0, .stream = 0, .length = mux.goaway_code};
}

tn_frame take_ping(tn_mux &mux)
{
    mux.ping.queued = false;
    mux.ping.outstanding = true;
    mux.ping.sent_us = mux.clock.now_us;
    tuning_ping(mux);
    return ping_frame(TN_FRAME_SYN, ++mux.ping.value);
}

bool session_frame(tn_mux &mux, tn_mux_frame &out)
{
    bool alive = mux.phase != Phase::failed;
    if (alive && mux.pong_count)
        make_session(mux, out, ping_frame(TN_FRAME_ACK, take_pong(mux)));
    else if (alive && mux.ping.queued)
        make_session(mux, out, take_ping(mux));
    else if (mux.goaway_owed)
        make_session(mux, out, take_goaway(mux));
    else if (alive && mux.refusal_count)
        make_session(mux, out, take_refusal(mux));
    else
        return false;
    return true;
}

// ---- frames of streams without payload

void reset_frame(tn_mux &mux, tn_mux_frame &out)
{
    Stream &stream = stream_at(mux.pool->streams, mux.resets.head);
    bool plain = mux.config.peer_quirks & TN_Q_NO_RST_CODE;
    make_session(mux, out,
                 {.type = TN_FRAME_WINDOW,
                  .flags = TN_FRAME_RST,
                  .stream = stream.id,
                  .length = plain ? 0 : stream.code});
    mux.resets.remove(mux.pool->streams, stream.slot);
    mux.stats.resets_out++;
    stream.owes_rst = false;
    stream_uncount(mux, stream);
    stream_let_go(mux, stream);
}

// Ids are given out here, so that SYNs appear on the wire in their order.
void name(tn_mux &mux, Stream &stream)
{
    stream.id = mux.next_id;
    mux.next_id += 2;
    mux.nameless--;
    table_insert(mux.table, stream.id, stream.slot);
}

uint16_t take_flags(tn_mux &mux, Stream &stream)
{
    uint16_t flags = 0;
    if (stream.owes_syn) {
        flags = TN_FRAME_SYN;
        name(mux, stream);
    } else if (stream.owes_ack) {
        flags = TN_FRAME_ACK;
    }
    stream.owes_syn = false;
    stream.owes_ack = false;
    return flags;
}

void window_frame(tn_mux &mux, Stream &stream, uint32_t grant, tn_mux_frame &out)
{
    uint16_t flags = take_flags(mux, stream);
    credit_announced(mux, stream, grant);
    make_stream(mux, out, stream,
                {.type = TN_FRAME_WINDOW, .flags = flags, .stream = stream.id, .length = grant});
    stream_refresh_control(mux, stream);
}

bool control_frame(tn_mux &mux, tn_mux_frame &out)
{
    if (session_frame(mux, out))
        return true;
    if (mux.phase == Phase::failed)
        return false;
    if (!mux.resets.empty()) {
        reset_frame(mux, out);
        return true;
    }
    while (!mux.control.empty()) {
        Stream &stream = stream_at(mux.pool->streams, mux.control.head);
        mux.control.remove(mux.pool->streams, stream.slot);
        bool flagged = stream.owes_syn || stream.owes_ack;
        uint32_t grant = credit_grant(mux, stream, flagged);
        bool data = stream.pending || stream.source_ready;
        if (flagged && !grant && stream.sendable && data)
            continue; // its first DATA frame carries the flag
        if (!flagged && !grant)
            continue;
        window_frame(mux, stream, grant, out);
        return true;
    }
    return false;
}

// ---- data

void fin_frame(tn_mux &mux, Stream &stream, tn_mux_frame &out)
{
    make_stream(mux, out, stream,
                {.type = TN_FRAME_DATA, .flags = TN_FRAME_FIN, .stream = stream.id, .length = 0});
    stream.fin_sent = true;
    schedule_sent(mux.schedule, mux.pool->streams, stream, TN_FRAME_SIZE);
    if (stream.fin_received)
        return stream_end(mux, stream, {TN_CR_FIN, 0, false});
    if (stream.lingering)
        stream_arm(mux, stream, Timer::linger);
    else if (stream.holds_slot && mux.config.ack_timeout_ms == 0)
        stream_arm(mux, stream, Timer::early_fin);
    else if (!stream.holds_slot)
        stream_arm(mux, stream, Timer::half_close);
}

// The bytes that a frame is to have: all that is allowed, if the source can be asked.
uint32_t wanted(const tn_mux &mux, const Stream &stream, const Sink &sink)
{
    uint32_t most = std::min(stream.send_credit, schedule_frame_limit(mux.schedule, mux.config));
    if (stream.owes_syn)
        most = std::min(most, most_with_syn);
    return sink.pull && stream.source_ready ? most : std::min(most, stream.pending);
}

uint32_t fetch(const tn_mux &mux, const Stream &stream, const Sink &sink, uint32_t size)
{
    if (!sink.pull || size == 0)
        return size;
    size_t n = sink.pull(sink.ctx, stream_handle(mux, stream), stream.user,
                         sink.dst + TN_FRAME_SIZE, size);
    return static_cast<uint32_t>(std::min<size_t>(n, size));
}

// A source that gave less than was asked for has no more, counted or not.
void account(tn_mux &mux, Stream &stream, uint32_t asked, uint32_t got)
{
    bool dry = got < asked || asked == 0;
    uint32_t counted = dry ? stream.pending : std::min(stream.pending, got);
    stream.pending -= counted;
    mux.stats.pending -= counted;
    if (dry)
        stream.source_ready = false;
    stream.send_credit -= got;
    mux.stats.payload_out += got;
}

void data_frame(tn_mux &mux, Stream &stream, uint32_t size, tn_mux_frame &out)
{
    uint16_t flags = take_flags(mux, stream);
    make_stream(mux, out, stream,
                {.type = TN_FRAME_DATA, .flags = flags, .stream = stream.id, .length = size});
    schedule_sent(mux.schedule, mux.pool->streams, stream, size + TN_FRAME_SIZE);
    stream_wake_producer(mux, stream);
    if (stream.timer == Timer::linger) // bytes leave: its owner's last words are heard
        stream_arm(mux, stream, Timer::linger);
    stream_refresh(mux, stream);
    stream_refresh_control(mux, stream);
}

// The next frame of the stream whose turn it is; false if there is none, or no room for it.
bool scheduled_frame(tn_mux &mux, const Sink &sink, tn_mux_frame &out)
{
    while (Stream *stream = schedule_pick(mux.schedule, mux.pool->streams)) {
        bool data = stream->pending || stream->source_ready;
        uint32_t size = data ? wanted(mux, *stream, sink) : 0;
        size_t room = sink.room - TN_FRAME_SIZE;
        if (size > room && sink.room < least_room)
            return false;
        size = static_cast<uint32_t>(std::min<size_t>(size, room));
        uint32_t got = fetch(mux, *stream, sink, size);
        if (data)
            account(mux, *stream, size, got);
        if (got) {
            data_frame(mux, *stream, got, out);
            return true;
        }
        if (stream->owes_syn || stream->owes_ack) {
            window_frame(mux, *stream, credit_grant(mux, *stream, true), out);
            stream_refresh(mux, *stream);
            return true;
        }
        if (!data) {
            fin_frame(mux, *stream, out);
            return true;
        }
        stream_refresh(mux, *stream);
        stream_wake_producer(mux, *stream);
    }
    return false;
}

// ---- gathering

struct Gather {
    tn_mux &mux;
    size_t control_left = control_burst;
    uint64_t bytes = 0;
};

bool next_frame(Gather &gather, const Sink &sink, tn_mux_frame &out)
{
    tn_mux &mux = gather.mux;
    if (sink.room < TN_FRAME_SIZE)
        return false;
    for (bool again = false;; again = true) {
        if (gather.control_left >= TN_FRAME_SIZE && control_frame(mux, out)) {
            gather.control_left -= TN_FRAME_SIZE;
            return true;
        }
        bool capped = gather.control_left < TN_FRAME_SIZE;
        gather.control_left = control_burst;
        if (mux.phase != Phase::failed && scheduled_frame(mux, sink, out))
            return true;
        if (!capped || again)
            return false;
    }
}

} // namespace

size_t tn_mux_gather(tn_mux *mux, uint64_t now_us, size_t max_bytes, tn_mux_frame *frames,
                     size_t max_frames)
{
    mux_set_now(*mux, now_us);
    Gather gather = {.mux = *mux};
    size_t count = 0;
    while (count < max_frames) {
        Sink sink = {.dst = nullptr, .room = max_bytes, .pull = nullptr, .ctx = nullptr};
        if (!next_frame(gather, sink, frames[count]))
            break;
        max_bytes -= TN_FRAME_SIZE + frames[count].payload_len;
        gather.bytes += TN_FRAME_SIZE + frames[count].payload_len;
        count++;
    }
    schedule_gathered(mux->schedule, mux->clock.now_us, gather.bytes, mux->schedule.sendable);
    return count;
}

size_t tn_mux_gather_copy(tn_mux *mux, uint64_t now_us, uint8_t *dst, size_t cap, tn_pull_fn pull,
                          void *ctx)
{
    mux_set_now(*mux, now_us);
    Gather gather = {.mux = *mux};
    tn_mux_frame frame;
    size_t used = 0;
    for (;;) {
        Sink sink = {.dst = dst + used, .room = cap - used, .pull = pull, .ctx = ctx};
        if (!next_frame(gather, sink, frame))
            break;
        memcpy(sink.dst, frame.hdr, TN_FRAME_SIZE);
        used += TN_FRAME_SIZE + frame.payload_len;
    }
    schedule_gathered(mux->schedule, mux->clock.now_us, used, mux->schedule.sendable);
    return used;
}

bool tn_mux_want_write(const tn_mux *mux)
{
    if (mux->phase == Phase::failed)
        return mux->goaway_owed;
    return mux->schedule.sendable || mux->pong_count || mux->refusal_count || mux->ping.queued ||
           mux->goaway_owed || !mux->resets.empty() || !mux->control.empty();
}
