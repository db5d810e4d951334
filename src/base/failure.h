// SPDX-License-Identifier: ISC
//
// What is thrown while starting or reloading (never while running): one sentence that a
// person can act on, and the exit code of sysexits.h that goes with it.

#pragma once

#include <cstdarg>
#include <stdexcept>
#include <string>

namespace tunnel {

// sysexits.h, the ones we use; the manuals list them.
enum Exit : int {
    exit_ok = 0,
    exit_usage = 64,
    exit_data = 65,
    exit_no_input = 66,
    exit_unavailable = 69,
    exit_software = 70,
    exit_cannot_create = 73,
    exit_io = 74,
    exit_temporary = 75,
    exit_protocol = 76,
    exit_no_permission = 77,
    exit_config = 78,
    exit_interrupted = 130,
};

class Failure : public std::runtime_error {
public:
    Failure(Exit code, const std::string &sentence) : std::runtime_error(sentence), code_(code) {}

    // "file:line:col: sentence"; the place of a configuration error.
    Failure(const std::string &file, unsigned line, unsigned column, const std::string &sentence)
        : std::runtime_error(file + ":" + std::to_string(line) + ":" + std::to_string(column) +
                             ": " + sentence),
          code_(exit_config)
    {
    }

    Exit code() const { return code_; }

private:
    Exit code_;
};

} // namespace tunnel
