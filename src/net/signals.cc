// SPDX-License-Identifier: ISC

#include "net/signals.h"

#include "net/loop.h"

#include <csignal>
#include <new>
#include <utility>

namespace tunnel {

Signals::Signals(Loop &loop, std::initializer_list<int> signals, std::function<void(int)> handle)
    : handle_(std::move(handle))
{
    ::signal(SIGPIPE, SIG_IGN);
    for (int number : signals) {
        auto one = std::make_unique<One>();
        one->owner = this;
        one->number = number;
        one->event.reset(evsignal_new(loop.base(), number, on_signal, one.get()));
        if (!one->event || event_add(one->event.get(), nullptr) != 0)
            throw std::bad_alloc();
        ones_.push_back(std::move(one));
    }
}

void Signals::on_signal(evutil_socket_t, short, void *self) noexcept
{
    auto *one = static_cast<One *>(self);
    one->owner->handle_(one->number);
}

} // namespace tunnel
