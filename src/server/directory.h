// SPDX-License-Identifier: ISC
//
// Who is logged in and which session owns which name: the one object that all workers share and
// lock, for a look-up or a change at a time. It calls nobody: what a change means for another
// session is returned, and the caller posts it to that session's worker.

#pragma once

#include "base/clock.h"
#include "server/auth.h"
#include "server/carrier.h"
#include "server/refusal.h"
#include "server/tunnel.h"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tunnel {

struct Policy;

struct Route {
    enum class Kind {
        unknown, // nobody has the name
        offline, // its session ended a moment ago and may be back soon
        here,    // `tunnel` has it
    };
    Kind kind = Kind::unknown;
    std::shared_ptr<Tunnel> tunnel; // here
    Seat seat;                      // here: taken, on one of its links
    unsigned retry_after = 0;       // offline: seconds
};

// What became of one wish: a tunnel or a refusal.
struct Granted {
    std::shared_ptr<Tunnel> tunnel;
    Refusal refusal;
};

// Who asks, on the asking session's thread.
struct Claim {
    std::shared_ptr<Carrier> link;
    const Identity *who = nullptr;
    std::string session;       // what the client knows its session by
    std::string replaces = {}; // a login: the session of the same user that hands over; or empty
};

class Directory {
public:
    // Names that are remembered as offline; the oldest goes first.
    static constexpr size_t max_remembered = 10000;

    // What URLs are made of: "http://NAME.domain" and, unless it is 80, the port.
    void set_public(const std::string &domain, uint16_t port);

    uint64_t next_session_id();

    // Any thread. `label` in lower case. `held` and `worker` as in Carriers::seat().
    Route find(std::string_view label, Micros now = monotonic_now(), Seat held = {},
               unsigned worker = 0) const;

    // Links of sessions of the same token, but of another client, that hold one of these names:
    // they lose it if all of them prove to be silent.
    std::vector<SessionRef> rivals(const Identity &who, std::span<const TunnelWish> wishes) const;

    struct Login {
        Refusal refusal;                     // of the whole login
        std::vector<Granted> granted;        // in the wishes' order
        std::vector<SessionRef> replaced;    // links of the same client's older session: to be told
        std::vector<SessionRef> handed_over; // links of a session that yields: visits go on there
        std::vector<SessionRef> dispossessed; // links of silent ones that lost a name: to be closed
    };
    // Enters a session with its names, all at once or, if every wish is refused, not at all.
    // `silent`: rivals that gave no sign of life.
    Login enter(const Claim &claim, std::span<const TunnelWish> wishes,
                std::span<const SessionRef> silent, const Policy &policy, Micros now);

    struct Joined {
        Refusal refusal;
        size_t links = 0; // of the session, this one included
    };
    // One more link for a session of the same client, which the claim names.
    Joined join(const Claim &claim, const Policy &policy);

    // One more name for a session that is in. The same rules.
    Login add(const Claim &claim, const TunnelWish &wish, std::span<const SessionRef> silent,
              const Policy &policy);
    // Names that its token does not allow any more are taken from the session of a link.
    std::vector<std::shared_ptr<Tunnel>> restrict(SessionRef link, const Identity &now_allowed);

    // Null if the session has no tunnel of that subdomain or name.
    std::shared_ptr<Tunnel> remove(SessionRef session, std::string_view name);

    // The link ends. The session stands as long as another of its links does: how many are left
    // is returned. With the last one its names are free, and their visitors are asked to come
    // back within `grace`. What was rebound to another session meanwhile stays there.
    size_t leave(SessionRef link, Micros grace, Micros now);

    size_t session_count() const;

    struct Bound {
        std::shared_ptr<Tunnel> tunnel;
        std::string session; // its name
        std::string user;
    };
    std::vector<Bound> tunnels() const; // in no order

private:
    // A name is bound to a tunnel or remembered as offline until `until`.
    struct Name {
        std::shared_ptr<Tunnel> tunnel;
        Micros until = 0;
    };
    struct Member {
        uint64_t id; // of the link that logged in
        std::string session;
        Identity who;
        std::vector<std::string> names;
        std::shared_ptr<Carriers> carriers;
        std::string replaces = {}; // while it logs in

        bool supersedes(const Member &other) const; // takes over its names
    };
    struct TextHash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const
        {
            return std::hash<std::string_view>()(text);
        }
    };

    Member *find_member(SessionRef link);
    Member *find_twin(const Identity &who);
    Member *find_predecessor(const Claim &claim);
    const Member *find_holder(const std::string &name) const;
    Granted grant(Member &member, const TunnelWish &wish, std::span<const SessionRef> silent,
                  const Policy &policy, Login &login);
    Refusal judge(const Member &member, const TunnelWish &wish, std::span<const SessionRef> silent,
                  const Policy &policy) const;
    std::string pick_name(const Identity &who) const;
    std::shared_ptr<Tunnel> bind(const Member &member, const TunnelWish &wish,
                                 const std::string &name);
    void remember(const std::string &name, Micros until, Micros now);
    void forget_expired(Micros now);
    void release(Member &member, Micros grace, Micros now);

    mutable std::mutex lock_;
    std::string url_suffix_;
    uint64_t last_session_id_ = 0;
    std::unordered_map<std::string, Name, TextHash, std::equal_to<>> names_;
    std::unordered_map<uint64_t, Member> members_;          // by Member::id
    std::unordered_map<uint64_t, uint64_t> links_;          // link -> member
    std::unordered_map<std::string, unsigned> users_;       // sessions of each
    std::unordered_map<std::string, uint64_t> clients_;     // token and client id -> member
    std::deque<std::pair<Micros, std::string>> remembered_; // by age
};

} // namespace tunnel
