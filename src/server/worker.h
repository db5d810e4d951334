// SPDX-License-Identifier: ISC
//
// One thread with one loop, and what lives on it: sessions and visitors, owned here. A visitor
// travels to its session; apart from post() on their loops and what Shared holds, workers have
// nothing in common.

#pragma once

#include "base/memory_ladder.h"
#include "net/loop.h"
#include "server/access_log.h"
#include "server/counters.h"
#include "server/directory.h"
#include "server/gate.h"
#include "server/limits.h"
#include "server/lobby.h"
#include "server/policy.h"
#include "server/visitor.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace tunnel {

class Session;
class Worker;

// Where the server stands with its memory; written by the first worker.
struct MemoryState {
    std::atomic<MemoryStep> step = MemoryStep::none;
    std::atomic<uint64_t> budget = 0; // bytes; 0: no limit
};

// What workers share; each part looks after its own lock.
struct Shared {
    Directory directory;
    Lobby lobby;
    Occupancy visitors;
    MemoryState memory;
    std::vector<Worker *> workers; // constant while they run
};

class Worker {
public:
    Worker(Shared &shared, std::shared_ptr<const Policy> policy, unsigned index);
    ~Worker();
    Worker(const Worker &) = delete;
    Worker &operator=(const Worker &) = delete;

    Loop &loop() { return loop_; }
    unsigned index() const { return index_; }
    const Policy &policy() const { return *policy_; }
    // Keeps it beyond the next set_policy(), for whoever refers to it.
    const std::shared_ptr<const Policy> &shared_policy() const { return policy_; }
    // In force from now on; sessions whose token ended or allows less are told so.
    void set_policy(std::shared_ptr<const Policy> policy);
    void review_sessions();
    void each_session(const std::function<void(Session &)> &act); // who may end by it
    const ServerSettings &settings() const { return policy_->settings; }
    const HttpPolicy &http_policy() const { return policy_->http; }
    Directory &directory() { return shared_.directory; }
    Lobby &lobby() { return shared_.lobby; }
    Counters &counters() { return counters_; }
    const AccessLog &access_log() const { return access_log_; }
    tn_mux_pool *mux_pool() { return pool_.get(); }
    Worker &sibling(unsigned index) { return *shared_.workers[index]; }
    void next_request_id(std::string &id); // written over `id`, whose memory is used again

    // Visitors come in here; the port before is closed.
    void open_gate(Descriptor listening);

    // Visitors. Whoever lets one in here has counted it in Shared::visitors.
    void adopt_visitor(Descriptor socket, const Address &peer, HeldBytes ahead = {},
                       Seat seat = {});
    // Sends one of ours to the worker of a seat, with what has been read of it.
    void hand_over(Seat seat, Descriptor socket, const Address &peer, HeldBytes ahead);
    void end_visitor(Visitor &visitor);
    void account_visitors(); // what their exchanges have moved is in the counters after it
    void abandon_visitors(); // the loop has ended: what was in progress is logged as cut
    uint64_t visitor_source(const Address &peer) const; // how it is counted

    // Memory. On the first step of the ladder a session that holds more than its part gets no new
    // visits; the others go on.
    MemoryStep memory_step() const { return shared_.memory.step.load(std::memory_order_relaxed); }
    bool has_memory_for(const Session &session) const;
    void close_idle_visitors();
    // A visitor and the memory that waits for it, or of it. It may have gone when it is used.
    struct Holder {
        Visitor *visitor;
        uint64_t bytes;
    };
    std::vector<Holder> largest_holders(size_t most) const;
    void shed(const Holder &holder); // resets it if it still holds about as much

    // Sessions.
    void adopt_session(Descriptor socket, const Address &peer, Lobby::Place place);
    void end_session(Session &session);
    Session *find_session(uint64_t id);
    // Connections of clients handed to this worker and not yet ended, by source_key(): entered by
    // whoever distributes them. Any thread.
    Occupancy &clients() { return clients_; }

    // No new work; `done` is called once, here, when nothing is left.
    void drain(Micros grace, std::function<void()> done);

private:
    struct Guest {
        std::unique_ptr<Visitor> visitor;
        uint64_t source;
    };
    struct PoolReleaser {
        void operator()(tn_mux_pool *pool) const { tn_mux_pool_destroy(pool); }
    };

    void each_visitor(const std::function<void(Visitor &)> &act); // who may leave by it
    void adopt_counted(Descriptor socket, const Address &peer, HeldBytes ahead, Seat seat,
                       uint64_t source);
    void check_drained();
    void close_sessions();

    Shared &shared_;
    std::shared_ptr<const Policy> policy_;
    unsigned index_;
    Loop loop_;
    std::unique_ptr<tn_mux_pool, PoolReleaser> pool_;
    Counters counters_;
    AccessLog access_log_;
    std::unordered_map<uint64_t, std::unique_ptr<Session>> sessions_;
    std::unordered_map<Visitor *, Guest> visitors_;
    std::unique_ptr<Gate> gate_;
    Occupancy clients_;
    std::string request_id_prefix_;
    uint64_t last_request_ = 0;
    std::function<void()> drained_;
    Micros drain_grace_ = 0;
    bool draining_ = false;
    bool parting_ = false; // no visitors are left: the sessions have been told to end
};

} // namespace tunnel
