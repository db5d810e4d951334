// SPDX-License-Identifier: ISC
//
// What waits to be reported that is no payload: first what concerns the session, then a bit for
// each stream in the list of news. Once the session has failed, one stream after the other.

#include "core/mux_state.h"

using namespace tunnel::core;

namespace {

constexpr tn_mux_event_type session_types[] = {TN_MUX_SESSION_ERROR, TN_MUX_GOAWAY, TN_MUX_PONG,
                                               TN_MUX_OPENABLE, TN_MUX_REPLIES};
constexpr tn_mux_event_type stream_types[] = {TN_MUX_NEW, TN_MUX_ACKED, TN_MUX_WRITABLE, TN_MUX_FIN,
                                              TN_MUX_CLOSED};

constexpr Ending session_lost = {TN_CR_SESSION, 0, false};

bool take_session_event(tn_mux &mux, tn_mux_event &event)
{
    if (mux.events == 0)
        return false;
    int bit = __builtin_ctz(mux.events);
    mux.events &= mux.events - 1;
    event.type = session_types[bit];
    if (event.type == TN_MUX_SESSION_ERROR) {
        event.reason = mux.reason;
        event.code = mux.reason_code;
    }
    if (event.type == TN_MUX_PONG)
        event.rtt_us = mux.pong_rtt_us;
    return true;
}

void fill_closed(tn_mux &mux, Stream &stream, tn_mux_event &event)
{
    event.reason = stream.reason;
    event.code = stream.code;
    tag_at(mux.pool->streams, stream.slot).generation = 0;
    stream_let_go(mux, stream);
}

bool take_stream_event(tn_mux &mux, tn_mux_event &event)
{
    while (!mux.news.empty()) {
        Stream &stream = stream_at(mux.pool->streams, mux.news.head);
        if (mux.phase == Phase::failed && stream.life == Life::open) {
            stream_end(mux, stream, session_lost);
            continue;
        }
        uint32_t bits = stream.events;
        stream.events = bits & (bits - 1);
        if (stream.events == 0)
            mux.news.remove(mux.pool->streams, stream.slot);
        if (bits == 0)
            continue;
        event.type = stream_types[__builtin_ctz(bits)];
        event.stream = stream_handle(mux, stream);
        event.user = stream.user;
        event.id = stream.id;
        if (event.type == TN_MUX_CLOSED)
            fill_closed(mux, stream, event);
        return true;
    }
    return false;
}

bool take_drained(tn_mux &mux, tn_mux_event &event)
{
    if (mux.drained || !mux_drain_done(mux))
        return false;
    mux.drained = true;
    event.type = TN_MUX_DRAINED;
    return true;
}

// The session is gone: whoever is left ends with it, a stream that nobody knows of silently.
void end_another(tn_mux &mux)
{
    Stream *stream = stream_any_open(mux);
    if (stream)
        stream_end(mux, *stream, session_lost);
}

} // namespace

// Asked several times for each frame: so first whether there is anything at all.
bool tunnel::core::mux_take_event(tn_mux &mux, tn_mux_event &event)
{
    if (mux.events == 0 && mux.news.empty() && mux.phase == Phase::open)
        return false;
    if (take_session_event(mux, event))
        return true;
    do {
        if (take_stream_event(mux, event))
            return true;
        if (mux.phase != Phase::failed)
            return take_drained(mux, event);
        end_another(mux);
    } while (!mux.news.empty() || stream_any_open(mux));
    return false;
}
