// SPDX-License-Identifier: ISC

#include "base/option_value.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace tunnel {

namespace {

// Timers of the mux count milliseconds in 32 bits.
constexpr Micros longest_duration = 30 * 86400 * second;

// How a secret looks in a dump. Not accepted as one: a dump must not become a configuration
// that seems to work.
constexpr char hidden[] = "********";

template <class T> T &member(const Option &option, void *settings)
{
    return *static_cast<T *>(option.field.at(settings));
}

std::string print_amount(OptionKind kind, uint64_t value)
{
    if (kind == OptionKind::duration)
        return print_duration(value);
    return kind == OptionKind::size ? print_size(value) : std::to_string(value);
}

std::string assign_boolean(const Option &option, void *settings, const std::string &value)
{
    if (value != "true" && value != "false")
        return "expected true or false";
    member<bool>(option, settings) = value == "true";
    return "";
}

std::string assign_amount(const Option &option, void *settings, const std::string &value)
{
    const OptionKind kind = option.field.kind;
    const auto amount = kind == OptionKind::duration ? parse_duration(value)
                        : kind == OptionKind::size   ? parse_size(value)
                                                     : parse_count(value);
    if (!amount)
        return kind == OptionKind::duration ? "expected a duration such as 500ms, 10s or 1h30m"
               : kind == OptionKind::size   ? "expected a size such as 4096, 32KiB or 50MiB"
                                            : "expected a whole number";
    const uint64_t max = kind == OptionKind::duration
                             ? std::min(option.extras.max, longest_duration)
                             : option.extras.max;
    if (*amount < option.extras.min)
        return "expected at least " + print_amount(kind, option.extras.min);
    if (*amount > max)
        return "expected at most " + print_amount(kind, max);
    member<uint64_t>(option, settings) = *amount;
    return "";
}

std::string assign_number(const Option &option, void *settings, const std::string &value)
{
    double number;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(number))
        return "expected a number";
    if (number < double(option.extras.min))
        return "expected at least " + std::to_string(option.extras.min);
    if (number > double(option.extras.max))
        return "expected at most " + std::to_string(option.extras.max);
    member<double>(option, settings) = number;
    return "";
}

std::string assign_choice(const Option &option, void *settings, const std::string &value)
{
    const auto words = option.field.words;
    std::string all;
    for (size_t i = 0; i < words.size(); ++i) {
        if (value == words[i]) {
            const int number = int(i); // an enum class of int
            memcpy(option.field.at(settings), &number, sizeof number);
            return "";
        }
        all += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string(words[i]);
    }
    return "expected " + all;
}

std::string check_text(const Option &option, const std::string &value)
{
    for (unsigned char c : value)
        if (c < ' ' || c == 0x7f)
            return "expected a text without control characters";
    const char *expected = option.extras.check ? option.extras.check(value) : nullptr;
    return expected ? "expected " + std::string(expected) : "";
}

std::string assign_text(const Option &option, void *settings, const std::string &value)
{
    if (option.field.kind == OptionKind::secret && value == hidden)
        return "expected the secret itself, which a dump hides";
    std::string wrong = check_text(option, value);
    if (wrong.empty())
        member<std::string>(option, settings) = value;
    return wrong;
}

std::string append_text(const Option &option, void *settings, const std::string &value)
{
    std::string wrong = check_text(option, value);
    if (wrong.empty())
        member<std::vector<std::string>>(option, settings).push_back(value);
    return wrong;
}

std::string print_texts(const std::vector<std::string> &texts)
{
    std::string list = "[";
    for (const std::string &text : texts)
        list += (list.size() > 1 ? ", " : "") + quote_yaml(text);
    return list + "]";
}

std::string print_number(double number)
{
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
    const std::string text(buffer, end);
    return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

std::string print_choice(const Option &option, void *settings)
{
    int number;
    memcpy(&number, option.field.at(settings), sizeof number);
    return option.field.words[size_t(number)];
}

} // namespace

std::string assign_option(const Option &option, void *settings, const std::string &value)
{
    switch (option.field.kind) {
    case OptionKind::boolean:
        return assign_boolean(option, settings, value);
    case OptionKind::count:
    case OptionKind::size:
    case OptionKind::duration:
        return assign_amount(option, settings, value);
    case OptionKind::number:
        return assign_number(option, settings, value);
    case OptionKind::choice:
        return assign_choice(option, settings, value);
    case OptionKind::text:
    case OptionKind::secret:
        return assign_text(option, settings, value);
    case OptionKind::texts:
        return append_text(option, settings, value);
    case OptionKind::items:
        break;
    }
    return "expected a list";
}

std::string print_option(const Option &option, void *settings)
{
    switch (option.field.kind) {
    case OptionKind::boolean:
        return member<bool>(option, settings) ? "true" : "false";
    case OptionKind::count:
    case OptionKind::size:
    case OptionKind::duration:
        return print_amount(option.field.kind, member<uint64_t>(option, settings));
    case OptionKind::number:
        return print_number(member<double>(option, settings));
    case OptionKind::choice:
        return print_choice(option, settings);
    case OptionKind::text:
        return quote_yaml(member<std::string>(option, settings));
    case OptionKind::secret:
        return quote_yaml(member<std::string>(option, settings).empty() ? "" : hidden);
    case OptionKind::texts:
        return print_texts(member<std::vector<std::string>>(option, settings));
    case OptionKind::items:
        break;
    }
    return "[]";
}

std::string quote_yaml(std::string_view text)
{
    std::string quoted = "\"";
    append_yaml_escaped(quoted, text);
    return quoted + "\"";
}

std::string quote_message(std::string_view text)
{
    constexpr size_t longest = 60;
    std::string quoted = "\"";
    append_escaped(quoted, text.substr(0, longest));
    return quoted + (text.size() > longest ? "...\"" : "\"");
}

std::string nearest_word(std::string_view word, std::span<const std::string> names)
{
    word = word.substr(0, 64);
    size_t best = 1 + std::max<size_t>(1, word.size() / 4); // further away is another word
    std::string nearest;
    for (const std::string &name : names) {
        const size_t distance = edit_distance(word, name);
        if (distance >= best)
            continue;
        best = distance;
        nearest = name;
    }
    return nearest;
}

} // namespace tunnel
