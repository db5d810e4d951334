// SPDX-License-Identifier: ISC
//
// Who is logged in and which session owns which name: the one object that all workers share and
// lock, for a look-up or a change at a time. It calls nobody: what a change means for another
// session is returned, and the caller posts it to that session's worker.

#pragma once

#include "base/clock.h"
#include "server/auth.h"
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
    unsigned retry_after = 0;       // offline: seconds
};

// What became of one wish: a tunnel or a refusal.
struct Granted {
    std::shared_ptr<Tunnel> tunnel;
    Refusal refusal;
};

// Who asks, on the asking session's thread.
struct Claim {
    SessionRef session;
    Session *object = nullptr;
    const Identity *who = nullptr;
};

class Directory {
public:
    // Names that are remembered as offline; the oldest goes first.
    static constexpr size_t max_remembered = 10000;

    // What URLs are made of: "http://NAME.domain" and, unless it is 80, the port.
    void set_public(const std::string &domain, uint16_t port);

    uint64_t next_session_id();

    // Any thread. `label` in lower case.
    Route find(std::string_view label, Micros now = monotonic_now()) const;

    // Sessions of the same token, but of another client, that hold one of these names: they
    // lose it if they prove to be silent.
    std::vector<SessionRef> rivals(const Identity &who, std::span<const TunnelWish> wishes) const;

    struct Login {
        Refusal refusal;                      // of the whole login
        std::vector<Granted> granted;         // in the wishes' order
        SessionRef replaced;                  // the same client's older session: to be told so
        std::vector<SessionRef> dispossessed; // silent ones that lost a name: to be closed
    };
    // Enters a session with its names, all at once or, if every wish is refused, not at all.
    // `silent`: rivals that gave no sign of life.
    Login enter(const Claim &claim, std::span<const TunnelWish> wishes,
                std::span<const SessionRef> silent, const Policy &policy, Micros now);

    // One more name for a session that is in. The same rules.
    Login add(const Claim &claim, const TunnelWish &wish, std::span<const SessionRef> silent,
              const Policy &policy);
    // Null if the session has no tunnel of that subdomain or name.
    std::shared_ptr<Tunnel> remove(SessionRef session, std::string_view name);

    // The session ends: its names are free, and their visitors are asked to come back within
    // `grace`. What was rebound to another session meanwhile stays there.
    void leave(SessionRef session, Micros grace, Micros now);

    size_t session_count() const;

private:
    // A name is bound to a tunnel or remembered as offline until `until`.
    struct Name {
        std::shared_ptr<Tunnel> tunnel;
        Micros until = 0;
    };
    struct Member {
        SessionRef session;
        Identity who;
        std::vector<std::string> names;
    };
    struct TextHash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const
        {
            return std::hash<std::string_view>()(text);
        }
    };

    Member *find_member(SessionRef session);
    const Member *find_twin(const Claim &claim) const;
    Granted grant(const Claim &claim, Member &member, const TunnelWish &wish,
                  std::span<const SessionRef> silent, const Policy &policy, Login &login);
    Refusal judge(const Claim &claim, const TunnelWish &wish, std::span<const SessionRef> silent,
                  const Policy &policy) const;
    std::string pick_name() const;
    std::shared_ptr<Tunnel> bind(const Claim &claim, const TunnelWish &wish,
                                 const std::string &name);
    void unbind_from(SessionRef session, const std::string &name);
    void remember(const std::string &name, Micros until, Micros now);
    void forget_expired(Micros now);
    void release(Member &member, Micros grace, Micros now);

    mutable std::mutex lock_;
    std::string url_suffix_;
    uint64_t last_session_id_ = 0;
    std::unordered_map<std::string, Name, TextHash, std::equal_to<>> names_;
    std::unordered_map<uint64_t, Member> members_;          // by session id
    std::unordered_map<std::string, unsigned> users_;       // sessions of each
    std::unordered_map<std::string, uint64_t> clients_;     // token and client id -> session id
    std::deque<std::pair<Micros, std::string>> remembered_; // by age
};

} // namespace tunnel
