// SPDX-License-Identifier: ISC
//
// Configurations: what is wrong is a Failure, and what is taken reads back from its dump.

#include "base/failure.h"
#include "base/option.h"

#include "expect.h"

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
    std::vector<std::string> names;
    std::vector<Item> items;
};
using S = Settings;

constexpr Option item_table[] = {
    {"name", row::text<&Item::name>, "", ""},
    {"port", row::count<&Item::port>, nullptr, "", {.max = 65535}},
};

constexpr Option table[] = {
    {"on", row::boolean<&S::on>, "true", ""},
    {"count", row::count<&S::count>, "7", ""},
    {"number", row::number<&S::number>, "2.0", ""},
    {"text", row::text<&S::text>, "a", ""},
    {"names", row::texts<&S::names>, "[x, y]", ""},
    {"items", row::items<&S::items, item_table>, "[]", ""},
    {"part.size", row::size<&S::size>, "32KiB", ""},
    {"part.wait", row::duration<&S::wait>, "10s", ""},
    {"part.colour", row::choice<&S::colour, colours>, "green", ""},
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const std::string yaml(reinterpret_cast<const char *>(data), size);
    Settings settings, again;
    try {
        OptionReader(table, &settings).load_text("f", yaml);
    } catch (const Failure &) {
        return 0;
    }
    const std::string dump = dump_options(table, &settings);
    OptionReader(table, &again).load_text("dump", dump);
    EXPECT(dump_options(table, &again) == dump);
    return 0;
}
