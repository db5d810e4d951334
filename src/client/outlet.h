// SPDX-License-Identifier: ISC
//
// Text on its way to standard output or standard error, whose reader may stand still: a
// terminal after Ctrl-S, a pipe that nobody reads, a program that is busy. It never waits:
// what is not taken at once is kept, up to a bound, and tried again by flush(). A reader that
// has gone, or a full disk, must not end a tunnel: then the text is dropped. The loop's thread
// only.

#pragma once

#include "base/clock.h"

#include <string>
#include <string_view>

namespace tunnel {

class Outlet {
public:
    explicit Outlet(int fd); // borrows it
    Outlet(const Outlet &) = delete;
    Outlet &operator=(const Outlet &) = delete;
    ~Outlet();

    // Returns false, and takes nothing of it, if too much waits already.
    bool put(std::string_view text);
    bool idle() const { return waiting_.empty(); }
    bool flush();                // idle afterwards?
    void drain(Micros patience); // waits that long for the reader: at the end

private:
    size_t write_some(std::string_view text);

    int fd_;             // ours, or the one we borrow
    bool owned_ = false; // opened anew, so that O_NONBLOCK is ours alone and not the shell's
    bool is_socket_ = false;
    bool may_block_ = false;
    std::string waiting_;
};

} // namespace tunnel
