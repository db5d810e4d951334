// SPDX-License-Identifier: ISC
//
// Connections to local services: the idle ones are kept for the next visit, the most recently
// used first; the open ones are counted, and whoever comes when all are taken waits for his
// turn. A kept connection costs nothing to use again: it stays registered with the loop, only
// its owner changes. An idle one that says anything, or ends, is closed at once.
//
// Limits are per local service. Lives as long as the client and outlives every lease; the
// loop's thread only.

#pragma once

#include "client/router.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/loop.h"
#include "net/timer.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace tunnel {

struct LocalPlace;

// A connection on loan. Give it back or drop it; it holds one of the open places.
struct LocalLease {
    std::unique_ptr<Connection> connection;
    bool reused = false;         // it has served a visit before
    Micros born = 0;             // when it was dialled
    LocalPlace *place = nullptr; // the pool's
    bool aside = false;          // not counted for now
};

struct LocalOutcome {
    LocalLease lease; // no connection: see `failed`
    Dialer::Failed failed = Dialer::Failed::no;
    std::string error; // one sentence
};

class LocalPool {
public:
    using Done = std::function<void(LocalOutcome)>;

    // A lease being dialled or waited for. Destroying it gives up; it may be destroyed by its
    // own Done.
    class Request {
    public:
        ~Request();
        Request(const Request &) = delete;
        Request &operator=(const Request &) = delete;

    private:
        friend class LocalPool;
        Request(LocalPool &pool, LocalPlace &place, bool fresh, Connection::Owner &owner, Done done)
            : pool_(pool), place_(place), owner_(owner), done_(std::move(done)), fresh_(fresh)
        {}

        LocalPool &pool_;
        LocalPlace &place_;
        Connection::Owner &owner_;
        Done done_;
        std::unique_ptr<Dialer> dialer_; // set: dialling, and holding an open place
        bool fresh_;
        bool waiting_ = false; // in the queue of its place
    };

    struct Stats {
        size_t open;    // on loan, being dialled, or idle
        size_t idle;    // of these
        size_t waiting; // requests in queues
    };

    LocalPool(Loop &loop, const ClientSettings &settings);
    ~LocalPool();
    LocalPool(const LocalPool &) = delete;
    LocalPool &operator=(const LocalPool &) = delete;

    // Asks for a connection to `target` whose callbacks go to `owner`; with `fresh` not one
    // that was used before. If a healthy idle one is there, `done` is called at once and null
    // is returned; else later, once, with a connection or the reason why there is none.
    std::unique_ptr<Request> acquire(const LocalTarget &target, bool fresh,
                                     Connection::Owner &owner, Done done);

    // After a complete response only, and with nothing unsent. May be called inside the
    // connection's own callbacks, and may call the Done of somebody who waits.
    void give_back(LocalLease lease);
    // A lease whose answer waits for nothing but a slow visitor does not count among the open
    // ones: two hundred of them must not keep others from the service.
    void set_aside(LocalLease &lease);
    void take_back(LocalLease &lease); // it counts again, beyond the limit if need be
    void close_idle();                 // all of them
    // Closes the connection and frees its place. May be called as give_back().
    void drop(LocalLease lease);

    Stats stats() const;

private:
    struct Idle;
    friend struct LocalPlace;

    LocalPlace &place_of(const LocalTarget &target);
    bool take_idle(LocalPlace &place, LocalLease &lease);
    LocalLease pop_idle(LocalPlace &place, size_t index);
    void on_idle_event(Idle &idle, bool broken);
    void keep(LocalLease lease);
    void close(LocalLease lease);
    bool usable(const LocalLease &lease);
    bool make_room(LocalPlace &place);
    void dial(Request &request);
    void on_dialed(Request &request, Dialer::Outcome outcome);
    void lend(Request &request, LocalLease lease);
    void give_up(Request &request);
    void serve(LocalPlace &place);
    bool serve_one(LocalPlace &place);
    Micros idle_until(const LocalPlace &place, size_t index) const;
    void sweep();

    Loop &loop_;
    const ClientSettings &settings_;
    std::map<LocalTarget, std::unique_ptr<LocalPlace>> places_;
    Timer sweep_;       // runs while something is idle
    Timer serve_later_; // for those who wait, where nobody can be called back at once
};

} // namespace tunnel
