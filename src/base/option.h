// SPDX-License-Identifier: ISC
//
// One table for each program is the whole truth about its configuration: a row is a key with
// its place in the Settings struct, its default, its unit and its sentence. The YAML reader,
// the environment, the command line, --help, the dump and a test that compares samples and
// manuals with the code all read it. Used while starting: what is wrong is thrown.

#pragma once

#include "base/clock.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tunnel {

enum class OptionKind {
    boolean,
    count,
    number,
    size,
    duration,
    choice,
    text,
    secret,
    texts,
    items
};

struct Option;

// A list of mappings: the table of one item, and how to reach its items without knowing
// their type.
struct OptionItems {
    std::span<const Option> table;
    void *(*append)(void *list);
    size_t (*size)(const void *list);
    void *(*at)(void *list, size_t index);
};

// Where a value lives: its kind, and how to find it in the Settings struct.
struct OptionField {
    OptionKind kind;
    void *(*at)(void *settings);
    std::span<const char *const> words = {}; // choice: the names of the enum's values
    const OptionItems *items = nullptr;      // items
};

// What a check says: nullptr if the value is fine, else what was expected instead.
using OptionCheck = const char *(*)(const std::string &value);

struct OptionExtras {
    const char *flag = nullptr;        // long command-line flag
    char letter = 0;                   // short one
    const char *argument = "VALUE";    // the flag's argument in --help
    const char *environment = nullptr; // variable
    OptionCheck check = nullptr;       // of a text, or of each text in a list
    uint64_t min = 0;                  // of a count, a size (bytes) or a duration (microseconds)
    uint64_t max = UINT64_MAX;
    bool restart = false; // a change takes effect at the next start, not at a reload
    bool session = false; // a client's: a change takes another session with the server
};

struct Option {
    const char *key; // "timeouts.handshake_timeout"
    OptionField field;
    const char *initial; // the default, as it is written in the file; nullptr: must be given
    const char *help;    // one sentence
    OptionExtras extras = {};
};

// How a row names its member: {"limits.max_visitors", row::count<&Settings::max_visitors>, …}.
namespace row {
template <class T> struct Member;
template <class S, class T> struct Member<T S::*> {
    using Owner = S;
    using Type = T;
};
template <auto member> using Owner = typename Member<decltype(member)>::Owner;
template <auto member> using Type = typename Member<decltype(member)>::Type;
template <auto member> void *at(void *settings)
{
    return &(static_cast<Owner<member> *>(settings)->*member);
}
template <auto member, class T, OptionKind kind> constexpr OptionField field()
{
    static_assert(std::is_same_v<Type<member>, T>, "the member has another type than its row");
    return {kind, at<member>};
}

template <auto m> constexpr OptionField boolean = field<m, bool, OptionKind::boolean>();
template <auto m> constexpr OptionField count = field<m, uint64_t, OptionKind::count>();
template <auto m> constexpr OptionField number = field<m, double, OptionKind::number>();
template <auto m> // bytes
constexpr OptionField size = field<m, uint64_t, OptionKind::size>();
template <auto m> // microseconds
constexpr OptionField duration = field<m, Micros, OptionKind::duration>();
template <auto m> constexpr OptionField text = field<m, std::string, OptionKind::text>();
template <auto m> constexpr OptionField secret = field<m, std::string, OptionKind::secret>();
template <auto m> // one text or a list of them
constexpr OptionField texts = field<m, std::vector<std::string>, OptionKind::texts>();

// `words[i]` is the name of the enum value i.
template <auto m, auto &words> constexpr OptionField choice_field()
{
    static_assert(std::is_enum_v<Type<m>> && sizeof(Type<m>) == sizeof(int));
    return {OptionKind::choice, at<m>, words};
}
template <auto m, auto &words> constexpr OptionField choice = choice_field<m, words>();

template <auto m, auto &table> struct ItemsOf {
    using List = Type<m>;
    static void *append(void *list) { return &static_cast<List *>(list)->emplace_back(); }
    static size_t size(const void *list) { return static_cast<const List *>(list)->size(); }
    static void *at(void *list, size_t i) { return &(*static_cast<List *>(list))[i]; }
    static constexpr OptionItems ops = {table, append, size, at};
};
template <auto m, auto &table>
constexpr OptionField items = {OptionKind::items, at<m>, {}, &ItemsOf<m, table>::ops};
} // namespace row

struct CommandLine;
struct YamlEntry;
struct YamlNode;

enum class OptionSource { initial, file, environment, flag }; // later ones win

// Fills one Settings struct from its table. What is applied later wins.
class OptionReader {
public:
    // Gives every member its default.
    OptionReader(std::span<const Option> table, void *settings);

    // Each of these throws one Failure for all that is wrong, a line for each: the place, the
    // key, what was expected, and the nearest key where one is unknown. load_file throws also
    // where load_yaml() does.
    void load_file(const std::string &path);
    void load_text(const std::string &name, const std::string &yaml);
    void load_environment(); // a secret is wiped from the environment once it is read
    void apply(const CommandLine &line);
    // `value` as in the file; lists also as "a,b". `place` is named in failures: "--domain".
    void set(const std::string &key, const std::string &value, const std::string &place);

    // What gave `key` its value last; an item's key is "tunnels[2].local_port".
    OptionSource source_of(const std::string &key) const;
    // The same in words: "FILE:LINE:COLUMN", "$NAME", "--flag"; empty: its default.
    std::string place_of(const std::string &key) const;
    // Throws the Failure of a key's value: "<place>: <key>: <sentence>", exit_usage if it came
    // from the command line.
    [[noreturn]] void fail(const std::string &key, const std::string &sentence) const;

private:
    struct Scope; // a table, its struct, and the keys above them

    void read_mapping(const Scope &scope, const std::string &section, const YamlNode &mapping);
    void read_entry(const Scope &scope, const std::string &section, const YamlEntry &entry);
    void read_value(const Scope &scope, const Option &option, const YamlNode &node);
    void read_items(const Scope &scope, const Option &option, const YamlNode &node);
    void complain(const YamlNode &node, const std::string &sentence);
    void throw_complaints();
    Scope root() const;

    std::span<const Option> table_;
    void *settings_;
    std::map<std::string, std::string> places_; // key -> "file:line:column", "$NAME", "--flag"
    std::string source_;                        // the file that is being read
    std::vector<std::string> complaints_;
};

// `settings` as YAML, each key once, in the table's order: what is in force. Secrets are
// hidden, in a form that is refused when it is read back.
std::string dump_options(std::span<const Option> table, const void *settings);

// The same with every key at its default and its sentence as a comment, `head` in front.
std::string default_config(std::span<const Option> table, const std::string &head);

} // namespace tunnel
