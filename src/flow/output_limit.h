// SPDX-License-Identifier: ISC
//
// How much of a link's output may stand in front of the frame that is made next. What has been
// written leaves in its order, so a small answer waits for all of it: on a slow or long link a
// few milliseconds of it must do. Elsewhere nothing is limited, for limits cost system calls.

#pragma once

#include <cstddef>
#include <cstdint>
#include <tunnel/mux.h>

namespace tunnel {

class OutputLimit {
public:
    explicit OutputLimit(size_t most) : most_(most), batch_(most) {}

    size_t batch() const { return batch_; } // bytes to be gathered for one write
    // To be called when the socket takes no more.
    void adapt(int socket, const tn_mux_stats &link);

private:
    size_t most_;
    size_t batch_;
    uint64_t unsent_ = 0; // what the kernel was told; 0: nothing
};

} // namespace tunnel
