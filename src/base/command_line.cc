// SPDX-License-Identifier: ISC

#include "base/command_line.h"

#include "base/failure.h"
#include "base/option_value.h"

#include <cstring>
#include <getopt.h>

namespace tunnel {

namespace {

constexpr Flag set_flag = {0, "set", "KEY=VALUE", "give one key of the configuration its value"};

// What getopt_long(3) wants to know, and what each of its answers means: answer `first + i`
// is the i-th entry of `flags` or `rows`.
class Grammar {
public:
    Grammar(std::span<const Option> table, std::span<const Flag> flags)
    {
        for (const Flag &flag : flags)
            add(flag.name, flag.letter, flag.argument, &flag, nullptr);
        if (!table.empty())
            add(set_flag.name, 0, set_flag.argument, &set_flag, nullptr);
        for (const Option &row : table)
            if (row.extras.flag)
                add(row.extras.flag, row.extras.letter, row.extras.argument, nullptr, &row);
        long_.push_back({});
    }

    const char *letters() const { return letters_.c_str(); }
    const option *names() const { return long_.data(); }

    struct Meaning {
        std::string name;
        char letter;
        const Flag *flag;
        const Option *row;
    };

    const Meaning *find(int answer) const
    {
        for (size_t i = 0; i < meanings_.size(); ++i)
            if (answer == first + int(i) ||
                (answer < first && answer && answer == meanings_[i].letter))
                return &meanings_[i];
        return nullptr;
    }

    std::string nearest(const std::string &name) const
    {
        std::vector<std::string> names;
        for (const Meaning &meaning : meanings_)
            names.push_back(meaning.name);
        return nearest_word(name, names);
    }

private:
    static constexpr int first = 256; // answers below are letters

    void add(const char *name, char letter, const char *argument, const Flag *flag,
             const Option *row)
    {
        long_.push_back({name, argument ? required_argument : no_argument, nullptr,
                         first + int(meanings_.size())});
        if (letter)
            letters_.append({letter}).append(argument ? ":" : "");
        meanings_.push_back({name, letter, flag, row});
    }

    std::string letters_ = ":"; // tell a missing argument from an unknown flag
    std::vector<option> long_;
    std::vector<Meaning> meanings_;
};

[[noreturn]] void refuse_flag(const Grammar &grammar, const char *given, int letter)
{
    if (letter > 0 && letter < 256)
        throw Failure(exit_usage, std::string("unknown option \"-") + char(letter) + "\"");
    const std::string text = given;
    const size_t dashes = std::min(text.find_first_not_of('-'), text.size());
    const std::string name = text.substr(dashes, text.find('=') - dashes);
    const std::string nearest = grammar.nearest(name);
    throw Failure(exit_usage,
                  "unknown option " + quote_message("--" + name) +
                      (nearest.empty() ? "" : " (did you mean \"--" + nearest + "\"?)"));
}

CommandLine::Setting split_setting(const std::string &text)
{
    const size_t equals = text.find('=');
    if (equals == text.npos)
        throw Failure(exit_usage, "--set: expected KEY=VALUE, got " + quote_message(text));
    return {text.substr(0, equals), text.substr(equals + 1), "--set"};
}

void take(CommandLine &line, const Grammar::Meaning &meaning, char *argument)
{
    if (meaning.flag == &set_flag)
        return line.settings.push_back(split_setting(argument));
    if (meaning.flag) {
        line.flags[meaning.name] = argument ? argument : "";
        return;
    }
    line.settings.push_back({meaning.row->key, argument, "--" + meaning.name});
    if (meaning.row->field.kind == OptionKind::secret)
        memset(argument, 'x', strlen(argument)); // ps(1) shows it until here
}

void add_help(std::string &help, char letter, const char *name, const char *argument,
              const std::string &sentence)
{
    std::string line = letter ? std::string("  -") + letter + ", --" : "      --";
    line += name + (argument ? std::string(" ") + argument : "");
    line.resize(std::max<size_t>(line.size() + 2, 30), ' ');
    help += line + sentence + "\n";
}

} // namespace

CommandLine parse_command_line(int argc, char **argv, std::span<const Option> table,
                               std::span<const Flag> flags)
{
    const Grammar grammar(table, flags);
    CommandLine line;
    opterr = 0;
    optind = 0; // start anew, getopt(3) NOTES
    for (;;) {
        const int answer = getopt_long(argc, argv, grammar.letters(), grammar.names(), nullptr);
        if (answer == -1)
            break;
        const char *given = argv[optind - 1];
        if (answer == ':')
            throw Failure(exit_usage,
                          std::string("option ") + quote_message(given) + " needs an argument");
        const Grammar::Meaning *meaning = answer == '?' ? nullptr : grammar.find(answer);
        if (!meaning)
            refuse_flag(grammar, given, optopt);
        take(line, *meaning, optarg);
    }
    line.arguments.assign(argv + optind, argv + argc);
    return line;
}

std::string flags_help(std::span<const Flag> flags, std::span<const Option> table)
{
    std::string help;
    for (const Flag &flag : flags)
        add_help(help, flag.letter, flag.name, flag.argument, flag.help);
    if (!table.empty())
        add_help(help, 0, set_flag.name, set_flag.argument, set_flag.help);
    for (const Option &row : table) {
        if (!row.extras.flag)
            continue;
        const char *variable = row.extras.environment;
        add_help(help, row.extras.letter, row.extras.flag, row.extras.argument,
                 "[" + std::string(row.key) + (variable ? ", $" + std::string(variable) : "") +
                     "]");
    }
    return help;
}

} // namespace tunnel
