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
    // Throws Failure if the address cannot be had.
    Gate(Worker &worker, Shared &shared, const Address &address, bool share);

    const Address &address() const { return listener_.address(); }
    void stop() { listener_.stop(); }

private:
    void admit(Descriptor socket, const Address &peer);

    Worker &worker_;
    Shared &shared_;
    Listener listener_;
};

} // namespace tunnel
