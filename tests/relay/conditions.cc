// SPDX-License-Identifier: ISC

#include "conditions.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace relay {
namespace {

struct Unit {
    const char *name;
    double factor;
};

// A number and its unit; nothing if there is more, or something else.
template <size_t N>
std::optional<double> parse(const std::string &text, const std::array<Unit, N> &units)
{
    char *end;
    double value = strtod(text.c_str(), &end);
    for (const Unit &unit : units)
        if (end != text.c_str() && value >= 0 && strcmp(end, unit.name) == 0)
            return value * unit.factor;
    return {};
}

constexpr std::array<Unit, 4> times = {{{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1e9}}};
constexpr std::array<Unit, 4> rates = {{{"kbit", 125}, {"mbit", 125e3}, {"gbit", 125e6}, {"", 1}}};
constexpr std::array<Unit, 3> sizes = {{{"k", 1024}, {"m", 1048576}, {"", 1}}};
constexpr std::array<Unit, 1> shares = {{{"", 1}}};

// Returns whether there is a value, and puts it in place.
template <class T> bool put(T &place, std::optional<double> value, double most = 1e12)
{
    if (!value || *value > most)
        return false;
    place = static_cast<T>(*value);
    return true;
}

} // namespace

bool change(Conditions &conditions, const std::string &name, const std::string &text)
{
    if (name == "delay")
        return put(conditions.delay, parse(text, times));
    if (name == "jitter")
        return put(conditions.jitter, parse(text, times));
    if (name == "rate")
        return put(conditions.rate, parse(text, rates));
    if (name == "loss")
        return put(conditions.loss, parse(text, shares), 1);
    if (name == "corrupt")
        return put(conditions.corrupt, parse(text, shares), 1);
    if (name == "buffer")
        return put(conditions.buffer, parse(text, sizes));
    return false;
}

} // namespace relay
