// SPDX-License-Identifier: ISC

#include "server/directory.h"

#include "base/random.h"
#include "base/text.h"
#include "server/host.h"
#include "server/policy.h"

#include <algorithm>

namespace tunnel {

namespace {

bool contains(std::span<const SessionRef> sessions, SessionRef session)
{
    return std::find(sessions.begin(), sessions.end(), session) != sessions.end();
}

void add_once(std::vector<SessionRef> &sessions, SessionRef session)
{
    if (!contains(sessions, session))
        sessions.push_back(session);
}

std::string client_key(const Identity &who)
{
    return std::string(who.token.begin(), who.token.end()) + who.client_id;
}

} // namespace

void Directory::set_public(const std::string &domain, uint16_t port)
{
    std::lock_guard guard(lock_);
    url_suffix_ = "." + domain + (port == 80 ? "" : ":" + std::to_string(port));
}

uint64_t Directory::next_session_id()
{
    std::lock_guard guard(lock_);
    return ++last_session_id_;
}

size_t Directory::session_count() const
{
    std::lock_guard guard(lock_);
    return members_.size();
}

Route Directory::find(std::string_view label, Micros now) const
{
    std::lock_guard guard(lock_);
    auto found = names_.find(label);
    if (found == names_.end())
        return {};
    const Name &name = found->second;
    if (name.tunnel)
        return {Route::Kind::here, name.tunnel, 0};
    if (name.until <= now)
        return {};
    return {Route::Kind::offline, nullptr, unsigned((name.until - now + second - 1) / second)};
}

std::vector<SessionRef> Directory::rivals(const Identity &who,
                                          std::span<const TunnelWish> wishes) const
{
    std::lock_guard guard(lock_);
    std::vector<SessionRef> rivals;
    for (const TunnelWish &wish : wishes) {
        auto found = names_.find(wish.subdomain);
        if (found == names_.end() || !found->second.tunnel)
            continue;
        SessionRef holder = found->second.tunnel->owner();
        const Identity &theirs = members_.at(holder.id).who;
        if (theirs.same_token(who) && !theirs.same_client(who))
            add_once(rivals, holder);
    }
    return rivals;
}

// ---------------------------------------------------------------- coming

Directory::Login Directory::enter(const Claim &claim, std::span<const TunnelWish> wishes,
                                  std::span<const SessionRef> silent, const Policy &policy,
                                  Micros now)
{
    std::lock_guard guard(lock_);
    Login login;
    const Member *twin = find_twin(claim);
    uint64_t most = policy.settings.max_connections_per_user;
    auto user = users_.find(claim.who->user);
    if (most != 0 && !twin && user != users_.end() && user->second >= most) {
        login.refusal = refusal::too_many_sessions;
        return login;
    }

    Member member = {claim.session, *claim.who, {}};
    for (const TunnelWish &wish : wishes)
        login.granted.push_back(grant(claim, member, wish, silent, policy, login));
    if (!wishes.empty() && member.names.empty()) {
        login.refusal = login.granted.front().refusal;
        return login;
    }

    if (twin) {
        login.replaced = twin->session;
        release(*find_member(login.replaced), policy.settings.name_grace, now);
    }
    users_[member.who.user]++;
    if (!member.who.client_id.empty())
        clients_[client_key(member.who)] = claim.session.id;
    members_.emplace(claim.session.id, std::move(member));
    return login;
}

Directory::Login Directory::add(const Claim &claim, const TunnelWish &wish,
                                std::span<const SessionRef> silent, const Policy &policy)
{
    std::lock_guard guard(lock_);
    Login login;
    Member *member = find_member(claim.session);
    if (!member) // fenced a moment ago
        login.granted.push_back({nullptr, refusal::replaced});
    else
        login.granted.push_back(grant(claim, *member, wish, silent, policy, login));
    return login;
}

// The names of `member` grow with each tunnel; a name that is taken over leaves its holder at once.
Granted Directory::grant(const Claim &claim, Member &member, const TunnelWish &wish,
                         std::span<const SessionRef> silent, const Policy &policy, Login &login)
{
    uint64_t most = policy.settings.max_tunnels_per_connection;
    if (most != 0 && member.names.size() >= most)
        return {nullptr, refusal::too_many_tunnels};
    if (Refusal refused = judge(claim, wish, silent, policy))
        return {nullptr, refused};

    std::string name = wish.subdomain.empty() ? pick_name() : wish.subdomain;
    auto found = names_.find(name);
    if (found != names_.end() && found->second.tunnel) {
        SessionRef holder = found->second.tunnel->owner();
        if (!members_.at(holder.id).who.same_client(*claim.who))
            add_once(login.dispossessed, holder);
        unbind_from(holder, name);
    }
    member.names.push_back(name);
    return {bind(claim, wish, name), {}};
}

Refusal Directory::judge(const Claim &claim, const TunnelWish &wish,
                         std::span<const SessionRef> silent, const Policy &policy) const
{
    if (wish.protocol != "http")
        return refusal::protocol_not_carried;
    if (wish.subdomain.empty())
        return {};
    if (!is_subdomain(wish.subdomain))
        return refusal::name_invalid;
    if (policy.reserved.contains(wish.subdomain))
        return refusal::name_reserved;
    auto found = names_.find(wish.subdomain);
    if (found == names_.end() || !found->second.tunnel)
        return {};
    SessionRef holder = found->second.tunnel->owner();
    if (holder == claim.session)
        return refusal::name_taken; // twice in one session
    const Identity &theirs = members_.at(holder.id).who;
    bool yields = theirs.same_client(*claim.who) ||
                  (theirs.same_token(*claim.who) && contains(silent, holder));
    return yields ? Refusal{} : refusal::name_taken;
}

std::string Directory::pick_name() const
{
    std::string name = random_subdomain();
    while (names_.contains(name))
        name = random_subdomain();
    return name;
}

std::shared_ptr<Tunnel> Directory::bind(const Claim &claim, const TunnelWish &wish,
                                        const std::string &name)
{
    auto tunnel = std::make_shared<Tunnel>();
    tunnel->subdomain = name;
    tunnel->name = wish.name.empty() ? name : wish.name;
    tunnel->local_host = wish.local_host;
    tunnel->local_port = wish.local_port;
    tunnel->url = "http://" + name + url_suffix_;
    tunnel->worker = claim.session.worker;
    tunnel->session_id = claim.session.id;
    tunnel->session = claim.object;
    Name &place = names_[name];
    if (place.tunnel)
        tunnel->rate.continue_from(place.tunnel->rate);
    place = {tunnel, 0};
    return tunnel;
}

// The holder's list forgets the name; who gets it, or whether it is remembered, is the caller's.
void Directory::unbind_from(SessionRef session, const std::string &name)
{
    if (Member *member = find_member(session))
        std::erase(member->names, name);
}

// ---------------------------------------------------------------- going

std::shared_ptr<Tunnel> Directory::remove(SessionRef session, std::string_view wanted)
{
    std::lock_guard guard(lock_);
    Member *member = find_member(session);
    if (!member)
        return nullptr;
    std::string subdomain = to_lower(wanted);
    for (const std::string &name : member->names) {
        std::shared_ptr<Tunnel> tunnel = names_.at(name).tunnel;
        if (name != subdomain && tunnel->name != wanted)
            continue;
        names_.erase(name);
        std::erase(member->names, tunnel->subdomain);
        return tunnel;
    }
    return nullptr;
}

void Directory::leave(SessionRef session, Micros grace, Micros now)
{
    std::lock_guard guard(lock_);
    if (Member *member = find_member(session))
        release(*member, grace, now);
}

// Takes a session out; the names that are still its own are remembered for `grace`.
void Directory::release(Member &member, Micros grace, Micros now)
{
    for (const std::string &name : member.names)
        remember(name, now + grace, now);
    auto user = users_.find(member.who.user);
    if (user != users_.end() && --user->second == 0)
        users_.erase(user);
    uint64_t id = member.session.id;
    auto client = clients_.find(client_key(member.who));
    if (client != clients_.end() && client->second == id)
        clients_.erase(client);
    members_.erase(id);
}

void Directory::remember(const std::string &name, Micros until, Micros now)
{
    forget_expired(now);
    names_[name] = {nullptr, until};
    remembered_.emplace_back(until, name);
}

void Directory::forget_expired(Micros now)
{
    while (!remembered_.empty() &&
           (remembered_.front().first <= now || remembered_.size() >= max_remembered)) {
        auto found = names_.find(remembered_.front().second);
        // A name that came back, or went again, is somebody else's entry.
        if (found != names_.end() && !found->second.tunnel &&
            found->second.until == remembered_.front().first)
            names_.erase(found);
        remembered_.pop_front();
    }
}

// ---------------------------------------------------------------- members

Directory::Member *Directory::find_member(SessionRef session)
{
    auto found = members_.find(session.id);
    return found == members_.end() ? nullptr : &found->second;
}

// The session of the same token and client id.
const Directory::Member *Directory::find_twin(const Claim &claim) const
{
    if (claim.who->client_id.empty())
        return nullptr;
    auto found = clients_.find(client_key(*claim.who));
    return found == clients_.end() ? nullptr : &members_.at(found->second);
}

} // namespace tunnel
