// SPDX-License-Identifier: ISC
//
// Who we are to the server besides our token: a login with the same token and client id takes
// over the names of the session before it. Random for each process; or kept in the state
// directory, one for each configuration file, so that a restarted client gets its names back
// at once. A second process with the same file gets a random one, or the two would throw each
// other out for ever.

#pragma once

#include "net/handles.h"

#include <string>

namespace tunnel {

class ClientId {
public:
    static ClientId random();
    // Falls back to a random one, with a line in the log, where nothing can be kept.
    static ClientId kept_for(const std::string &config_file);
    static ClientId given(const std::string &text);

    const std::string &text() const { return text_; }

private:
    explicit ClientId(std::string text, Descriptor lock = {})
        : text_(std::move(text)), lock_(std::move(lock))
    {}

    std::string text_;
    Descriptor lock_; // held as long as we use the kept id
};

} // namespace tunnel
