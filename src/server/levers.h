// SPDX-License-Identifier: ISC
//
// What the operator may ask of the whole server while it runs; the Server answers. The first
// worker's thread.

#pragma once

#include "net/address.h"
#include "server/policy.h"
#include "server/worker.h"

#include <memory>
#include <string>
#include <vector>

namespace tunnel {

class Levers {
public:
    virtual std::string reload() = 0; // what was wrong; nothing: it is in force
    virtual void drain(Micros grace) = 0;
    virtual bool is_draining() const = 0;
    virtual const Policy &policy() const = 0;
    virtual const std::vector<std::unique_ptr<Worker>> &workers() const = 0;
    virtual const Address &control_address() const = 0;
    virtual const Address &http_address() const = 0;

protected:
    ~Levers() = default;
};

} // namespace tunnel
