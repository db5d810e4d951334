// SPDX-License-Identifier: ISC
//
// A ring of bits: one for every second id, since a peer's ids are all odd or all even.

#include "core/peer_ids.h"

#include <algorithm>

namespace tunnel::core {

static uint32_t word_of(uint32_t id) { return id / 2 % peer_ids_size / 32; }
static uint32_t bit_of(uint32_t id) { return 1u << (id / 2 % 32); }

bool id_used(const PeerIds &ids, uint32_t id)
{
    if (id > ids.highest)
        return false;
    if ((ids.highest - id) / 2 >= peer_ids_size)
        return true;
    return ids.used[word_of(id)] & bit_of(id);
}

void id_mark(PeerIds &ids, uint32_t id)
{
    if (id > ids.highest) {
        uint32_t steps = std::min((id - ids.highest) / 2, peer_ids_size);
        for (uint32_t skipped = id; steps > 0; steps--, skipped -= 2)
            ids.used[word_of(skipped)] &= ~bit_of(skipped);
        ids.highest = id;
    }
    ids.used[word_of(id)] |= bit_of(id);
}

} // namespace tunnel::core
