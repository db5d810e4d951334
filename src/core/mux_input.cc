// SPDX-License-Identifier: ISC
//
// Received bytes become events. Each frame is checked as a whole before anything changes, and
// nothing here needs room for output: a reply is a bit of a stream or an entry of a fixed ring.

#include <tunnel/frame.h>

#include "core/bytes.h"
#include "core/mux_state.h"

#include <algorithm>
#include <cstring>

using namespace tunnel::core;

namespace {

constexpr uint32_t opening_flags = TN_FRAME_SYN | TN_FRAME_ACK | TN_FRAME_FIN;

void fail(tn_mux &mux, tn_mux_reason reason) { mux_fail(mux, reason, 0, 1); }

bool opened_by_peer(const tn_mux &mux, uint32_t id)
{
    bool odd = id & 1;
    return odd == (mux.role == TN_SERVER);
}

bool never_opened(const tn_mux &mux, uint32_t id)
{
    return opened_by_peer(mux, id) ? !id_used(mux.peer_ids, id) : id >= mux.next_id;
}

// ---- what is not wanted

// The payload of a frame that nobody gets. Whoever announces more than it can have sent in good
// faith does not get us to wait for it.
void discard(tn_mux &mux, const tn_frame &frame)
{
    if (frame.type != TN_FRAME_DATA || frame.length == 0)
        return;
    uint64_t longest = std::max<uint64_t>(mux.config.max_window, discard_budget);
    if (frame.length > mux.discard_left || frame.length > longest)
        return fail(mux, TN_MUX_ERR_FLOOD);
    mux.discard_left -= frame.length;
    mux.body = {.left = frame.length, .slot = no_slot, .fin = false};
}

bool refusal_ring(tn_mux &mux)
{
    if (mux.refusals)
        return true;
    void *memory =
        pool_alloc(mux.pool->streams, refusal_ring_size * sizeof(Refusal), alignof(Refusal));
    mux.refusals = static_cast<Refusal *>(memory);
    return memory;
}

void refuse(tn_mux &mux, const tn_frame &frame, uint32_t code)
{
    if (mux.refusal_count == refusal_ring_size)
        return fail(mux, TN_MUX_ERR_FLOOD);
    if (!refusal_ring(mux))
        return mux_fail(mux, TN_MUX_ERR_NOMEM, 0, 2);
    uint32_t last = (mux.refusal_first + mux.refusal_count) % refusal_ring_size;
    mux.refusals[last] = {.id = frame.stream, .code = code};
    mux.refusal_count++;
    if (mux.refusal_count == refusal_ring_size / 2)
        mux_raise(mux, session_replies);
    mux.stats.refused_by_us++;
    mux.discard_left += TN_INITIAL_WINDOW;
    discard(mux, frame);
}

void on_unknown(tn_mux &mux, const tn_frame &frame)
{
    mux.stats.unknown_stream_frames++;
    if (never_opened(mux, frame.stream))
        mux_glitch(mux);
    if (mux.phase != Phase::failed)
        discard(mux, frame);
}

// The stream is beyond repair, the session is not.
void violated(tn_mux &mux, Stream &stream, const tn_frame &frame, const Ending &ending)
{
    stream_end(mux, stream, ending);
    discard(mux, frame);
}

// ---- frames of streams

bool takes_streams(const tn_mux &mux)
{
    return mux.phase == Phase::open && mux.stats.streams_in < mux.config.max_inbound &&
           mux.stats.unaccepted < mux.config.accept_backlog;
}

Stream *open_inbound(tn_mux &mux, uint32_t id)
{
    if (!table_reserve(mux.table, table_count(mux.table) + mux.nameless + 1))
        return nullptr;
    Stream *stream = stream_new(mux, false);
    if (!stream)
        return nullptr;
    stream->id = id;
    table_insert(mux.table, id, stream->slot);
    stream_arm(mux, *stream, Timer::accept);
    stream_raise(mux, *stream, event_new);
    return stream;
}

// The stream that SYN has opened; nullptr if it was refused or ignored, or the session failed.
Stream *on_syn(tn_mux &mux, const tn_frame &frame)
{
    if (!opened_by_peer(mux, frame.stream)) {
        fail(mux, TN_MUX_ERR_STREAM_ID);
        return nullptr;
    }
    bool used = id_used(mux.peer_ids, frame.stream);
    id_mark(mux.peer_ids, frame.stream);
    if (frame.flags & TN_FRAME_RST) { // opened and gone again
        mux_glitch(mux);
        if (mux.phase != Phase::failed)
            discard(mux, frame);
        return nullptr;
    }
    if (used || !takes_streams(mux)) {
        refuse(mux, frame, TN_RST_REFUSED);
        return nullptr;
    }
    Stream *stream = open_inbound(mux, frame.stream);
    if (!stream)
        refuse(mux, frame, TN_RST_OVERLOAD);
    return stream;
}

void on_rst(tn_mux &mux, Stream &stream, const tn_frame &frame)
{
    mux.stats.resets_in++;
    bool refused = stream.outbound && !stream.acked;
    mux.stats.refused_by_peer += refused;
    uint32_t code = frame.type == TN_FRAME_WINDOW ? frame.length : 0;
    bool ours = stream.outbound;
    mux.discard_left += std::min(stream.recv_credit, frame.length);
    violated(mux, stream, frame, {refused ? TN_CR_REFUSED : TN_CR_RESET_REMOTE, code, false});
    const tn_mux_config &config = mux.config;
    if (!ours && !mux.resets_received.take(config.reset_burst, config.reset_rate, mux.clock.now_us))
        fail(mux, TN_MUX_ERR_FLOOD);
}

// Any frame of the peer answers our SYN: many send no ACK.
void on_answer(tn_mux &mux, Stream &stream)
{
    if (stream.timer == Timer::half_close)
        stream_arm(mux, stream, Timer::half_close);
    if (!stream.outbound || stream.acked)
        return;
    stream.acked = true;
    stream_release_slot(mux, stream);
    if (!stream.lingering)
        stream_raise(mux, stream, event_acked);
    stream_cancel(mux, stream, Timer::ack);
    stream_cancel(mux, stream, Timer::early_fin);
    stream_cancel(mux, stream, Timer::hold_fin);
    if (stream.fin_sent && stream_unhurried(stream))
        stream_arm(mux, stream, Timer::half_close);
    stream_refresh(mux, stream);
}

void on_fin(tn_mux &mux, Stream &stream)
{
    if (stream.fin_received)
        return mux_glitch(mux);
    stream.fin_received = true;
    if (!stream.lingering)
        stream_raise(mux, stream, event_fin);
    if (stream.fin_sent)
        return stream_end(mux, stream, {TN_CR_FIN, 0, false});
    stream_refresh_control(mux, stream);
    stream_refresh(mux, stream);
}

void on_data(tn_mux &mux, Stream &stream, const tn_frame &frame)
{
    if (stream.fin_received && frame.length)
        return violated(mux, stream, frame, {TN_CR_PROTOCOL, TN_RST_PROTOCOL, true});
    if (frame.length > stream.recv_credit)
        return violated(mux, stream, frame, {TN_CR_WINDOW, TN_RST_FLOW_CONTROL, true});
    bool fin = frame.flags & TN_FRAME_FIN;
    if (frame.length) {
        mux.body = {.left = frame.length, .slot = stream.slot, .fin = fin};
        tuning_receive(mux, stream, frame.length);
        mux_probe(mux);
    } else if (fin) {
        on_fin(mux, stream);
    } else if (!(frame.flags & opening_flags)) {
        mux_glitch(mux);
    }
}

void on_window(tn_mux &mux, Stream &stream, const tn_frame &frame)
{
    if (frame.length > UINT32_MAX - stream.send_credit)
        return stream_end(mux, stream, {TN_CR_WINDOW, TN_RST_FLOW_CONTROL, true});
    if (frame.length == 0 && !(frame.flags & opening_flags))
        return mux_glitch(mux);
    stream.send_credit += frame.length;
    stream_refresh(mux, stream);
    if (frame.flags & TN_FRAME_FIN)
        on_fin(mux, stream);
}

void on_stream_frame(tn_mux &mux, const tn_frame &frame)
{
    if (frame.stream == 0)
        return fail(mux, TN_MUX_ERR_STREAM_ID);
    uint32_t slot = table_find(mux.table, frame.stream);
    Stream *stream = slot == no_slot ? nullptr : &stream_at(mux.pool->streams, slot);
    if (stream && frame.flags & TN_FRAME_SYN)
        return fail(mux, TN_MUX_ERR_DUP_SYN);
    if (frame.flags & TN_FRAME_SYN) {
        stream = on_syn(mux, frame);
        if (!stream)
            return;
    }
    if (!stream)
        return on_unknown(mux, frame);
    if (frame.flags & TN_FRAME_RST)
        return on_rst(mux, *stream, frame);

    on_answer(mux, *stream);
    if (frame.type == TN_FRAME_DATA)
        on_data(mux, *stream, frame);
    else
        on_window(mux, *stream, frame);
}

void on_go_away(tn_mux &mux, const tn_frame &frame)
{
    if (frame.length != 0)
        return mux_fail(mux, TN_MUX_ERR_GOAWAY_ERROR, frame.length, -1);
    if (!mux.goaway_received)
        mux_raise(mux, session_goaway);
    mux.goaway_received = true;
}

// ---- bytes

void on_header(tn_mux &mux)
{
    tn_frame frame;
    mux.header_have = 0;
    mux.stats.frames_in++;
    mux.stats.header_bytes_in += TN_FRAME_SIZE;
    if (tn_frame_decode(&frame, mux.header, TN_FRAME_SIZE) < 0)
        return fail(mux, mux.header[0] ? TN_MUX_ERR_VERSION : TN_MUX_ERR_TYPE);
    switch (frame.type) {
    case TN_FRAME_PING:
        return mux_on_ping(mux, frame);
    case TN_FRAME_GO_AWAY:
        return on_go_away(mux, frame);
    default:
        return on_stream_frame(mux, frame);
    }
}

// The header is judged byte by byte where it can be: garbage ends the session at once, not when
// twelve bytes of it have come.
bool early_garbage(const tn_mux &mux)
{
    return (mux.header_have > 0 && mux.header[0] != 0) ||
           (mux.header_have > 1 && mux.header[1] > TN_FRAME_GO_AWAY);
}

void take_header(tn_mux &mux, tn_slice &in)
{
    size_t n = std::min<size_t>(in.len, TN_FRAME_SIZE - mux.header_have);
    memcpy(mux.header + mux.header_have, in.data, n);
    mux.header_have = static_cast<uint8_t>(mux.header_have + n);
    in.data += n;
    in.len -= n;
    if (mux.header_have == TN_FRAME_SIZE || early_garbage(mux))
        on_header(mux);
}

void body_ended(tn_mux &mux, Stream &stream)
{
    if (mux.body.left == 0 && mux.body.fin && stream.life == Life::open)
        on_fin(mux, stream);
}

// Counts `n` payload bytes as delivered; true if their owner is to get them.
bool deliver(tn_mux &mux, Stream &stream, uint32_t n)
{
    mux.body.left -= n;
    mux.stats.payload_in += n;
    bool wanted = !stream.lingering;
    credit_deliver(mux, stream, n);
    if (stream.life != Life::open)
        return false;
    if (stream.lingering && stream.unconsumed > mux.config.linger_bytes)
        stream_end(mux, stream, {TN_CR_LINGER, TN_RST_CANCEL, true});
    else if (stream.lingering)
        stream_refresh_control(mux, stream);
    body_ended(mux, stream);
    return wanted;
}

constexpr tn_mux_event nothing = {.type = TN_MUX_NONE,
                                  .stream = {no_slot, 0},
                                  .user = nullptr,
                                  .data = nullptr,
                                  .len = 0,
                                  .id = 0,
                                  .reason = 0,
                                  .code = 0,
                                  .rtt_us = 0};

bool take_body(tn_mux &mux, tn_slice &in, tn_mux_event &event)
{
    auto n = static_cast<uint32_t>(std::min<size_t>(in.len, mux.body.left));
    const uint8_t *data = in.data;
    in.data += n;
    in.len -= n;
    if (mux.body.slot == no_slot) {
        mux.body.left -= n;
        mux.stats.discarded_in += n;
        return false;
    }
    Stream &stream = stream_at(mux.pool->streams, mux.body.slot);
    event.stream = stream_handle(mux, stream);
    event.user = stream.user;
    event.data = data;
    event.len = n;
    event.type = TN_MUX_DATA;
    return deliver(mux, stream, n);
}

} // namespace

size_t tn_mux_rx_hint(const tn_mux *mux, tn_stream *handle, void **user)
{
    if (mux->phase == Phase::failed || !mux->body.left || mux->body.slot == no_slot)
        return 0;
    const Stream &stream = stream_at(mux->pool->streams, mux->body.slot);
    if (stream.lingering)
        return 0;
    *handle = stream_handle(*mux, stream);
    *user = stream.user;
    return mux->body.left;
}

tn_error tn_mux_rx_placed(tn_mux *mux, size_t n, uint64_t now_us)
{
    tn_stream handle;
    void *user;
    if (n > tn_mux_rx_hint(mux, &handle, &user))
        return TN_ERR_INVAL;
    mux_set_now(*mux, now_us);
    mux_heard(*mux);
    if (n)
        deliver(*mux, *stream_of(*mux, handle), static_cast<uint32_t>(n));
    return TN_OK;
}

tn_mux_event_type tn_mux_next(tn_mux *mux, tn_slice *in, uint64_t now_us, tn_mux_event *event)
{
    mux_set_now(*mux, now_us);
    if (in && in->len)
        mux_heard(*mux);
    mux_run_timers(*mux);
    *event = nothing;
    for (;;) {
        if (mux_take_event(*mux, *event))
            return event->type;
        if (!in || in->len == 0)
            return TN_MUX_NONE;
        if (mux->phase == Phase::failed)
            *in = {.data = in->data + in->len, .len = 0};
        else if (mux->body.left == 0)
            take_header(*mux, *in);
        else if (take_body(*mux, *in, *event))
            return TN_MUX_DATA;
        else
            *event = nothing;
    }
}
