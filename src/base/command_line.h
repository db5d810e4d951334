// SPDX-License-Identifier: ISC
//
// A command line, taken apart by tables: the rows of the option table that have a flag, and
// the flags that are no settings.

#pragma once

#include "base/option.h"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace tunnel {

// A flag that is no setting: "-t, --check".
struct Flag {
    char letter;          // 0: none
    const char *name;     // long
    const char *argument; // nullptr: takes none
    const char *help;
};

// A command line, taken apart but not yet applied.
struct CommandLine {
    struct Setting {
        std::string key, value;
        std::string flag; // "--domain", as it was given
    };
    std::map<std::string, std::string> flags; // long name of a Flag -> argument or ""
    std::vector<Setting> settings;            // in order
    std::vector<std::string> arguments;       // what is no flag

    bool has(const std::string &flag) const { return flags.count(flag) != 0; }
};

// Takes `argv[1..argc)` apart by the rows that have a flag, by `flags`, and "--set
// KEY=VALUE". Flags and arguments may come in any order; "--" ends the flags. The argument of
// a secret is overwritten in argv once it is read. Throws Failure (exit_usage).
CommandLine parse_command_line(int argc, char **argv, std::span<const Option> table,
                               std::span<const Flag> flags);

// The lines of --help: the flags in their order, then the table's rows that have one.
std::string flags_help(std::span<const Flag> flags, std::span<const Option> table);

} // namespace tunnel
