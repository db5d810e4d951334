// SPDX-License-Identifier: ISC
//
// tunnelctl: finds the command in the tables and runs it.

#include "base/failure.h"
#include "base/option_value.h"
#include "base/text.h"
#include "config.h"
#include "ctl/commands.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace tunnel {

namespace {

constexpr char flags_of_all[] = "config json socket wait";

std::string help()
{
    std::string text = "tunnelctl - look into a running tunneld, and keep its tokens\n"
                       "\n"
                       "Usage: tunnelctl [--json] COMMAND [ARGUMENT]... [OPTION]...\n"
                       "\n";
    auto list = [&text](std::span<const Command> commands) {
        for (const Command &command : commands) {
            std::string line = std::string("  ") + command.name;
            if (command.words)
                line.append(" ").append(command.words);
            line.resize(std::max<size_t>(line.size() + 2, 30), ' ');
            text += line + command.help + "\n";
        }
    };
    list(server_commands());
    list(token_commands());
    return text + "\n" + control_flags_help() +
           "\n"
           "Exit: 0 64 65 66 69 70 73 74 75 76 77 78.   Manual: tunnelctl(8)\n";
}

size_t count_words(std::string_view text) { return text.empty() ? 0 : split(text, ' ').size(); }

// The command that the first words name.
const Command *find(const Arguments &arguments)
{
    for (std::span<const Command> commands : {server_commands(), token_commands()})
        for (const Command &command : commands) {
            std::string given;
            for (size_t i = 0; i < count_words(command.name); i++)
                given += (i ? " " : "") + arguments.word(i);
            if (given == command.name)
                return &command;
        }
    return nullptr;
}

[[noreturn]] void refuse(const Arguments &arguments)
{
    std::vector<std::string> names;
    std::string given = arguments.word(0), second;
    for (std::span<const Command> commands : {server_commands(), token_commands()})
        for (const Command &command : commands) {
            names.push_back(command.name);
            if (names.back().starts_with(given + " "))
                second += (second.empty() ? "" : ", ") + names.back().substr(given.size() + 1);
        }
    if (!second.empty() && arguments.word(1).empty())
        throw Failure(exit_usage, given + ": expected one of: " + second);
    if (!second.empty())
        given += " " + arguments.word(1);
    const std::string nearest = nearest_word(given, names);
    throw Failure(exit_usage, "unknown command " + quote_message(given) +
                                  (nearest.empty() ? "" : " (did you mean \"" + nearest + "\"?)") +
                                  "; see: tunnelctl --help");
}

void check_words(const Command &command, const Arguments &arguments)
{
    const size_t named = count_words(command.name);
    const size_t most = named + (command.words ? 1 : 0);
    const size_t least = command.words && *command.words != '[' ? most : named;
    const size_t given = arguments.words().size();
    if (given < least)
        throw Failure(exit_usage, std::string(command.name) + ": expected " + command.words);
    if (given > most)
        throw Failure(exit_usage, "unexpected argument " + quote_message(arguments.words()[most]));
}

void check_flags(const Command &command, const Arguments &arguments)
{
    const std::string known = std::string(flags_of_all) + " " + command.flags;
    const auto names = split(known, ' ');
    for (const auto &[flag, value] : arguments.flags())
        if (std::find(names.begin(), names.end(), flag) == names.end())
            throw Failure(exit_usage, "--" + flag + ": means nothing to " + command.name);
}

int run(const Arguments &arguments)
{
    if (arguments.has("version") || arguments.word(0) == "version") {
        std::cout << "tunnelctl " PACKAGE_VERSION "\n";
        return exit_ok;
    }
    if (arguments.has("help") || arguments.word(0) == "help") {
        std::cout << help();
        return exit_ok;
    }
    if (arguments.words().empty())
        throw Failure(exit_usage, "a command is missing; see: tunnelctl --help");
    const Command *command = find(arguments);
    if (!command)
        refuse(arguments);
    check_words(*command, arguments);
    check_flags(*command, arguments);
    return command->run(arguments);
}

} // namespace

} // namespace tunnel

int main(int argc, char **argv)
{
    using namespace tunnel;
    try {
        return run(Arguments(argc, argv));
    } catch (const Failure &failure) {
        std::fprintf(stderr, "tunnelctl: %s\n", failure.what());
        return failure.code();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "tunnelctl: %s\n", error.what());
        return exit_software;
    }
}
