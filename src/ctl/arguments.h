// SPDX-License-Identifier: ISC
//
// The command line of tunnelctl, and where the server's things are.

#pragma once

#include "base/command_line.h"
#include "flow/web_client.h"
#include "server/options.h"

#include <optional>
#include <string>
#include <vector>

namespace tunnel {

class Arguments {
public:
    Arguments(int argc, char **argv); // throws Failure (exit_usage)

    bool has(const char *flag) const { return line_.has(flag); }
    std::string value(const char *flag) const; // "" if it was not given
    // A span of time; throws Failure (exit_usage).
    std::optional<Micros> span(const char *flag) const;
    bool json() const { return has("json"); }

    // Those that were given, by their long names.
    const std::map<std::string, std::string> &flags() const { return line_.flags; }
    // What is no flag: the command and its words.
    const std::vector<std::string> &words() const { return line_.arguments; }
    std::string word(size_t i) const { return i < words().size() ? words()[i] : ""; }

    WebClient control() const;             // of the running server
    ServerSettings token_settings() const; // where tokens are kept

private:
    ServerSettings settings() const;
    std::string socket() const;

    CommandLine line_;
};

std::string control_flags_help();

} // namespace tunnel
