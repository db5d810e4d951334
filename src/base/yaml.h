// SPDX-License-Identifier: ISC
//
// A YAML document as a small tree that remembers where everything stood. Only what a
// configuration needs: mappings, lists, scalars. Anchors, aliases, tags, duplicate keys and
// second documents are refused, size and depth are bounded, so no input costs more than it
// is long.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tunnel {

struct YamlEntry;

struct YamlNode {
    enum class Kind { scalar, list, mapping } kind = Kind::scalar;
    unsigned line = 0; // from 1
    unsigned column = 0;
    std::string text;               // scalar
    bool quoted = false;            // scalar: not plain, so never null, a number or a boolean
    std::vector<YamlNode> items;    // list
    std::vector<YamlEntry> entries; // mapping, in the order of the file

    bool is_null() const; // a plain scalar that is empty, "~" or "null"
};

struct YamlEntry {
    std::string key;
    unsigned line = 0;
    unsigned column = 0;
    YamlNode value;
};

constexpr size_t yaml_size_max = 1 << 20; // bytes of a file
constexpr int yaml_depth_max = 16;
constexpr size_t yaml_keys_max = 1000; // of one mapping

// A document of comments alone is an empty mapping. Throws Failure with `name`, line and column.
YamlNode parse_yaml(const std::string &name, std::string_view text);

// Throws also where read_config_file() does, and for a file without a byte of text.
YamlNode load_yaml(const std::string &path);

} // namespace tunnel
