// SPDX-License-Identifier: ISC
//
// The option table as YAML: what is in force, and the defaults with their sentences.

#include "base/option.h"
#include "base/option_value.h"
#include "base/text.h"

#include <algorithm>

namespace tunnel {

namespace {

constexpr size_t comment_width = 90;

struct Name {
    std::string_view section, word;
};

Name name_of(const Option &option)
{
    const std::string_view key = option.key;
    const size_t dot = key.rfind('.');
    if (dot == key.npos)
        return {"", key};
    return {key.substr(0, dot), key.substr(dot + 1)};
}

// Opens a section when the rows come to it; rows of one section stand together.
void enter_section(std::string &yaml, std::string_view &section, std::string_view next,
                   const char *between)
{
    if (next == section)
        return;
    section = next;
    if (!next.empty())
        yaml.append(between).append(next).append(":\n");
}

void add_comment(std::string &yaml, const std::string &indent, const std::string &sentence)
{
    std::string line = indent + "#";
    for (std::string_view word : split(sentence, ' ')) {
        if (line.size() + 1 + word.size() > comment_width) {
            yaml += line + "\n";
            line = indent + "#";
        }
        line.append(" ").append(word);
    }
    yaml += line + "\n";
}

void dump_items(std::string &yaml, const Option &option, void *settings)
{
    const OptionItems &items = *option.field.items;
    void *list = option.field.at(settings);
    yaml += items.size(list) == 0 ? " []\n" : "\n";
    for (size_t i = 0; i < items.size(list); ++i) {
        const char *lead = "  - ";
        for (const Option &row : items.table) {
            yaml.append(lead).append(row.key).append(": ");
            yaml += print_option(row, items.at(list, i)) + "\n";
            lead = "    ";
        }
    }
}

// A text's default is kept in the table as it is; in the file it needs its quotes.
std::string written(const Option &option)
{
    const bool quoted =
        option.field.kind == OptionKind::text || option.field.kind == OptionKind::secret;
    return quoted ? quote_yaml(option.initial) : option.initial;
}

// An item as it would be written, as a comment.
void sketch_items(std::string &yaml, const Option &option)
{
    yaml += "# " + std::string(option.key) + ":\n";
    const char *lead = "#   - ";
    for (const Option &row : option.field.items->table) {
        std::string line =
            std::string(lead) + row.key + ": " + (row.initial ? written(row) : "3000");
        line.resize(std::max<size_t>(line.size() + 1, 32), ' ');
        yaml += line + "# " + row.help + "\n";
        lead = "#     ";
    }
    yaml.append(option.key).append(": []\n");
}

} // namespace

std::string dump_options(std::span<const Option> table, const void *settings)
{
    void *place = const_cast<void *>(settings); // Field::at has one form for both directions
    std::string yaml;
    std::string_view section;
    for (const Option &option : table) {
        const Name name = name_of(option);
        enter_section(yaml, section, name.section, "");
        yaml.append(name.section.empty() ? "" : "  ").append(name.word).append(":");
        if (option.field.kind == OptionKind::items)
            dump_items(yaml, option, place);
        else
            yaml += " " + print_option(option, place) + "\n";
    }
    return yaml;
}

std::string default_config(std::span<const Option> table, const std::string &head)
{
    std::string yaml = head;
    std::string_view section;
    for (const Option &option : table) {
        const Name name = name_of(option);
        const std::string indent = name.section.empty() ? "" : "  ";
        if (name.section.empty())
            yaml += "\n";
        enter_section(yaml, section, name.section, "\n");
        const char *when = option.extras.restart   ? " A change needs a restart."
                           : option.extras.session ? " A change takes another session."
                                                   : "";
        add_comment(yaml, indent, std::string(option.help) + when);
        if (option.field.kind == OptionKind::items)
            sketch_items(yaml, option);
        else
            yaml.append(indent).append(name.word).append(": ") += written(option) + "\n";
    }
    return yaml;
}

} // namespace tunnel
