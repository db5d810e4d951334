// SPDX-License-Identifier: ISC
//
// A terminal as a place to draw: lines that scroll away as any other, and a block of rows
// under them that is drawn again and again. The cursor rests in the block's first row, in the
// first column. So whatever the terminal does to the rows when its size changes, all of the
// block is below the cursor and nothing of the scrollback is; no rows are counted.
//
// Draws only in the foreground: beside a shell that has its prompt there the lines come alone.
// The loop's thread only.

#pragma once

#include "client/outlet.h"
#include "client/status_block.h"

#include <string>
#include <vector>

namespace tunnel {

class Screen {
public:
    explicit Screen(int fd);

    ScreenSize size() const;
    bool in_foreground() const; // nobody else has the terminal

    // Returns false, and changes nothing, if the terminal has not taken the last one yet.
    bool show(const std::vector<std::string> &lines, const std::vector<std::string> &block);
    void erase(); // the block; waits a moment for a terminal that stands still

    // What makes the terminal show it, from the state that `drawn` names.
    static std::string frame(const std::vector<std::string> &lines,
                             const std::vector<std::string> &block, bool drawn);

private:
    int fd_;
    Outlet out_;
    bool drawn_ = false; // there is a block, and the cursor rests in it
};

// Whether `fd` is a terminal that understands more than text.
bool is_screen(int fd);

} // namespace tunnel
