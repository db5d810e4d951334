// SPDX-License-Identifier: ISC

#include "base/command_line.h"
#include "base/failure.h"
#include "base/option.h"
#include "check.h"

#include <cstdlib>

using namespace tunnel;

namespace {

enum class Colour { red, green };
constexpr const char *colours[] = {"red", "green"};

struct Item {
    std::string name;
    uint64_t port;
};

struct Settings {
    bool on;
    uint64_t count;
    double number;
    uint64_t size;
    Micros wait;
    Colour colour;
    std::string text;
    std::string secret;
    std::vector<std::string> names;
    std::vector<Item> items;
};

const char *check_name(const std::string &value)
{
    return value == "bad" ? "a good name" : nullptr;
}

using S = Settings;

constexpr Option item_table[] = {
    {"name", row::text<&Item::name>, "none", "Its name."},
    {"port", row::count<&Item::port>, nullptr, "Its port.", {.min = 1, .max = 65535}},
};

constexpr Option table[] = {
    {"on", row::boolean<&S::on>, "true", "On."},
    {"count",
     row::count<&S::count>,
     "7",
     "Count.",
     {.flag = "count", .letter = 'n', .environment = "T_COUNT"}},
    {"number", row::number<&S::number>, "2.0", "Number.", {.min = 1}},
    {"text", row::text<&S::text>, "a \"b\"", "Text.", {.flag = "text", .check = check_name}},
    {"secret",
     row::secret<&S::secret>,
     "",
     "Secret.",
     {.flag = "secret", .environment = "T_SECRET"}},
    {"names", row::texts<&S::names>, "[x, y]", "Names.", {.flag = "names", .check = check_name}},
    {"items", row::items<&S::items, item_table>, "[]", "Items."},
    {"part.size", row::size<&S::size>, "32KiB", "Size.", {.min = 1024}},
    {"part.wait", row::duration<&S::wait>, "10s", "Wait.", {.min = millisecond}},
    {"part.colour", row::choice<&S::colour, colours>, "green", "Colour."},
};

constexpr Flag flags[] = {{'t', "check", nullptr, "check"}, {'c', "config", "FILE", "file"}};

Settings read(const std::string &yaml)
{
    Settings settings;
    OptionReader(table, &settings).load_text("f", yaml);
    return settings;
}

std::string fault(const std::string &yaml)
{
    try {
        read(yaml);
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_config);
        return failure.what();
    }
    return "";
}

// A copy of the words that may be written to, as main() has it.
struct Words {
    std::vector<std::string> texts;
    std::vector<char *> pointers;
    Words(std::initializer_list<const char *> words) : texts(words.begin(), words.end())
    {
        texts.insert(texts.begin(), "program");
        for (std::string &text : texts)
            pointers.push_back(text.data());
        pointers.push_back(nullptr);
    }
    CommandLine parse()
    {
        return parse_command_line(int(texts.size()), pointers.data(), table, flags);
    }
};

std::string usage_fault(std::initializer_list<const char *> words)
{
    try {
        Settings settings;
        OptionReader reader(table, &settings);
        reader.apply(Words(words).parse());
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_usage);
        return failure.what();
    }
    return "";
}

} // namespace

TEST(every_member_has_its_default)
{
    const Settings s = read("# nothing\n");
    CHECK(s.on && s.count == 7 && s.number == 2.0 && s.size == 32768 && s.wait == 10 * second);
    CHECK(s.colour == Colour::green && s.text == "a \"b\"" && s.secret.empty());
    CHECK(s.names == std::vector<std::string>({"x", "y"}) && s.items.empty());
}

TEST(every_kind_is_read)
{
    const Settings s =
        read("on: false\ncount: 0\nnumber: 1.5\ntext: 'off'\nsecret: s\nnames: [a, \"b\"]\n"
             "items:\n  - {name: n, port: 1}\n  - port: 2\n"
             "part: {size: 1MiB, wait: 1.5s, colour: red}\n");
    CHECK(!s.on && s.count == 0 && s.number == 1.5 && s.text == "off" && s.secret == "s");
    CHECK(s.names == std::vector<std::string>({"a", "b"}));
    CHECK(s.items.size() == 2 && s.items[0].name == "n" && s.items[1].name == "none" &&
          s.items[1].port == 2);
    CHECK(s.size == 1 << 20 && s.wait == 1500 * millisecond && s.colour == Colour::red);
}

TEST(one_text_is_a_list_of_one_and_a_list_can_be_empty)
{
    CHECK(read("names: a").names == std::vector<std::string>({"a"}));
    CHECK(read("names: []").names.empty());
    CHECK(read("part:\n").size == 32768); // all its keys commented out
}

TEST(an_unknown_key_names_the_nearest_one)
{
    CHECK(fault("cuont: 1") == "f:1:1: unknown key \"cuont\" (did you mean \"count\"?)");
    CHECK(fault("part:\n  siez: 1") ==
          "f:2:3: unknown key \"part.siez\" (did you mean \"part.size\"?)");
    CHECK(fault("wait: 1s") == "f:1:1: unknown key \"wait\" (did you mean \"part.wait\"?)");
    CHECK(fault("zzzzzz: 1") == "f:1:1: unknown key \"zzzzzz\"");
    CHECK(fault("items:\n- {prot: 1, port: 1}") ==
          "f:2:4: unknown key \"items[0].prot\" (did you mean \"items[0].port\"?)");
    CHECK(fault("part.size: 1KiB").starts_with("f:1:1: unknown key \"part.size\""));
}

TEST(a_wrong_value_says_what_was_expected_and_what_was_given)
{
    CHECK(fault("on: yes") == "f:1:5: on: expected true or false, got \"yes\"");
    CHECK(fault("count: -1") == "f:1:8: count: expected a whole number, got \"-1\"");
    CHECK(fault("count: \"1\"") == "f:1:8: count: expected a value without quotes, got \"1\"");
    CHECK(fault("count:") == "f:1:7: count: expected one value, got nothing");
    CHECK(fault("count: [1]") == "f:1:8: count: expected one value, got a list");
    CHECK(fault("number: 0.5") == "f:1:9: number: expected at least 1, got \"0.5\"");
    CHECK(fault("number: nan") == "f:1:9: number: expected a number, got \"nan\"");
    CHECK(fault("text: bad") == "f:1:7: text: expected a good name, got \"bad\"");
    CHECK(fault("text: \"a\\0b\"") ==
          "f:1:7: text: expected a text without control characters, got \"a\\x00b\"");
    CHECK(fault("names: [a, bad]") == "f:1:8: names: expected a good name, got \"bad\"");
    CHECK(fault("part: {size: 12}") == "f:1:14: part.size: expected at least 1KiB, got \"12\"");
    CHECK(fault("part: {wait: 10}").starts_with("f:1:14: part.wait: expected a duration such as"));
    CHECK(fault("part: {wait: 0}").starts_with("f:1:14: part.wait: expected at least 1ms"));
    CHECK(fault("part: {wait: 60d}").starts_with("f:1:14: part.wait: expected at most 30d"));
    CHECK(fault("part: {colour: blue}") ==
          "f:1:16: part.colour: expected red or green, got \"blue\"");
    CHECK(fault("part: 7") == "f:1:7: part: expected keys and values, got a text");
    CHECK(fault("- a") == "f:1:1: expected keys and values, got a list");
    CHECK(fault("items: {a: 1}") == "f:1:8: items: expected a list, got a mapping");
    CHECK(fault("items: [{name: x}]") == "f:1:9: items[0].port: is missing");
}

TEST(all_faults_of_a_file_are_told_at_once)
{
    CHECK(fault("on: 1\ncuont: 1\npart: {size: x}").find("\nf:3:14: part.size: ") !=
          std::string::npos);
    std::string many;
    for (int i = 0; i < 30; ++i)
        many += "zzzz" + std::to_string(i) + ": 1\n";
    CHECK(fault(many).ends_with("\nand 10 more"));
}

TEST(a_secret_is_never_repeated)
{
    CHECK(fault("secret: [hush]").find("hush") == std::string::npos);
    CHECK(fault("secret: \"hush\\n\"").find("hush") == std::string::npos);
}

TEST(a_dump_reads_back_as_the_same_settings)
{
    Settings s = read("on: false\nnames: ['a b', \"\\u00e9\\U0001f600\"]\ntext: \"x: #y\"\nnumber: 3\nitems: "
                      "[{name: n, port: 9}]\n"
                      "part: {wait: 90s, size: 1000000}\n");
    const std::string dump = dump_options(table, &s);
    Settings again = read(dump);
    CHECK(dump_options(table, &again) == dump);
    CHECK(again.names == s.names && again.text == s.text && again.wait == s.wait &&
          again.size == s.size);
    CHECK(again.items.size() == 1 && again.items[0].port == 9 && again.number == 3);
}

TEST(a_dump_hides_secrets_in_a_form_that_is_refused)
{
    Settings s = read("secret: hush");
    const std::string dump = dump_options(table, &s);
    CHECK(dump.find("hush") == std::string::npos);
    CHECK(fault(dump).find("secret: expected the secret itself") != std::string::npos);
}

TEST(the_default_configuration_reads_as_the_defaults)
{
    Settings defaults = read("# nothing\n"), s = read(default_config(table, "# head\n"));
    CHECK(dump_options(table, &s) == dump_options(table, &defaults));
}

TEST(flags_win_over_the_environment_which_wins_over_the_file)
{
    Settings s;
    setenv("T_COUNT", "2", 1);
    OptionReader reader(table, &s);
    CHECK(reader.source_of("count") == OptionSource::initial);
    reader.load_text("f", "count: 1");
    CHECK(s.count == 1 && reader.source_of("count") == OptionSource::file);
    reader.load_environment();
    CHECK(s.count == 2 && reader.source_of("count") == OptionSource::environment);
    reader.apply(Words({"--count", "3"}).parse());
    CHECK(s.count == 3 && reader.source_of("count") == OptionSource::flag);
    reader.apply(Words({"-n4", "--set", "count=5"}).parse());
    CHECK(s.count == 5);
    unsetenv("T_COUNT");
}

TEST(a_secret_is_wiped_from_the_environment_and_the_command_line)
{
    Settings s;
    static char variable[] = "T_SECRET=hush";
    putenv(variable);
    OptionReader reader(table, &s);
    reader.load_environment();
    CHECK(s.secret == "hush" && !getenv("T_SECRET"));
    CHECK(memcmp(variable + 9, "\0\0\0\0", 4) == 0);

    Words words({"--secret", "hush2", "--secret=hush3"});
    reader.apply(words.parse());
    CHECK(s.secret == "hush3");
    CHECK(words.texts[2] == "xxxxx" && words.texts[3] == "--secret=xxxxx");
}

TEST(a_command_line_is_taken_apart)
{
    Words words({"http", "-tc", "file", "3000", "--names=a,b", "--", "--text"});
    const CommandLine line = words.parse();
    CHECK(line.has("check") && line.flags.at("config") == "file" && !line.has("text"));
    CHECK(line.arguments == std::vector<std::string>({"http", "3000", "--text"}));
    Settings s;
    OptionReader reader(table, &s);
    reader.apply(line);
    CHECK(s.names == std::vector<std::string>({"a", "b"}));
    reader.apply(Words({"--names", "[]"}).parse());
    CHECK(s.names.empty());
}

TEST(a_wrong_command_line_is_a_usage_error)
{
    CHECK(usage_fault({"--cuont", "1"}) ==
          "unknown option \"--cuont\" (did you mean \"--count\"?)");
    CHECK(usage_fault({"-x"}) == "unknown option \"-x\"");
    CHECK(usage_fault({"--count"}) == "option \"--count\" needs an argument");
    CHECK(usage_fault({"--set", "count"}) == "--set: expected KEY=VALUE, got \"count\"");
    CHECK(usage_fault({"--set", "part.siz=1"}) ==
          "--set: unknown key \"part.siz\" (did you mean \"part.size\"?)");
    CHECK(usage_fault({"--count", "x"}) == "--count: count: expected a whole number, got \"x\"");
    CHECK(usage_fault({"--set", "items=[]"}) == "--set: items: can be given only in the file");
}

TEST(a_file_that_is_missing_empty_or_none_is_named)
{
    Settings s;
    OptionReader reader(table, &s);
    try {
        reader.load_file("/nowhere/f.yaml");
        CHECK(false);
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_no_input && strstr(failure.what(), "/nowhere/f.yaml"));
    }
    try {
        reader.load_file("/tmp");
        CHECK(false);
    } catch (const Failure &failure) {
        CHECK(failure.code() == exit_config && strstr(failure.what(), "directory"));
    }
}
