// SPDX-License-Identifier: ISC
//
// How a stream ends, and the books that are kept while it lives: lists, limits, timers. Its
// object stays until its owner has been told and the peer's RST has been gathered.

#include "core/mux_state.h"

namespace tunnel::core {

tn_stream stream_handle(const tn_mux &mux, const Stream &stream)
{
    return {.slot = stream.slot, .gen = tag_at(mux.pool->streams, stream.slot).generation};
}

Stream *stream_of(const tn_mux &mux, tn_stream handle)
{
    Stream *stream = stream_find(mux.pool->streams, handle);
    if (!stream || tag_at(mux.pool->streams, handle.slot).owner != mux.owner)
        return nullptr;
    return stream;
}

void stream_arm(tn_mux &mux, Stream &stream, Timer timer)
{
    deadline_arm(mux.deadlines, mux.pool->streams, stream, timer);
}

void stream_cancel(tn_mux &mux, Stream &stream, Timer timer)
{
    if (stream.timer != timer)
        return;
    deadline_cancel(mux.deadlines, mux.pool->streams, stream);
    credit_watch(mux, stream);
}

void stream_raise(tn_mux &mux, Stream &stream, StreamEvent event)
{
    stream.events |= event;
    if (!linked(stream.event))
        mux.news.push_back(mux.pool->streams, stream.slot);
}

static void count_blocked(tn_mux &mux, Stream &stream, bool blocked)
{
    mux.stats.blocked_on_credit += blocked;
    mux.stats.blocked_on_credit -= stream.blocked;
    stream.blocked = blocked;
}

// Our bytes wait for credit. If the peer has finished and grants none, that ends in time.
static void watch_credit(tn_mux &mux, Stream &stream)
{
    bool waiting = stream.pending || stream.source_ready;
    count_blocked(mux, stream, waiting && stream.send_credit == 0);
    if (!stream.blocked || !stream.fin_received)
        stream_cancel(mux, stream, Timer::stall);
    else if (stream_unhurried(stream))
        stream_arm(mux, stream, Timer::stall);
}

void stream_refresh(tn_mux &mux, Stream &stream, bool was_idle)
{
    if (stream.life != Life::open)
        return;
    schedule_update(mux.schedule, mux.pool->streams, stream, was_idle);
    watch_credit(mux, stream);
}

void stream_refresh_control(tn_mux &mux, Stream &stream)
{
    bool owes = stream.life == Life::open &&
                (stream.owes_syn || stream.owes_ack || credit_grant(mux, stream, false));
    if (owes == linked(stream.control))
        return;
    if (owes)
        mux.control.push_back(mux.pool->streams, stream.slot);
    else
        mux.control.remove(mux.pool->streams, stream.slot);
}

void stream_uncount(tn_mux &mux, Stream &stream)
{
    (stream.outbound ? mux.stats.streams_out : mux.stats.streams_in)--;
}

void stream_release_slot(tn_mux &mux, Stream &stream)
{
    if (!stream.holds_slot)
        return;
    stream.holds_slot = false;
    if (!stream.outbound) {
        mux.stats.unaccepted--;
        return;
    }
    mux.stats.unacked--;
    if (!mux.wants_openable || mux.stats.unacked >= mux.config.ack_backlog)
        return;
    mux.wants_openable = false;
    mux_raise(mux, session_openable);
}

// Out of every book but the limits and the list of events.
static void detach(tn_mux &mux, Stream &stream)
{
    StreamPool &pool = mux.pool->streams;
    schedule_remove(mux.schedule, pool, stream);
    count_blocked(mux, stream, false);
    deadline_cancel(mux.deadlines, pool, stream);
    stream_release_slot(mux, stream);
    if (linked(stream.control))
        mux.control.remove(pool, stream.slot);
    if (stream.id)
        table_remove(mux.table, stream.id);
    else
        mux.nameless--;
    if (mux.body.slot == stream.slot)
        mux.body.slot = no_slot;
    credit_close(mux, stream);
    mux.stats.pending -= stream.pending;
    stream.pending = 0;
}

// The peer may have sent as much as it had credit for before it hears of the reset; part of a
// body that is being received is no longer to come, but was credit too.
static void owe_reset(tn_mux &mux, Stream &stream)
{
    mux.resets.push_back(mux.pool->streams, stream.slot);
    stream.owes_rst = true;
    if (!stream.fin_received)
        mux.discard_left += stream.recv_credit;
}

static void end(tn_mux &mux, Stream &stream, const Ending &ending)
{
    bool in_body = mux.body.left && mux.body.slot == stream.slot;
    detach(mux, stream);
    stream.life = Life::over;
    stream.reason = ending.reason;
    stream.code = ending.code;
    if (ending.reset && stream.id)
        owe_reset(mux, stream);
    else
        stream_uncount(mux, stream);
    if (in_body && stream.owes_rst)
        mux.discard_left -= mux.body.left;
}

static void drop_events(tn_mux &mux, Stream &stream)
{
    if (linked(stream.event))
        mux.news.remove(mux.pool->streams, stream.slot);
    stream.events = 0;
}

void stream_end(tn_mux &mux, Stream &stream, const Ending &ending)
{
    if (stream.events & event_new) // its owner never heard of it
        return stream_vanish(mux, stream, ending.code, ending.reset);
    end(mux, stream, ending);
    stream.events &= event_acked | event_fin;
    stream_raise(mux, stream, event_closed);
}

void stream_vanish(tn_mux &mux, Stream &stream, uint32_t code, bool reset)
{
    drop_events(mux, stream);
    if (stream.life == Life::open)
        end(mux, stream, {TN_CR_RESET_LOCAL, code, reset});
    tag_at(mux.pool->streams, stream.slot).generation = 0;
    stream_let_go(mux, stream);
}

void stream_let_go(tn_mux &mux, Stream &stream)
{
    if (stream.owes_rst)
        stream.life = stream.events ? Life::over : Life::resetting;
    else if (!stream.events)
        stream_free(mux.pool->streams, stream);
}

// Those with an id stand in the table; those without owe a SYN, and are in one of the lists.
Stream *stream_any_open(tn_mux &mux)
{
    const StreamPool &pool = mux.pool->streams;
    while (table_count(mux.table)) {
        uint32_t slot = table_walk(mux.table, &mux.walk);
        if (slot != no_slot) {
            mux.walk--; // removing it may shift another here
            return &stream_at(pool, slot);
        }
        mux.walk = 0;
    }
    if (!mux.control.empty())
        return &stream_at(pool, mux.control.head);
    for (const ReadyClass &group : mux.schedule.classes) {
        if (!group.fresh.empty())
            return &stream_at(pool, group.fresh.head);
        if (!group.old.empty())
            return &stream_at(pool, group.old.head);
    }
    return nullptr;
}

} // namespace tunnel::core
