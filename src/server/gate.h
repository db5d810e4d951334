// SPDX-License-Identifier: ISC
//
// The public HTTP port as one worker sees it: accepts, counts, and lets in. Every worker has a
// gate on the same port (SO_REUSEPORT); which tunnel a visitor wants, the Visitor finds out.

#pragma once

#include "net/listener.h"

namespace tunnel {

class Worker;
struct Shared;

class Gate {
public:
    Gate(Worker &worker, Shared &shared, Descriptor listening); // Listener::bind()
    void finish() { listener_.finish(); }                       // lets in who waits, then closes

private:
    void admit(Descriptor socket, const Address &peer);

    Worker &worker_;
    Shared &shared_;
    Listener listener_;
};

} // namespace tunnel
