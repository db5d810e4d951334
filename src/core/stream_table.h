// SPDX-License-Identifier: ISC
//
// Stream id to slot, for one mux: open addressing with Robin Hood placement and deletion by
// backward shift, 8 bytes an entry. The peer chooses ids, so the hash is multiplied by a number
// it does not know. Growing moves a few entries with each insertion, never all at once. The
// first eight entries live inside the object.

#pragma once

#include "core/stream_pool.h"

namespace tunnel::core {

struct TableEntry {
    uint32_t id; // 0: empty
    uint32_t slot;
};

struct TableArray {
    TableEntry *entries;
    uint32_t capacity; // 0: no array
    uint32_t count;
};

constexpr uint32_t table_embedded = 8;

struct StreamTable {
    StreamPool *pool;
    uint32_t multiplier; // odd
    uint32_t moved;      // entries of `old` below this index are empty
    TableArray now;
    TableArray old; // being emptied into `now`
    TableEntry embedded[table_embedded];
};

void table_init(StreamTable &table, StreamPool &pool, uint32_t random);
void table_release(StreamTable &table);

inline uint32_t table_count(const StreamTable &table) { return table.now.count + table.old.count; }

// Makes room for `count` entries in all; false without memory, and nothing has changed.
bool table_reserve(StreamTable &table, uint32_t count);
// `id` is new, and there is room for it.
void table_insert(StreamTable &table, uint32_t id, uint32_t slot);
uint32_t table_find(const StreamTable &table, uint32_t id); // no_slot if unknown
void table_remove(StreamTable &table, uint32_t id);
// Goes through the entries: the slot at or after `*cursor`, which moves past it; no_slot at the
// end. Entries that move meanwhile may be missed.
uint32_t table_walk(const StreamTable &table, uint32_t *cursor);

} // namespace tunnel::core
