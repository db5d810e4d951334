// SPDX-License-Identifier: ISC

#include "net/timer.h"

#include "net/loop.h"

#include <new>
#include <utility>

namespace tunnel {

Timer::Timer(Loop &loop, std::function<void()> fire) : loop_(loop), fire_(std::move(fire)) {}

void Timer::start(Micros delay)
{
    Micros now = loop_.now();
    start_at(delay < never - now ? now + delay : never);
}

void Timer::start_at(Micros due)
{
    due_ = due;
    if (due_ < armed_)
        arm(loop_.now());
}

void Timer::arm(Micros now)
{
    if (!event_)
        event_.reset(event_new(loop_.base(), -1, 0, on_event, this));
    if (!event_)
        throw std::bad_alloc();
    Micros wait = due_ > now ? due_ - now : 0;
    timeval span = {time_t(wait / second), suseconds_t(wait % second)};
    event_add(event_.get(), &span);
    armed_ = due_;
}

void Timer::on_event(evutil_socket_t, short, void *self) noexcept
{
    static_cast<Timer *>(self)->on_due();
}

// libevent's clock is the coarse one (4 ms), so the event may come early too.
void Timer::on_due()
{
    armed_ = never;
    if (due_ == never)
        return;
    Micros now = loop_.now();
    if (due_ > now)
        return arm(now);
    due_ = never;
    fire_();
}

} // namespace tunnel
