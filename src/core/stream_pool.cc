// SPDX-License-Identifier: ISC
//
// Slabs of streams. Generations are drawn from one counter of the pool, so a chunk may be given
// back and taken again without an old handle ever fitting a new stream.

#include "core/stream_pool.h"

#include <cstring>

namespace tunnel::core {

constexpr uint32_t no_chunk = no_slot;

void *pool_alloc(StreamPool &pool, size_t size, size_t align)
{
    void *memory = pool.memory.alloc(pool.memory.ctx, size, align);
    if (memory)
        pool.bytes += size;
    return memory;
}

void pool_free(StreamPool &pool, void *memory, size_t size)
{
    if (!memory)
        return;
    pool.bytes -= size;
    pool.memory.free(pool.memory.ctx, memory, size);
}

static void open_push(StreamPool &pool, uint32_t index)
{
    pool.chunks[index]->open = {.next = pool.open_chunks, .prev = no_chunk};
    if (pool.open_chunks != no_chunk)
        pool.chunks[pool.open_chunks]->open.prev = index;
    pool.open_chunks = index;
}

static void open_remove(StreamPool &pool, uint32_t index)
{
    Link link = pool.chunks[index]->open;
    (link.prev == no_chunk ? pool.open_chunks : pool.chunks[link.prev]->open.next) = link.next;
    if (link.next != no_chunk)
        pool.chunks[link.next]->open.prev = link.prev;
}

static bool grow_directory(StreamPool &pool)
{
    uint32_t capacity = pool.chunk_capacity ? pool.chunk_capacity * 2 : 8;
    void *memory = pool_alloc(pool, capacity * sizeof(Chunk *), alignof(Chunk *));
    if (!memory)
        return false;
    auto **chunks = static_cast<Chunk **>(memory);
    if (pool.chunk_count)
        memcpy(chunks, pool.chunks, pool.chunk_count * sizeof *chunks);
    pool_free(pool, pool.chunks, pool.chunk_capacity * sizeof *chunks);
    pool.chunks = chunks;
    pool.chunk_capacity = capacity;
    return true;
}

// The index of a vacant directory entry, or no_chunk without memory.
static uint32_t vacant_index(StreamPool &pool)
{
    uint32_t index = pool.first_vacant;
    while (index < pool.chunk_count && pool.chunks[index])
        index++;
    if (index == pool.chunk_capacity && !grow_directory(pool))
        return no_chunk;
    if (index == pool.chunk_count)
        pool.chunks[pool.chunk_count++] = nullptr;
    pool.first_vacant = index;
    return index;
}

static bool add_chunk(StreamPool &pool)
{
    uint32_t index = vacant_index(pool);
    if (index == no_chunk)
        return false;
    void *memory = pool_alloc(pool, sizeof(Chunk), sizeof(Stream));
    if (!memory)
        return false;
    memset(memory, 0, sizeof(Chunk)); // no generation: no handle fits
    auto *chunk = static_cast<Chunk *>(memory);
    for (uint32_t i = 0; i < chunk_streams; i++)
        chunk->streams[i].ready.next = i + 1 < chunk_streams ? i + 1 : no_slot;
    pool.chunks[index] = chunk;
    open_push(pool, index);
    return true;
}

Stream *stream_make(StreamPool &pool)
{
    if (pool.live >= pool.max_streams)
        return nullptr;
    if (pool.open_chunks == no_chunk && !add_chunk(pool))
        return nullptr;

    uint32_t index = pool.open_chunks;
    Chunk &chunk = *pool.chunks[index];
    uint32_t place = chunk.free_head;
    Stream &stream = chunk.streams[place];
    chunk.free_head = stream.ready.next;
    if (++chunk.used == chunk_streams)
        open_remove(pool, index);

    constexpr Link nowhere = {.next = no_slot, .prev = unlinked};
    stream = Stream{};
    stream.slot = index * chunk_streams + place;
    stream.ready = stream.control = stream.event = nowhere;
    if (++pool.last_generation == 0)
        pool.last_generation = 1;
    chunk.tags[place] = StreamTag{};
    chunk.tags[place].timer = nowhere;
    chunk.tags[place].generation = pool.last_generation;
    pool.live++;
    return &stream;
}

void stream_free(StreamPool &pool, Stream &stream)
{
    uint32_t index = stream.slot / chunk_streams;
    uint32_t place = stream.slot % chunk_streams;
    Chunk *chunk = pool.chunks[index];
    chunk->tags[place].generation = 0;
    stream.ready.next = chunk->free_head;
    chunk->free_head = place;
    pool.live--;
    if (chunk->used-- == chunk_streams)
        open_push(pool, index);

    bool only_open = pool.open_chunks == index && chunk->open.next == no_chunk;
    if (chunk->used || only_open)
        return;
    open_remove(pool, index);
    pool_free(pool, chunk, sizeof(Chunk));
    pool.chunks[index] = nullptr;
    if (index < pool.first_vacant)
        pool.first_vacant = index;
}

void pool_release(StreamPool &pool)
{
    for (uint32_t i = 0; i < pool.chunk_count; i++)
        pool_free(pool, pool.chunks[i], sizeof(Chunk));
    pool_free(pool, pool.chunks, pool.chunk_capacity * sizeof(Chunk *));
}

} // namespace tunnel::core
