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

void add_once(std::vector<SessionRef> &sessions, const Carriers &carriers)
{
    for (SessionRef link : carriers.refs())
        if (!contains(sessions, link))
            sessions.push_back(link);
}

// A link that joined after they were asked is not among the silent ones.
bool all_silent(const Carriers &carriers, std::span<const SessionRef> silent)
{
    std::vector<SessionRef> links = carriers.refs();
    return std::all_of(links.begin(), links.end(),
                       [silent](SessionRef link) { return contains(silent, link); });
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

std::vector<Directory::Bound> Directory::tunnels() const
{
    std::lock_guard guard(lock_);
    std::vector<Bound> bound;
    for (const auto &[id, member] : members_)
        for (const std::string &name : member.names)
            bound.push_back({names_.at(name).tunnel, member.session, member.who.user});
    return bound;
}

Route Directory::find(std::string_view label, Micros now, Seat held, unsigned worker) const
{
    std::lock_guard guard(lock_);
    auto found = names_.find(label);
    if (found == names_.end())
        return {};
    const Name &name = found->second;
    if (name.tunnel)
        return {Route::Kind::here, name.tunnel,
                name.tunnel->carriers->seat(std::move(held), worker), 0};
    if (name.until <= now)
        return {};
    return {Route::Kind::offline, nullptr, {}, unsigned((name.until - now + second - 1) / second)};
}

std::vector<SessionRef> Directory::rivals(const Identity &who,
                                          std::span<const TunnelWish> wishes) const
{
    std::lock_guard guard(lock_);
    std::vector<SessionRef> rivals;
    for (const TunnelWish &wish : wishes) {
        const Member *holder = find_holder(wish.subdomain);
        if (holder && holder->who.same_token(who) && !holder->who.same_client(who))
            add_once(rivals, *holder->carriers);
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
    Member *twin = find_twin(*claim.who), *predecessor = find_predecessor(claim);
    uint64_t most = policy.settings.max_connections_per_user;
    auto user = users_.find(claim.who->user);
    if (most != 0 && !twin && !predecessor && user != users_.end() && user->second >= most) {
        login.refusal = refusal::too_many_sessions;
        return login;
    }

    uint64_t id = claim.link->ref.id;
    Member member = {
        id, claim.session, *claim.who, {}, std::make_shared<Carriers>(), claim.replaces};
    member.carriers->add(claim.link);
    for (const TunnelWish &wish : wishes)
        login.granted.push_back(grant(member, wish, silent, policy, login));
    if (!wishes.empty() && member.names.empty()) {
        login.refusal = login.granted.front().refusal;
        return login;
    }

    member.replaces.clear();
    if (predecessor)
        login.handed_over = predecessor->carriers->refs();
    if (twin && twin != predecessor)
        login.replaced = twin->carriers->refs();
    if (twin && twin != predecessor)
        release(*twin, policy.settings.name_grace, now);
    if (predecessor)
        release(*predecessor, policy.settings.name_grace, now);
    users_[member.who.user]++;
    if (!member.who.client_id.empty())
        clients_[client_key(member.who)] = id;
    links_.emplace(id, id);
    members_.emplace(id, std::move(member));
    return login;
}

// Whether there is no such session, or it is somebody else's, is all the same to who asks.
Directory::Joined Directory::join(const Claim &claim, const Policy &policy)
{
    std::lock_guard guard(lock_);
    Member *member = find_twin(*claim.who);
    if (!member || member->session != claim.session)
        return {refusal::session_gone, 0};
    if (member->carriers->size() >= policy.settings.max_links_per_session)
        return {refusal::too_many_links, 0};
    member->carriers->add(claim.link);
    links_.emplace(claim.link->ref.id, member->id);
    return {{}, member->carriers->size()};
}

Directory::Login Directory::add(const Claim &claim, const TunnelWish &wish,
                                std::span<const SessionRef> silent, const Policy &policy)
{
    std::lock_guard guard(lock_);
    Login login;
    Member *member = find_member(claim.link->ref);
    if (!member) // fenced a moment ago
        login.granted.push_back({nullptr, refusal::replaced});
    else {
        member->who.allowed = claim.who->allowed; // what counts is what is allowed today
        login.granted.push_back(grant(*member, wish, silent, policy, login));
    }
    return login;
}

// The names of `member` grow with each tunnel; a name that is taken over leaves its holder at once.
Granted Directory::grant(Member &member, const TunnelWish &wish, std::span<const SessionRef> silent,
                         const Policy &policy, Login &login)
{
    uint64_t most = policy.settings.max_tunnels_per_connection;
    if (most != 0 && member.names.size() >= most)
        return {nullptr, refusal::too_many_tunnels};
    if (Refusal refused = judge(member, wish, silent, policy))
        return {nullptr, refused};

    std::string name = wish.subdomain.empty() ? pick_name(member.who) : wish.subdomain;
    if (name.empty())
        return {nullptr, refusal::name_not_allowed};
    if (const Member *holder = find_holder(name)) {
        if (!member.supersedes(*holder))
            add_once(login.dispossessed, *holder->carriers);
        std::erase(members_.at(holder->id).names, name);
    }
    member.names.push_back(name);
    return {bind(member, wish, name), {}};
}

Refusal Directory::judge(const Member &member, const TunnelWish &wish,
                         std::span<const SessionRef> silent, const Policy &policy) const
{
    if (wish.protocol != "http")
        return refusal::protocol_not_carried;
    if (wish.subdomain.empty())
        return {};
    if (!is_subdomain(wish.subdomain))
        return refusal::name_invalid;
    if (!member.who.may_use(wish.subdomain))
        return refusal::name_not_allowed;
    if (policy.reserved.contains(wish.subdomain))
        return refusal::name_reserved;
    auto found = names_.find(wish.subdomain);
    if (found == names_.end() || !found->second.tunnel)
        return {};
    if (found->second.tunnel->session_id == member.id)
        return refusal::name_taken; // twice in one session
    const Member *holder = find_holder(wish.subdomain);
    bool yields = member.supersedes(*holder) ||
                  (holder->who.same_token(member.who) && all_silent(*holder->carriers, silent));
    return yields ? Refusal{} : refusal::name_taken;
}

// A random one; for who may not use every name, one with something random for a "*", or the first
// that is free. Empty: there is none.
std::string Directory::pick_name(const Identity &who) const
{
    auto is_taken = [this](const std::string &name) {
        auto found = names_.find(name);
        return !is_subdomain(name) || (found != names_.end() && found->second.tunnel);
    };
    const size_t tries = std::max<size_t>(who.allowed.size(), 1) * 4;
    for (size_t i = 0; i < tries; i++) {
        std::string name = who.allowed.empty() ? "*" : who.allowed[i % who.allowed.size()];
        for (size_t star; (star = name.find('*')) != name.npos;)
            name.replace(star, 1, random_subdomain());
        if (!is_taken(name))
            return name;
    }
    return {};
}

std::shared_ptr<Tunnel> Directory::bind(const Member &member, const TunnelWish &wish,
                                        const std::string &name)
{
    auto tunnel = std::make_shared<Tunnel>();
    tunnel->subdomain = name;
    tunnel->name = wish.name.empty() ? name : wish.name;
    tunnel->local_host = wish.local_host;
    tunnel->local_port = wish.local_port;
    tunnel->url = "http://" + name + url_suffix_;
    tunnel->session_id = member.id;
    tunnel->carriers = member.carriers;
    Name &place = names_[name];
    if (place.tunnel)
        tunnel->rate.continue_from(place.tunnel->rate);
    place = {tunnel, 0};
    return tunnel;
}

std::vector<std::shared_ptr<Tunnel>> Directory::restrict(SessionRef link,
                                                         const Identity &now_allowed)
{
    std::lock_guard guard(lock_);
    std::vector<std::shared_ptr<Tunnel>> lost;
    Member *member = find_member(link);
    if (!member)
        return lost;
    member->who.allowed = now_allowed.allowed;
    std::erase_if(member->names, [&](const std::string &name) {
        if (now_allowed.may_use(name))
            return false;
        lost.push_back(names_.at(name).tunnel);
        names_.erase(name);
        return true;
    });
    return lost;
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

size_t Directory::leave(SessionRef link, Micros grace, Micros now)
{
    std::lock_guard guard(lock_);
    Member *member = find_member(link);
    if (!member)
        return 0;
    if (member->carriers->size() == 1) {
        release(*member, grace, now);
        return 0;
    }
    member->carriers->remove(link.id);
    links_.erase(link.id);
    return member->carriers->size();
}

// Takes a session out; the names that are still its own are remembered for `grace`.
void Directory::release(Member &member, Micros grace, Micros now)
{
    for (const std::string &name : member.names)
        remember(name, now + grace, now);
    auto user = users_.find(member.who.user);
    if (user != users_.end() && --user->second == 0)
        users_.erase(user);
    auto client = clients_.find(client_key(member.who));
    if (client != clients_.end() && client->second == member.id)
        clients_.erase(client);
    for (SessionRef link : member.carriers->refs())
        links_.erase(link.id);
    members_.erase(member.id);
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

Directory::Member *Directory::find_member(SessionRef link)
{
    auto found = links_.find(link.id);
    return found == links_.end() ? nullptr : &members_.at(found->second);
}

// The session of the same token and client id.
Directory::Member *Directory::find_twin(const Identity &who)
{
    if (who.client_id.empty())
        return nullptr;
    auto found = clients_.find(client_key(who));
    return found == clients_.end() ? nullptr : &members_.at(found->second);
}

// The session that a login says it hands over, if it is the same user's.
Directory::Member *Directory::find_predecessor(const Claim &claim)
{
    if (claim.replaces.empty())
        return nullptr;
    for (auto &[id, member] : members_)
        if (member.session == claim.replaces && member.who.user == claim.who->user)
            return &member;
    return nullptr;
}

bool Directory::Member::supersedes(const Member &other) const
{
    const bool hands_over =
        !replaces.empty() && other.session == replaces && other.who.user == who.user;
    return hands_over || other.who.same_client(who);
}

// The session that has the name.
const Directory::Member *Directory::find_holder(const std::string &name) const
{
    auto found = names_.find(name);
    bool held = found != names_.end() && found->second.tunnel;
    return held ? &members_.at(found->second.tunnel->session_id) : nullptr;
}

} // namespace tunnel
