// SPDX-License-Identifier: ISC
//
// A one-shot timer whose deadline may move on every request for the price of a store: the
// event underneath is only re-armed when the deadline comes nearer; one that moved away is
// found out when the event fires. Destroying it disarms it. The loop's thread only.

#pragma once

#include "base/clock.h"
#include "net/handles.h"

#include <functional>

namespace tunnel {

class Loop;

class Timer {
public:
    Timer(Loop &loop, std::function<void()> fire);
    Timer(const Timer &) = delete; // libevent holds our address
    Timer &operator=(const Timer &) = delete;

    void start(Micros delay);  // from now; replaces the earlier deadline; 0 fires in the next turn
    void start_at(Micros due); // absolute, on the monotonic clock; `never` is stop()
    void stop() { due_ = never; } // the event may still wake the loop once, for nothing
    bool running() const { return due_ != never; }
    Micros due() const { return due_; }

private:
    static void on_event(evutil_socket_t, short, void *self) noexcept;
    void on_due();
    void arm(Micros now);

    Loop &loop_;
    std::function<void()> fire_;
    EventPtr event_; // made by the first start
    Micros due_ = never;
    Micros armed_ = never; // when the event fires
};

} // namespace tunnel
