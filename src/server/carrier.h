// SPDX-License-Identifier: ISC
//
// The links that a session stands on, as ways for its visits. Each visit takes a seat on the
// link with the fewest; a visitor who stays sits where he sat, unless another link is clearly
// better, since the way to another worker costs more than a small difference.

#pragma once

#include "server/tunnel.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace tunnel {

// One link. `visits` is counted by whoever takes a seat, on any thread: a hint, not a lock.
struct Carrier {
    Carrier(SessionRef link, Session *object) : ref(link), session(object) {}

    const SessionRef ref; // whose worker's thread may touch `session`
    Session *session;     // on that thread only; null once it takes no visits
    std::atomic<uint32_t> visits = 0;
};

// A visit's seat on a link, counted while it is taken. Afterwards it only remembers the link.
class Seat {
public:
    Seat() = default;
    explicit Seat(std::shared_ptr<Carrier> carrier) : carrier_(std::move(carrier)) { take(); }
    Seat(Seat &&other) noexcept
        : carrier_(std::move(other.carrier_)), taken_(std::exchange(other.taken_, false))
    {}
    Seat &operator=(Seat &&other) noexcept
    {
        leave();
        carrier_ = std::move(other.carrier_);
        taken_ = std::exchange(other.taken_, false);
        return *this;
    }
    ~Seat() { leave(); }

    void take();
    void leave();

    bool taken() const { return taken_; }
    Carrier *carrier() const { return carrier_.get(); } // null: none was ever taken

private:
    std::shared_ptr<Carrier> carrier_;
    bool taken_ = false;
};

// The links of one session, under the Directory's lock.
class Carriers {
public:
    void add(std::shared_ptr<Carrier> carrier) { links_.push_back(std::move(carrier)); }
    void remove(uint64_t id);
    size_t size() const { return links_.size(); }
    std::vector<SessionRef> refs() const;

    // A seat for a visit whose visitor is on `worker`. One that is taken already stays, if its
    // link does: somebody on another worker chose it for this visit. There is at least one link.
    Seat seat(Seat held, unsigned worker);

private:
    bool has(const Carrier *carrier) const;
    const std::shared_ptr<Carrier> &least(unsigned worker);

    std::vector<std::shared_ptr<Carrier>> links_;
    size_t turn_ = 0; // among equals
};

} // namespace tunnel
