// SPDX-License-Identifier: ISC

#include "base/yaml.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/text.h"

#include <algorithm>
#include <memory>
#include <yaml.h>

namespace tunnel {

namespace {

// One event of libyaml's stream.
class Event {
public:
    Event() = default;
    Event(const Event &) = delete;
    Event &operator=(const Event &) = delete;
    ~Event() { yaml_event_delete(&event_); }

    yaml_event_t *get() { return &event_; }
    const yaml_event_t *operator->() const { return &event_; }
    unsigned line() const { return unsigned(event_.start_mark.line) + 1; }
    unsigned column() const { return unsigned(event_.start_mark.column) + 1; }

private:
    yaml_event_t event_ = {};
};

class Parser {
public:
    Parser(const std::string &name, std::string_view text) : name_(name), text_(text)
    {
        if (!yaml_parser_initialize(&parser_))
            throw std::bad_alloc();
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const uint8_t *>(text.data()),
                                     text.size());
    }
    Parser(const Parser &) = delete;
    Parser &operator=(const Parser &) = delete;
    ~Parser() { yaml_parser_delete(&parser_); }

    YamlNode document();

private:
    void next(Event &event);
    [[noreturn]] void fail();
    [[noreturn]] void fail(const Event &event, const std::string &sentence);
    void refuse_extras(const Event &event);
    YamlNode node(const Event &event);
    void fill_list(YamlNode &list);
    void fill_mapping(YamlNode &mapping);
    YamlEntry entry(const Event &key, const YamlNode &mapping);

    const std::string &name_;
    std::string_view text_;
    yaml_parser_t parser_;
    int depth_ = 0;
};

void Parser::next(Event &event)
{
    if (!yaml_parser_parse(&parser_, event.get()))
        fail();
}

void Parser::fail()
{
    const char *problem = parser_.problem ? parser_.problem : "out of memory";
    if (parser_.error != YAML_READER_ERROR)
        throw Failure(name_, unsigned(parser_.problem_mark.line) + 1,
                      unsigned(parser_.problem_mark.column) + 1, problem);

    // The reader knows only an offset.
    const std::string_view before = text_.substr(0, parser_.problem_offset);
    const auto lines = unsigned(std::count(before.begin(), before.end(), '\n'));
    const size_t line_start = before.rfind('\n') + 1; // npos + 1 is 0
    throw Failure(name_, lines + 1, unsigned(before.size() - line_start) + 1, problem);
}

void Parser::fail(const Event &event, const std::string &sentence)
{
    throw Failure(name_, event.line(), event.column(), sentence);
}

void Parser::refuse_extras(const Event &event)
{
    const yaml_char_t *anchor = nullptr, *tag = nullptr;
    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor, tag = event->data.scalar.tag;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor, tag = event->data.sequence_start.tag;
    else if (event->type == YAML_MAPPING_START_EVENT)
        anchor = event->data.mapping_start.anchor, tag = event->data.mapping_start.tag;

    if (anchor || event->type == YAML_ALIAS_EVENT)
        fail(event, "anchors and aliases (& and *) are not accepted; quote the text if it is one");
    if (tag)
        fail(event, "tags (!) are not accepted; quote the text if it is one");
}

YamlNode Parser::document()
{
    Event stream_start, document_start, root, document_end, end;
    next(stream_start);
    next(document_start);
    if (document_start->type == YAML_STREAM_END_EVENT) {
        YamlNode empty;
        empty.kind = YamlNode::Kind::mapping;
        return empty;
    }
    next(root);
    YamlNode tree = node(root);
    next(document_end);
    next(end);
    if (end->type != YAML_STREAM_END_EVENT)
        fail(end, "a second document is not accepted");
    return tree;
}

YamlNode Parser::node(const Event &event)
{
    refuse_extras(event);
    YamlNode node;
    node.line = event.line();
    node.column = event.column();
    if (event->type == YAML_SCALAR_EVENT) {
        const auto &scalar = event->data.scalar;
        node.text.assign(reinterpret_cast<const char *>(scalar.value), scalar.length);
        node.quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return node;
    }
    if (++depth_ > yaml_depth_max)
        fail(event, "nested more than " + std::to_string(yaml_depth_max) + " deep");
    const bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    node.kind = is_list ? YamlNode::Kind::list : YamlNode::Kind::mapping;
    is_list ? fill_list(node) : fill_mapping(node);
    --depth_;
    return node;
}

void Parser::fill_list(YamlNode &list)
{
    for (;;) {
        Event event;
        next(event);
        if (event->type == YAML_SEQUENCE_END_EVENT)
            return;
        list.items.push_back(node(event));
    }
}

void Parser::fill_mapping(YamlNode &mapping)
{
    for (;;) {
        Event key;
        next(key);
        if (key->type == YAML_MAPPING_END_EVENT)
            return;
        if (mapping.entries.size() == yaml_keys_max)
            fail(key, "more than " + std::to_string(yaml_keys_max) + " keys");
        mapping.entries.push_back(entry(key, mapping));
    }
}

YamlEntry Parser::entry(const Event &key, const YamlNode &mapping)
{
    refuse_extras(key);
    if (key->type != YAML_SCALAR_EVENT)
        fail(key, "a key must be a word");
    YamlEntry entry;
    entry.key.assign(reinterpret_cast<const char *>(key->data.scalar.value),
                     key->data.scalar.length);
    entry.line = key.line();
    entry.column = key.column();
    for (const YamlEntry &other : mapping.entries)
        if (other.key == entry.key)
            fail(key, "duplicate key \"" + entry.key + "\", first on line " +
                          std::to_string(other.line));
    Event value;
    next(value);
    entry.value = node(value);
    return entry;
}

} // namespace

bool YamlNode::is_null() const
{
    return kind == Kind::scalar && !quoted && (text.empty() || text == "~" || text == "null");
}

YamlNode parse_yaml(const std::string &name, std::string_view text)
{
    if (text.size() > yaml_size_max)
        throw Failure(exit_config, name + ": larger than 1 MiB");
    YamlNode tree = Parser(name, text).document();
    if (tree.is_null())
        tree.kind = YamlNode::Kind::mapping; // only comments
    return tree;
}

YamlNode load_yaml(const std::string &path)
{
    const std::string text = read_config_file(path, yaml_size_max);
    if (trim(text).empty()) // a write that was cut off, rather than a wish for every default
        throw Failure(path, 1, 1,
                      "is empty, perhaps cut off while it was written; where every default is "
                      "wanted, a comment is enough");
    return parse_yaml(path, text);
}

} // namespace tunnel
