// SPDX-License-Identifier: ISC
//
// Whether anything still comes from the other end of a link: pings it and looks after 20 ms,
// 40 ms and so on. On the link's thread.

#pragma once

#include "base/clock.h"
#include "net/timer.h"

#include <functional>

namespace tunnel {

class Link;

class LifeCheck {
public:
    using Answer = std::function<void(bool alive)>;

    LifeCheck(Link &link, Micros timeout, Answer answer);

    bool done() const { return !answer_; }
    void give_up(); // the link has ended: answers "no"

private:
    void look();
    void tell(bool alive);

    Link &link_;
    Answer answer_; // empty once given
    Timer timer_;
    Micros asked_at_;
    Micros deadline_;
    Micros gap_;
};

} // namespace tunnel
