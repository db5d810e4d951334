// SPDX-License-Identifier: ISC
//
// Signals as events on one loop, the main one: libevent can have one base with signals in a
// process. SIGPIPE is ignored for the whole process.

#pragma once

#include "net/handles.h"

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

namespace tunnel {

class Loop;

class Signals {
public:
    Signals(Loop &loop, std::initializer_list<int> signals, std::function<void(int signal)> handle);

private:
    static void on_signal(evutil_socket_t, short, void *self) noexcept;
    struct One {
        Signals *owner;
        int number;
        EventPtr event;
    };
    std::vector<std::unique_ptr<One>> ones_;
    std::function<void(int)> handle_;
};

} // namespace tunnel
