// SPDX-License-Identifier: ISC

#include "base/option.h"

#include "base/command_line.h"
#include "base/failure.h"
#include "base/option_value.h"
#include "base/text.h"
#include "base/yaml.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace tunnel {

struct OptionReader::Scope {
    std::span<const Option> table;
    void *settings;
    std::string above; // "tunnels[0]."; empty for the whole file

    const Option *find(std::string_view key) const
    {
        for (const Option &option : table)
            if (option.key == key)
                return &option;
        return nullptr;
    }

    bool has_section(const std::string &name) const
    {
        for (const Option &option : table)
            if (std::string_view(option.key).starts_with(name + "."))
                return true;
        return false;
    }

    void set_defaults() const;
    // " (did you mean …?)", or nothing.
    std::string hint(const std::string &section, const std::string &key) const;
};

namespace {

const char *kind_name(YamlNode::Kind kind)
{
    return kind == YamlNode::Kind::list      ? "a list"
           : kind == YamlNode::Kind::mapping ? "a mapping"
                                             : "a text";
}

// Numbers and booleans are written without quotes.
bool is_plain_kind(OptionKind kind)
{
    return kind == OptionKind::boolean || kind == OptionKind::count || kind == OptionKind::number;
}

std::string what_was_given(const Option &option, const YamlNode &node)
{
    if (node.kind != YamlNode::Kind::scalar)
        return std::string(", got ") + kind_name(node.kind);
    if (option.field.kind == OptionKind::secret)
        return "";
    return node.is_null() ? ", got nothing" : ", got " + quote_message(node.text);
}

// "a,b", or a list in YAML's flow notation.
YamlNode node_of(const Option &option, const std::string &value, const std::string &place)
{
    const bool is_list = option.field.kind == OptionKind::texts;
    if (option.field.kind == OptionKind::items || (is_list && value.starts_with('[')))
        return parse_yaml(place, value);
    YamlNode node;
    node.text = value;
    if (!is_list)
        return node;
    node.kind = YamlNode::Kind::list;
    for (std::string_view part : split(value, ','))
        if (const auto text = trim(part); !text.empty())
            node.items.emplace_back().text = text;
    return node;
}

void clear_list(const Option &option, void *settings)
{
    static_cast<std::vector<std::string> *>(option.field.at(settings))->clear();
}

// Gives a list of texts its value; one text alone is a list of one.
std::string assign_texts(const Option &option, void *settings, const YamlNode &node)
{
    clear_list(option, settings);
    if (node.kind == YamlNode::Kind::scalar)
        return assign_option(option, settings, node.text);
    for (const YamlNode &item : node.items) {
        const std::string wrong = item.kind != YamlNode::Kind::scalar || item.is_null()
                                      ? "expected a list of texts"
                                      : assign_option(option, settings, item.text);
        if (!wrong.empty())
            return wrong + what_was_given(option, item);
    }
    return "";
}

std::string assign_node(const Option &option, void *settings, const YamlNode &node)
{
    std::string wrong;
    const bool is_list = option.field.kind == OptionKind::texts;
    if (is_list && node.kind == YamlNode::Kind::list)
        return assign_texts(option, settings, node);
    if (node.kind != YamlNode::Kind::scalar || node.is_null())
        wrong = is_list ? "expected a text or a list of texts" : "expected one value";
    else if (node.quoted && is_plain_kind(option.field.kind))
        wrong = "expected a value without quotes";
    else
        wrong = is_list ? assign_texts(option, settings, node)
                        : assign_option(option, settings, node.text);
    return wrong.empty() ? "" : wrong + what_was_given(option, node);
}

} // namespace

void OptionReader::Scope::set_defaults() const
{
    for (const Option &option : table)
        if (option.initial && option.field.kind != OptionKind::items)
            assign_node(option, settings, node_of(option, option.initial, option.key));
}

// Looks for the same word in another section first, then among the neighbours, then at whole
// keys.
std::string OptionReader::Scope::hint(const std::string &section, const std::string &key) const
{
    std::vector<std::string> neighbours, whole;
    std::string nearest;
    for (const Option &option : table) {
        const std::string_view name = option.key;
        if (name.starts_with(section)) {
            const std::string_view rest = name.substr(section.size());
            neighbours.emplace_back(rest.substr(0, rest.find('.')));
        }
        if (nearest.empty() && name.ends_with("." + key))
            nearest = name;
        whole.emplace_back(name);
    }
    if (const std::string word = nearest_word(key, neighbours); nearest.empty() && !word.empty())
        nearest = section + word;
    if (nearest.empty())
        nearest = nearest_word(section + key, whole);
    return nearest.empty() ? "" : " (did you mean \"" + above + nearest + "\"?)";
}

OptionReader::OptionReader(std::span<const Option> table, void *settings)
    : table_(table), settings_(settings)
{
    root().set_defaults();
}

OptionReader::Scope OptionReader::root() const { return {table_, settings_, ""}; }

void OptionReader::load_file(const std::string &path)
{
    const YamlNode tree = load_yaml(path);
    source_ = path;
    read_mapping(root(), "", tree);
    throw_complaints();
}

void OptionReader::load_text(const std::string &name, const std::string &yaml)
{
    const YamlNode tree = parse_yaml(name, yaml);
    source_ = name;
    read_mapping(root(), "", tree);
    throw_complaints();
}

void OptionReader::load_environment()
{
    for (const Option &option : table_) {
        const char *name = option.extras.environment;
        char *value = name ? getenv(name) : nullptr;
        if (!value || !*value)
            continue;
        set(option.key, value, "$" + std::string(name));
        if (option.field.kind != OptionKind::secret)
            continue;
        memset(value, 0, strlen(value)); // /proc/PID/environ shows this memory
        unsetenv(name);
    }
}

void OptionReader::apply(const CommandLine &line)
{
    for (const auto &[key, value, flag] : line.settings)
        set(key, value, flag);
}

void OptionReader::set(const std::string &key, const std::string &value, const std::string &place)
{
    const Option *option = root().find(key);
    if (!option)
        throw Failure(exit_usage,
                      place + ": unknown key " + quote_message(key) + root().hint("", key));
    places_[key] = place;
    if (option->field.kind == OptionKind::items)
        fail(key, "can be given only in the file");
    const std::string wrong = assign_node(*option, settings_, node_of(*option, value, place));
    if (!wrong.empty())
        fail(key, wrong);
}

OptionSource OptionReader::source_of(const std::string &key) const
{
    const auto found = places_.find(key);
    if (found == places_.end())
        return OptionSource::initial;
    const char first = found->second[0];
    return first == '-'   ? OptionSource::flag
           : first == '$' ? OptionSource::environment
                          : OptionSource::file;
}

std::string OptionReader::place_of(const std::string &key) const
{
    const auto found = places_.find(key);
    return found == places_.end() ? "" : found->second;
}

void OptionReader::fail(const std::string &key, const std::string &sentence) const
{
    const auto found = places_.find(key);
    const std::string place = found != places_.end() ? found->second : source_;
    throw Failure(place.starts_with("-") ? exit_usage : exit_config,
                  (place.empty() ? "" : place + ": ") + key + ": " + sentence);
}

void OptionReader::read_mapping(const Scope &scope, const std::string &section,
                                const YamlNode &mapping)
{
    if (mapping.is_null()) // a section whose keys are all commented out
        return;
    const std::string name = scope.above + section;
    if (mapping.kind != YamlNode::Kind::mapping)
        return complain(mapping, (name.empty() ? "" : name.substr(0, name.size() - 1) + ": ") +
                                     "expected keys and values, got " + kind_name(mapping.kind));
    for (const YamlEntry &entry : mapping.entries)
        read_entry(scope, section, entry);
}

void OptionReader::read_entry(const Scope &scope, const std::string &section,
                              const YamlEntry &entry)
{
    const std::string key = section + entry.key;
    const bool is_word = entry.key.find('.') == std::string::npos;
    YamlNode at; // where the key stands
    at.line = entry.line;
    at.column = entry.column;

    if (const Option *option = is_word ? scope.find(key) : nullptr) {
        places_[scope.above + key] =
            source_ + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
        return read_value(scope, *option, entry.value);
    }
    if (is_word && scope.has_section(key))
        return read_mapping(scope, key + ".", entry.value);

    complain(at,
             "unknown key " + quote_message(scope.above + key) + scope.hint(section, entry.key));
}

void OptionReader::read_value(const Scope &scope, const Option &option, const YamlNode &node)
{
    if (option.field.kind == OptionKind::items)
        return read_items(scope, option, node);
    const std::string wrong = assign_node(option, scope.settings, node);
    if (!wrong.empty())
        complain(node, scope.above + option.key + ": " + wrong);
}

void OptionReader::read_items(const Scope &scope, const Option &option, const YamlNode &node)
{
    const OptionItems &items = *option.field.items;
    void *list = option.field.at(scope.settings);
    if (node.is_null())
        return;
    if (node.kind != YamlNode::Kind::list)
        return complain(node, scope.above + option.key + ": expected a list, got " +
                                  kind_name(node.kind));
    for (const YamlNode &each : node.items) {
        const std::string name =
            scope.above + option.key + "[" + std::to_string(items.size(list)) + "]";
        const Scope item = {items.table, items.append(list), name + "."};
        places_[name] =
            source_ + ":" + std::to_string(each.line) + ":" + std::to_string(each.column);
        item.set_defaults();
        read_mapping(item, "", each);
        for (const Option &row : items.table)
            if (!row.initial && !places_.count(item.above + row.key))
                complain(each, item.above + row.key + ": is missing");
    }
}

void OptionReader::complain(const YamlNode &node, const std::string &sentence)
{
    complaints_.push_back(Failure(source_, node.line, node.column, sentence).what());
}

void OptionReader::throw_complaints()
{
    constexpr size_t most = 20; // the rest of a file that is something else altogether
    if (complaints_.empty())
        return;
    std::string lines;
    for (size_t i = 0; i < std::min(complaints_.size(), most); ++i)
        lines += (i ? "\n" : "") + complaints_[i];
    if (complaints_.size() > most)
        lines += "\nand " + std::to_string(complaints_.size() - most) + " more";
    complaints_.clear();
    throw Failure(exit_config, lines);
}

} // namespace tunnel
