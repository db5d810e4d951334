// SPDX-License-Identifier: ISC

#include "base/clock.h"
#include "base/failure.h"
#include "base/yaml.h"
#include "check.h"

#include <functional>

using namespace tunnel;

namespace {

// The sentence of the Failure, or "" if there is none.
std::string fault(const std::string &yaml)
{
    try {
        parse_yaml("f", yaml);
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_config);
        return failure.what();
    }
    return "";
}

bool faulty(const std::string &yaml, const std::string &start)
{
    return fault(yaml).starts_with(start);
}

std::string repeat(const std::string &text, int times)
{
    std::string all;
    for (int i = 0; i < times; ++i)
        all += text;
    return all;
}

} // namespace

TEST(a_tree_remembers_lines_and_columns)
{
    const YamlNode tree = parse_yaml("f", "a: 1\nb:\n  c: [x, \"y\"]\n  d: ''\n");
    CHECK(tree.kind == YamlNode::Kind::mapping && tree.entries.size() == 2);
    const YamlEntry &b = tree.entries[1];
    CHECK(b.key == "b" && b.line == 2 && b.column == 1);
    const YamlEntry &c = b.value.entries[0];
    CHECK(c.key == "c" && c.line == 3 && c.column == 3);
    CHECK(c.value.kind == YamlNode::Kind::list && c.value.items.size() == 2);
    CHECK(c.value.items[0].text == "x" && !c.value.items[0].quoted);
    CHECK(c.value.items[1].text == "y" && c.value.items[1].quoted);
    CHECK(c.value.items[1].line == 3 && c.value.items[1].column == 10);
    CHECK(!b.value.entries[1].value.is_null());
}

TEST(nothing_is_null_and_comments_are_an_empty_mapping)
{
    const YamlNode tree = parse_yaml("f", "a:\nb: ~\nc: null\nd: \"null\"\n");
    CHECK(tree.entries[0].value.is_null() && tree.entries[1].value.is_null());
    CHECK(tree.entries[2].value.is_null() && !tree.entries[3].value.is_null());
    CHECK(parse_yaml("f", "# nothing\n").kind == YamlNode::Kind::mapping);
    CHECK(parse_yaml("f", "---\n").entries.empty());
}

TEST(what_a_configuration_never_needs_is_refused_with_its_place)
{
    CHECK(faulty("a: &x 1", "f:1:4: anchors"));
    CHECK(faulty("a: 1\nb: *a", "f:2:4: anchors"));
    CHECK(faulty("a: &x [*x, *x]", "f:1:4: anchors"));
    CHECK(faulty("a: !!str 1", "f:1:4: tags"));
    CHECK(faulty("a: 1\n---\nb: 2", "f:2:1: a second document"));
    CHECK(faulty("a: 1\nb: 2\na: 3", "f:3:1: duplicate key \"a\", first on line 1"));
    CHECK(faulty("? [a]\n: b", "f:1:3: a key must be"));
}

TEST(what_is_no_yaml_is_refused_with_its_place)
{
    CHECK(faulty("a: [1", "f:"));
    CHECK(faulty("a:\n\tb: 1", "f:2:1: "));
    CHECK(faulty("ok: 1\nbad: \xff", "f:2:6: "));
    CHECK(faulty(std::string("\0\0\0", 3), "f:1:1: "));
}

TEST(depth_is_bounded)
{
    CHECK(fault(repeat("[", 16) + repeat("]", 16)).empty());
    CHECK(faulty(repeat("[", 17) + repeat("]", 17), "f:1:17: nested more than 16 deep"));
}

TEST(hostile_documents_cost_little)
{
    const Micros start = monotonic_now();
    CHECK(!fault(repeat("[", 1000000)).empty());
    CHECK(!fault(repeat("{a: ", 100000)).empty());
    CHECK(!fault(repeat("- ", 100000)).empty());
    CHECK(!fault(std::string((1 << 20) + 1, 'a')).empty());
    std::string keys;
    for (int i = 0; i < 80000; ++i)
        keys += "k" + std::to_string(i) + ": 1\n";
    CHECK(faulty(keys, "f:1001:1: more than 1000 keys"));
    CHECK(monotonic_now() - start < 5 * second); // a hundredth of it, on a free machine
}
