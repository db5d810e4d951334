// SPDX-License-Identifier: ISC
//
// What the owner of a stream may do with it. Nothing goes on the wire here: the calls change
// the books, the next gather makes frames of them.

#include "core/mux_state.h"

#include <algorithm>

using namespace tunnel::core;

namespace {

constexpr uint32_t most_pending = 1u << 30;
// With the whole mux over its mark a stream may still queue this much, so that each producer
// that has to stop has bytes of its own in the queue, whose departure wakes it.
constexpr uint64_t least_space = 4096;
constexpr uint32_t walk_slots = 1u << 31; // of a cursor: it counts slots, not table entries
constexpr uint8_t default_class = 2;
constexpr uint8_t default_weight = 16;

size_t space(const tn_mux &mux, const Stream &stream)
{
    if (stream.life != Life::open || stream.shutdown)
        return 0;
    uint64_t session = mux.config.session_pending_high;
    uint64_t left = session > mux.stats.pending ? session - mux.stats.pending : 0;
    uint64_t floor = stream.pending < least_space ? least_space - stream.pending : 0;
    uint64_t own = mux.config.pending_high;
    own = own > stream.pending ? own - stream.pending : 0;
    return std::min(own, std::max(left, floor));
}

tn_error may_open(tn_mux &mux)
{
    if (mux.phase == Phase::failed)
        return TN_ERR_CLOSED;
    if (mux.phase == Phase::draining || mux.goaway_received)
        return TN_ERR_GOAWAY;
    if (mux.stats.unacked >= mux.config.ack_backlog) {
        mux.wants_openable = true;
        return TN_ERR_AGAIN;
    }
    if (mux.stats.streams_out >= mux.config.max_outbound)
        return TN_ERR_LIMIT;
    if (mux.next_id > TN_MAX_STREAM_ID || (TN_MAX_STREAM_ID - mux.next_id) / 2 < mux.nameless)
        return TN_ERR_EXHAUSTED;
    if (!table_reserve(mux.table, table_count(mux.table) + mux.nameless + 1))
        return TN_ERR_NOMEM;
    return TN_OK;
}

// Streams without an id, and those whose end has not been reported: they stand in no table, so
// the pool is searched for them, with a cursor that counts slots.
uint32_t next_outside_table(const tn_mux &mux, uint32_t *cursor)
{
    const StreamPool &pool = mux.pool->streams;
    uint32_t slot = *cursor & walk_slots ? *cursor & ~walk_slots : 0;
    for (; slot < pool_slots(pool); slot++) {
        *cursor = (slot + 1) | walk_slots;
        if (!slot_in_use(pool, slot) || tag_at(pool, slot).owner != mux.owner)
            continue;
        const Stream &stream = stream_at(pool, slot);
        if (stream.id == 0 || stream.life != Life::open)
            return slot;
    }
    return no_slot;
}

bool was_idle(const Stream &stream) { return !stream.pending && !stream.source_ready; }

} // namespace

Stream *tunnel::core::stream_new(tn_mux &mux, bool outbound)
{
    Stream *stream = stream_make(mux.pool->streams);
    if (!stream)
        return nullptr;
    StreamTag &tag = tag_at(mux.pool->streams, stream->slot);
    tag.owner = mux.owner;
    tag.weight = default_weight;
    stream->prio_class = default_class;
    stream->outbound = outbound;
    credit_open(mux, *stream);
    stream->holds_slot = true;
    (outbound ? mux.stats.unacked : mux.stats.unaccepted)++;
    (outbound ? mux.stats.streams_out : mux.stats.streams_in)++;
    return stream;
}

tn_error tn_stream_open(tn_mux *mux, void *user, tn_stream *out)
{
    tn_error error = may_open(*mux);
    if (error)
        return error;
    Stream *stream = stream_new(*mux, true);
    if (!stream)
        return TN_ERR_NOMEM;
    mux->nameless++;
    mux->stats.opened++;
    stream->user = user;
    stream->owes_syn = true;
    stream_arm(*mux, *stream, Timer::ack);
    stream_refresh_control(*mux, *stream);
    *out = stream_handle(*mux, *stream);
    return TN_OK;
}

tn_error tn_stream_accept(tn_mux *mux, tn_stream handle, void *user)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    if (stream->life != Life::open || stream->outbound || stream->acked)
        return TN_ERR_STATE;
    stream->user = user;
    stream->acked = true;
    stream->owes_ack = true;
    mux->stats.accepted++;
    stream_release_slot(*mux, *stream);
    stream_cancel(*mux, *stream, Timer::accept);
    stream_refresh_control(*mux, *stream);
    stream_refresh(*mux, *stream);
    return TN_OK;
}

tn_error tn_stream_set_user(tn_mux *mux, tn_stream handle, void *user)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    stream->user = user;
    return TN_OK;
}

tn_error tn_stream_set_priority(tn_mux *mux, tn_stream handle, uint8_t prio_class, uint8_t weight)
{
    if (prio_class >= priority_classes || weight == 0)
        return TN_ERR_INVAL;
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    schedule_remove(mux->schedule, mux->pool->streams, *stream);
    stream->prio_class = prio_class & (priority_classes - 1);
    tag_at(mux->pool->streams, stream->slot).weight = weight;
    stream_refresh(*mux, *stream);
    return TN_OK;
}

size_t tn_stream_space(const tn_mux *mux, tn_stream handle)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return 0;
    size_t left = space(*mux, *stream);
    stream->starved = left == 0;
    return left;
}

void tunnel::core::stream_wake_producer(tn_mux &mux, Stream &stream)
{
    if (!stream.starved || stream.pending > mux.config.pending_low || !space(mux, stream))
        return;
    stream.starved = false;
    stream_raise(mux, stream, event_writable);
}

tn_error tn_stream_queued(tn_mux *mux, tn_stream handle, size_t n)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    if (stream->life != Life::open || stream->shutdown)
        return TN_ERR_STATE;
    if (n > most_pending - stream->pending)
        return TN_ERR_LIMIT;
    bool idle = was_idle(*stream);
    stream->pending += static_cast<uint32_t>(n);
    mux->stats.pending += n;
    stream->starved = space(*mux, *stream) == 0;
    stream_refresh(*mux, *stream, idle);
    return TN_OK;
}

tn_error tn_stream_ready(tn_mux *mux, tn_stream handle)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    if (stream->life != Life::open || stream->shutdown)
        return TN_ERR_STATE;
    bool idle = was_idle(*stream);
    stream->source_ready = true;
    stream_refresh(*mux, *stream, idle);
    return TN_OK;
}

tn_error tn_stream_shutdown(tn_mux *mux, tn_stream handle)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    if (stream->shutdown)
        return TN_OK;
    if (stream->life != Life::open)
        return TN_ERR_STATE;
    stream->shutdown = true;
    bool early = stream->outbound && !stream->acked;
    if (early && mux->config.peer_quirks & TN_Q_NO_EARLY_FIN)
        stream_arm(*mux, *stream, Timer::hold_fin);
    stream_refresh(*mux, *stream);
    return TN_OK;
}

tn_error tn_stream_close(tn_mux *mux, tn_stream handle)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    if (stream->life != Life::open || stream->lingering)
        return TN_OK;
    if (!stream->outbound && !stream->acked)
        tn_stream_accept(mux, handle, stream->user);
    credit_consume(*mux, *stream, stream->unconsumed);
    stream->events &= event_new;
    stream->lingering = true;
    stream->shutdown = true;
    stream_arm(*mux, *stream, Timer::linger);
    stream_refresh(*mux, *stream);
    stream_refresh_control(*mux, *stream);
    return TN_OK;
}

tn_error tn_stream_reset(tn_mux *mux, tn_stream handle, uint32_t code)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    stream_vanish(*mux, *stream, code, true);
    return TN_OK;
}

tn_error tn_stream_consumed(tn_mux *mux, tn_stream handle, size_t n)
{
    Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    if (stream->life != Life::open || stream->lingering)
        return TN_OK;
    if (n > stream->unconsumed)
        return TN_ERR_INVAL;
    credit_read(*mux, *stream, static_cast<uint32_t>(n));
    stream_refresh_control(*mux, *stream);
    return TN_OK;
}

tn_error tn_stream_get_info(const tn_mux *mux, tn_stream handle, tn_stream_info *out)
{
    const Stream *stream = stream_of(*mux, handle);
    if (!stream)
        return TN_ERR_STALE;
    *out = {};
    out->id = stream->id;
    out->user = stream->user;
    out->outbound = stream->outbound;
    out->acked = stream->acked;
    out->fin_sent = stream->fin_sent;
    out->fin_received = stream->fin_received;
    out->prio_class = stream->prio_class;
    out->weight = tag_at(mux->pool->streams, stream->slot).weight;
    out->send_credit = stream->life == Life::open ? stream->send_credit : 0;
    out->pending = stream->pending;
    out->recv_credit = stream->recv_credit;
    out->unconsumed = stream->lingering ? 0 : stream->unconsumed;
    out->window = stream->window * window_unit;
    return TN_OK;
}

bool tn_mux_iter(const tn_mux *mux, uint32_t *cursor, tn_stream *out)
{
    const StreamPool &pool = mux->pool->streams;
    uint32_t slot = *cursor & walk_slots ? no_slot : table_walk(mux->table, cursor);
    bool others = mux->nameless || !mux->news.empty();
    if (slot == no_slot && others)
        slot = next_outside_table(*mux, cursor);
    if (slot == no_slot)
        return false;
    *out = stream_handle(*mux, stream_at(pool, slot));
    return true;
}
