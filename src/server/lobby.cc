// SPDX-License-Identifier: ISC

#include "server/lobby.h"

#include "base/random.h"

namespace tunnel {

namespace {

// sshd's 10:30:100, with limits.max_handshakes for the 100: from a twentieth of the places on
// 30 of 100 are dropped, rising to all of them when the last place is taken.
constexpr uint64_t early_share = 20;
constexpr uint64_t early_percent = 30;

} // namespace

std::optional<Lobby::Place> Lobby::enter(const Address &peer, const Policy &policy, Micros now)
{
    const ServerSettings &settings = policy.settings;
    if (!penalties_.may_answer(source_key(peer), now))
        return {};
    if (drops_early(settings.max_handshakes))
        return {};
    bool counted = !policy.http.trusted.contains(peer);
    uint64_t source = counted ? source_key(peer) : Occupancy::uncounted;
    Occupancy::Verdict verdict =
        occupancy_.enter(source, settings.max_handshakes, settings.max_handshakes_per_ip);
    if (verdict != Occupancy::Verdict::entered)
        return {};
    return Place(*this, source);
}

bool Lobby::drops_early(uint64_t most) const
{
    uint64_t waiting = occupancy_.size();
    uint64_t start = most / early_share;
    if (most == 0 || waiting < start || waiting >= most)
        return false;
    uint64_t percent = early_percent + (100 - early_percent) * (waiting - start) / (most - start);
    return random_below(100) < percent;
}

} // namespace tunnel
