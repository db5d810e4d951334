// SPDX-License-Identifier: ISC

#include "server/worker.h"

#include "base/failure.h"
#include "base/held_memory.h"
#include "base/random.h"
#include "server/session.h"

#include <algorithm>

namespace tunnel {

namespace {

// What holds less is never shed: it would not help, bytes.
constexpr uint64_t least_held = 16 * 1024;

// The same object under a count of our own: workers that share a count share its cache line, and
// every request would pull at it.
std::shared_ptr<const Policy> own_count(std::shared_ptr<const Policy> policy)
{
    const Policy *object = policy.get();
    return {object, [policy = std::move(policy)](const Policy *) {}};
}

tn_mux_pool *make_pool(const ServerSettings &settings, size_t workers)
{
    tn_mux_pool_config config;
    tn_mux_pool_config_init(&config);
    // Windows become smaller long before the server's ladder has to do something.
    if (settings.memory != 0) {
        config.buffered_hard = settings.memory;
        config.buffered_soft = settings.memory / 4 / std::max<size_t>(workers, 1);
    }
    config.window_budget = settings.window_memory / std::max<size_t>(workers, 1);
    tn_mux_pool *pool = nullptr;
    if (tn_mux_pool_create(&config, &pool) != TN_OK)
        throw Failure(exit_software, "out of memory");
    return pool;
}

} // namespace

Worker::Worker(Shared &shared, std::shared_ptr<const Policy> policy, unsigned index)
    : shared_(shared), policy_(own_count(std::move(policy))), index_(index),
      pool_(make_pool(policy_->settings, policy_->worker_count)),
      request_id_prefix_("req_" + random_hex(4))
{}

Worker::~Worker()
{
    visitors_.clear();
    sessions_.clear();
}

// Unique among all workers and restarts, for the price of a counter.
void Worker::next_request_id(std::string &id)
{
    static constexpr char digits[] = "0123456789abcdef";
    char number[8];
    for (unsigned i = 0; i < sizeof number; i++)
        number[i] = digits[last_request_ >> (28 - 4 * i) & 15];
    last_request_++;
    id.assign(request_id_prefix_).append(number, sizeof number);
}

void Worker::set_policy(std::shared_ptr<const Policy> policy)
{
    policy_ = own_count(std::move(policy));
    review_sessions();
}

void Worker::review_sessions()
{
    each_session([](Session &session) { session.review(); });
}

void Worker::each_session(const std::function<void(Session &)> &act)
{
    std::vector<uint64_t> ids; // some leave meanwhile
    for (const auto &[id, session] : sessions_)
        ids.push_back(id);
    for (uint64_t id : ids)
        if (Session *session = find_session(id))
            act(*session);
}

// ---------------------------------------------------------------- visitors

void Worker::each_visitor(const std::function<void(Visitor &)> &act)
{
    std::vector<Visitor *> visitors; // some leave meanwhile
    for (const auto &[visitor, guest] : visitors_)
        visitors.push_back(visitor);
    for (Visitor *visitor : visitors)
        if (visitors_.contains(visitor))
            act(*visitor);
}

void Worker::open_gate(Descriptor listening)
{
    const std::unique_ptr<Gate> before = std::move(gate_);
    gate_ = std::make_unique<Gate>(*this, shared_, std::move(listening));
    if (before)
        before->finish();
}

uint64_t Worker::visitor_source(const Address &peer) const
{
    return policy_->http.trusted.contains(peer) ? Occupancy::uncounted : source_key(peer);
}

void Worker::adopt_visitor(Descriptor socket, const Address &peer, HeldBytes ahead, Seat seat)
{
    adopt_counted(std::move(socket), peer, std::move(ahead), std::move(seat), visitor_source(peer));
}

// `source` as it was counted: what counts may be another by now, or on another worker.
void Worker::adopt_counted(Descriptor socket, const Address &peer, HeldBytes ahead, Seat seat,
                           uint64_t source)
{
    auto visitor = std::make_unique<Visitor>(*this, std::move(socket), peer, std::move(ahead),
                                             std::move(seat));
    Visitor *key = visitor.get();
    visitors_.emplace(key, Guest{std::move(visitor), source});
    counters_.visitors.add();
    if (draining_)
        key->drain();
}

void Worker::hand_over(Seat seat, Descriptor socket, const Address &peer, HeldBytes ahead)
{
    struct Parcel {
        Descriptor socket;
        Address peer;
        HeldBytes ahead;
        Seat seat;
        uint64_t source;
    };
    const uint64_t source = visitor_source(peer);
    shared_.visitors.enter(source, 0, 0); // ours is still counted until it ends
    Worker &there = sibling(seat.carrier()->ref.worker);
    auto parcel = std::make_shared<Parcel>(
        Parcel{std::move(socket), peer, std::move(ahead), std::move(seat), source});
    there.loop().post([&there, parcel] {
        there.adopt_counted(std::move(parcel->socket), parcel->peer, std::move(parcel->ahead),
                            std::move(parcel->seat), parcel->source);
    });
}

void Worker::end_visitor(Visitor &visitor)
{
    auto found = visitors_.find(&visitor);
    if (found == visitors_.end())
        return;
    shared_.visitors.leave(found->second.source);
    loop_.retire(std::move(found->second.visitor));
    visitors_.erase(found);
    counters_.visitors.sub();
    check_drained();
}

void Worker::account_visitors()
{
    for (const auto &[visitor, guest] : visitors_)
        visitor->account();
}

void Worker::abandon_visitors()
{
    for (const auto &[visitor, guest] : visitors_)
        visitor->abandon();
}

// ---------------------------------------------------------------- memory

// More than half of what a link holds on average is more than its part: a single link that holds
// most of it all does not pass for average.
bool Worker::has_memory_for(const Session &session) const
{
    if (memory_step() == MemoryStep::none)
        return true;
    const uint64_t used = held_memory();
    if (used >= shared_.memory.budget)
        return false;
    uint64_t links = 0;
    for (const Worker *worker : shared_.workers)
        links += worker->counters_.links.get();
    return session.held() * 2 * links < used;
}

void Worker::close_idle_visitors()
{
    each_visitor([](Visitor &visitor) { visitor.leave_if_idle(); });
}

std::vector<Worker::Holder> Worker::largest_holders(size_t most) const
{
    std::vector<Holder> holders;
    for (const auto &[visitor, guest] : visitors_)
        if (const uint64_t bytes = visitor->held(); bytes >= least_held)
            holders.push_back({visitor, bytes});
    auto larger = [](const Holder &a, const Holder &b) { return a.bytes > b.bytes; };
    most = std::min(most, holders.size());
    std::partial_sort(holders.begin(), holders.begin() + ptrdiff_t(most), holders.end(), larger);
    holders.resize(most);
    return holders;
}

void Worker::shed(const Holder &holder)
{
    if (visitors_.contains(holder.visitor) && holder.visitor->held() >= holder.bytes / 2)
        holder.visitor->shed();
}

// ---------------------------------------------------------------- sessions

void Worker::adopt_session(Descriptor socket, const Address &peer, Lobby::Place place)
{
    uint64_t id = directory().next_session_id();
    auto session = std::make_unique<Session>(*this, id, std::move(socket), peer, std::move(place));
    Session *added = session.get();
    sessions_.emplace(id, std::move(session));
    if (draining_)
        added->drain(drain_grace_);
}

void Worker::end_session(Session &session)
{
    auto found = sessions_.find(session.ref().id);
    if (found == sessions_.end())
        return;
    loop_.retire(std::move(found->second));
    sessions_.erase(found);
    clients_.leave(source_key(session.peer()));
    check_drained();
}

Session *Worker::find_session(uint64_t id)
{
    auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second.get();
}

// ---------------------------------------------------------------- end

void Worker::drain(Micros grace, std::function<void()> done)
{
    if (gate_)
        gate_->finish();
    gate_.reset();
    draining_ = true;
    drain_grace_ = grace;
    drained_ = std::move(done);
    each_visitor([](Visitor &visitor) { visitor.drain(); });
    std::vector<uint64_t> sessions;
    for (const auto &[id, session] : sessions_)
        sessions.push_back(id);
    for (uint64_t id : sessions)
        if (Session *session = find_session(id))
            session->drain(grace);
    check_drained();
}

// Sessions stay as long as visitors may need them, then all end in a later turn.
void Worker::check_drained()
{
    if (!draining_ || !visitors_.empty() || !drained_)
        return;
    if (sessions_.empty())
        return std::exchange(drained_, nullptr)();
    if (!std::exchange(parting_, true))
        loop_.post([this] { close_sessions(); });
}

void Worker::close_sessions()
{
    for (const auto &[id, session] : sessions_)
        session->close("the server is shutting down");
}

} // namespace tunnel
