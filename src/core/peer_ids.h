// SPDX-License-Identifier: ISC
//
// Which ids the peer has opened. An id is used once, but SYNs may overtake each other: a map of
// the 256 ids below the highest tells the late from the used. Below it all count as used.

#pragma once

#include <cstdint>

namespace tunnel::core {

constexpr uint32_t peer_ids_size = 256;

struct PeerIds {
    uint32_t highest;
    uint32_t used[peer_ids_size / 32];
};

bool id_used(const PeerIds &ids, uint32_t id);
void id_mark(PeerIds &ids, uint32_t id);

} // namespace tunnel::core
