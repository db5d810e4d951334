// SPDX-License-Identifier: ISC

#include "client/local_pool.h"

#include <algorithm>
#include <utility>

namespace tunnel {
namespace {

// How long connections above pool.max_idle may lie idle. Between the responses of a busy
// moment many are idle for an instant: to close and dial them anew each time would cost more
// than everything else here.
constexpr Micros surplus_time = second;

bool within(uint64_t count, uint64_t limit) { return limit == 0 || count < limit; }

// A quiet end where nothing is unsent, so that no service logs a reset for an idle
// connection; a reset where something is.
void end(Connection &connection)
{
    if (connection.closed())
        return;
    if (connection.queued() == 0 && connection.ssl() == nullptr)
        connection.release();
    else
        connection.reset();
}

} // namespace

// The owner of a connection while nobody uses it.
struct LocalPool::Idle final : Connection::Owner {
    explicit Idle(LocalPool &owner) : pool(owner) {}
    void on_readable() noexcept override { pool.on_idle_event(*this, false); }
    void on_sent(size_t) noexcept override {}
    void on_broken() noexcept override { pool.on_idle_event(*this, true); }

    LocalPool &pool;
    LocalLease lease;
    Micros since = 0;
};

// One local service.
struct LocalPlace {
    LocalTarget target;
    size_t open = 0;
    size_t idle_count = 0;
    // [0, idle_count): in use, the one idle longest first; the rest are spare objects.
    std::vector<std::unique_ptr<LocalPool::Idle>> idle;
    std::deque<LocalPool::Request *> waiting;
    bool serving = false;
};

LocalPool::Request::~Request() { pool_.give_up(*this); }

LocalPool::LocalPool(Loop &loop, const ClientSettings &settings)
    : loop_(loop), settings_(settings), sweep_(loop, [this] { sweep(); }),
      serve_later_(loop, [this] {
          for (auto &[target, place] : places_)
              serve(*place);
      })
{}

LocalPool::~LocalPool() = default;

LocalPlace &LocalPool::place_of(const LocalTarget &target)
{
    auto found = places_.find(target);
    if (found == places_.end()) {
        found = places_.emplace(target, std::make_unique<LocalPlace>()).first;
        found->second->target = target;
    }
    return *found->second;
}

std::unique_ptr<LocalPool::Request> LocalPool::acquire(const LocalTarget &target, bool fresh,
                                                       Connection::Owner &owner, Done done)
{
    LocalPlace &place = place_of(target);
    LocalLease lease;
    bool first_in_line = place.waiting.empty();
    if (!fresh && first_in_line && take_idle(place, lease)) {
        lease.connection->set_owner(owner);
        done({.lease = std::move(lease), .error = {}});
        return nullptr;
    }

    std::unique_ptr<Request> request(new Request(*this, place, fresh, owner, std::move(done)));
    if (first_in_line && make_room(place)) {
        dial(*request);
        return request;
    }
    request->waiting_ = true;
    place.waiting.push_back(request.get());
    return request;
}

void LocalPool::give_back(LocalLease lease)
{
    take_back(lease);
    LocalPlace &place = *lease.place;
    lease.reused = true;
    bool wanted = settings_.pool_max_idle > 0 || !place.waiting.empty();
    if (wanted && usable(lease))
        keep(std::move(lease));
    else
        close(std::move(lease));
    serve(place);
}

void LocalPool::drop(LocalLease lease)
{
    LocalPlace &place = *lease.place;
    close(std::move(lease));
    serve(place);
}

void LocalPool::set_aside(LocalLease &lease)
{
    if (std::exchange(lease.aside, true))
        return;
    lease.place->open--;
    if (!lease.place->waiting.empty())
        serve_later_.start(0);
}

void LocalPool::take_back(LocalLease &lease)
{
    if (std::exchange(lease.aside, false))
        lease.place->open++;
}

void LocalPool::close(LocalLease lease)
{
    take_back(lease);
    lease.place->open--;
    if (!lease.connection)
        return;
    end(*lease.connection);
    loop_.retire(std::move(lease.connection));
}

// An answer nobody asked for, or an end, makes a connection useless. That something can be
// read was told by the event, so that asking costs a system call only then.
bool LocalPool::usable(const LocalLease &lease)
{
    Connection &connection = *lease.connection;
    if (connection.closed() || connection.end() != Connection::End::none ||
        connection.queued() != 0)
        return false;
    Micros age = loop_.now() - lease.born;
    if (settings_.pool_max_lifetime != 0 && age >= settings_.pool_max_lifetime)
        return false;
    uint8_t unasked;
    return !connection.readable() || connection.read(&unasked, 1) == 0;
}

// ---------------------------------------------------------------------------- idle ones

void LocalPool::keep(LocalLease lease)
{
    LocalPlace &place = *lease.place;
    if (place.idle_count == place.idle.size())
        place.idle.push_back(std::make_unique<Idle>(*this));
    Idle &idle = *place.idle[place.idle_count++];
    idle.since = loop_.now();
    idle.lease = std::move(lease);
    idle.lease.connection->set_owner(idle);

    Micros until = idle_until(place, 0);
    if (until < sweep_.due())
        sweep_.start_at(until);
}

LocalLease LocalPool::pop_idle(LocalPlace &place, size_t index)
{
    auto gone = place.idle.begin() + ptrdiff_t(index);
    auto end = place.idle.begin() + ptrdiff_t(place.idle_count);
    std::rotate(gone, gone + 1, end);
    return std::move(place.idle[--place.idle_count]->lease);
}

bool LocalPool::take_idle(LocalPlace &place, LocalLease &lease)
{
    while (place.idle_count > 0) {
        lease = pop_idle(place, place.idle_count - 1);
        if (usable(lease))
            return true;
        close(std::move(lease));
    }
    return false;
}

void LocalPool::on_idle_event(Idle &idle, bool broken)
{
    if (!broken && usable(idle.lease))
        return;
    LocalPlace &place = *idle.lease.place;
    size_t index = 0;
    while (place.idle[index].get() != &idle)
        index++;
    close(pop_idle(place, index));
    serve(place);
}

void LocalPool::close_idle()
{
    for (auto &[target, place] : places_)
        while (place->idle_count > 0)
            close(pop_idle(*place, 0));
}

Micros LocalPool::idle_until(const LocalPlace &place, size_t index) const
{
    const Idle &idle = *place.idle[index];
    Micros until = never;
    if (settings_.pool_idle_timeout != 0)
        until = idle.since + settings_.pool_idle_timeout;
    if (index + settings_.pool_max_idle < place.idle_count)
        until = std::min(until, idle.since + surplus_time);
    if (settings_.pool_max_lifetime != 0)
        until = std::min(until, idle.lease.born + settings_.pool_max_lifetime);
    return until;
}

void LocalPool::sweep()
{
    Micros next = never;
    for (auto &[target, place] : places_) {
        size_t index = 0;
        while (index < place->idle_count) {
            Micros until = idle_until(*place, index);
            if (until <= loop_.now()) {
                close(pop_idle(*place, index));
                continue;
            }
            next = std::min(next, until);
            index++;
        }
    }
    sweep_.start_at(next);
}

// -------------------------------------------------------------------------- those who ask

// At the limit an idle connection makes way for one that must be new.
bool LocalPool::make_room(LocalPlace &place)
{
    if (within(place.open, settings_.pool_max_open))
        return true;
    if (place.idle_count == 0)
        return false;
    close(pop_idle(place, 0));
    return true;
}

void LocalPool::dial(Request &request)
{
    LocalPlace &place = request.place_;
    place.open++;
    auto done = [this, &request](Dialer::Outcome outcome) {
        on_dialed(request, std::move(outcome));
    };
    request.dialer_ = std::make_unique<Dialer>(loop_, place.target.host, place.target.port,
                                               settings_.pool_dial_timeout, done);
}

void LocalPool::on_dialed(Request &request, Dialer::Outcome outcome)
{
    loop_.retire(std::move(request.dialer_)); // we are inside its callback
    LocalPlace &place = request.place_;
    if (outcome.socket) {
        auto connection =
            std::make_unique<Connection>(loop_, std::move(outcome.socket), request.owner_);
        return lend(request, {std::move(connection), false, loop_.now(), &place});
    }
    place.open--;
    Done done = std::move(request.done_);
    done({.lease = {}, .failed = outcome.failed, .error = std::move(outcome.error)});
    serve(place);
}

// The last use of `request`: its Done may destroy it.
void LocalPool::lend(Request &request, LocalLease lease)
{
    lease.connection->set_owner(request.owner_);
    Done done = std::move(request.done_);
    done({.lease = std::move(lease), .error = {}});
}

void LocalPool::give_up(Request &request)
{
    LocalPlace &place = request.place_;
    if (request.waiting_) {
        place.waiting.erase(std::find(place.waiting.begin(), place.waiting.end(), &request));
        return;
    }
    if (!request.dialer_)
        return;
    place.open--;
    if (!place.waiting.empty())
        serve_later_.start(0);
}

// Calls back whoever waits, in order, as far as there is something for him. A Done may come
// back here by giving its connection back: the outer call goes on then.
void LocalPool::serve(LocalPlace &place)
{
    if (place.serving)
        return;
    place.serving = true;
    while (serve_one(place)) {
    }
    place.serving = false;
}

bool LocalPool::serve_one(LocalPlace &place)
{
    if (place.waiting.empty())
        return false;
    Request &request = *place.waiting.front();
    LocalLease lease;
    bool kept = !request.fresh_ && take_idle(place, lease);
    if (!kept && !make_room(place))
        return false;

    place.waiting.pop_front();
    request.waiting_ = false;
    if (kept)
        lend(request, std::move(lease));
    else
        dial(request);
    return true;
}

LocalPool::Stats LocalPool::stats() const
{
    Stats sum = {};
    for (const auto &[target, place] : places_) {
        sum.open += place->open;
        sum.idle += place->idle_count;
        sum.waiting += place->waiting.size();
    }
    return sum;
}

} // namespace tunnel
