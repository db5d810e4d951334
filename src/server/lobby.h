// SPDX-License-Identifier: ISC
//
// Control connections that have not logged in yet: few at a time, few from each address, and
// beyond a third of what is allowed some are dropped at random, so that a flood of strangers
// leaves room for friends (the rule of sshd's MaxStartups). Who has logged in is never
// touched. Any thread.

#pragma once

#include "server/bans.h"
#include "server/limits.h"
#include "server/policy.h"

#include <optional>
#include <utility>

namespace tunnel {

class Lobby {
public:
    // A place in the lobby; given back when it is destroyed.
    class Place {
    public:
        Place(Lobby &lobby, uint64_t source) : lobby_(&lobby), source_(source) {}
        Place(Place &&other) noexcept
            : lobby_(std::exchange(other.lobby_, nullptr)), source_(other.source_)
        {}
        Place &operator=(Place &&) = delete;
        ~Place()
        {
            if (lobby_)
                lobby_->occupancy_.leave(source_);
        }

    private:
        Lobby *lobby_;
        uint64_t source_;
    };

    // Empty: close the connection unheard.
    std::optional<Place> enter(const Address &peer, const Policy &policy, Micros now);

    Penalties &penalties() { return penalties_; }
    Bans &bans() { return bans_; }
    uint64_t size() const { return occupancy_.size(); }

private:
    bool drops_early(uint64_t most) const;

    Occupancy occupancy_;
    Penalties penalties_;
    Bans bans_;
};

} // namespace tunnel
