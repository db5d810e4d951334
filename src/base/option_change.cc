// SPDX-License-Identifier: ISC

#include "base/option_change.h"

#include "base/log.h"
#include "base/option_value.h"
#include "base/text.h"

namespace tunnel {

namespace {

// OptionField::at has one form for both directions.
void *writable(const void *settings) { return const_cast<void *>(settings); }

template <class T> void copy_as(const Option &option, const void *from, void *to)
{
    *static_cast<T *>(option.field.at(to)) =
        *static_cast<const T *>(option.field.at(writable(from)));
}

} // namespace

std::vector<const Option *> changed_options(std::span<const Option> table, const void *before,
                                            const void *after)
{
    std::vector<const Option *> changed;
    for (const Option &option : table)
        if (option.field.kind != OptionKind::items &&
            print_option(option, writable(before)) != print_option(option, writable(after)))
            changed.push_back(&option);
    return changed;
}

void copy_option(const Option &option, const void *from, void *to)
{
    switch (option.field.kind) {
    case OptionKind::boolean:
        return copy_as<bool>(option, from, to);
    case OptionKind::count:
    case OptionKind::size:
    case OptionKind::duration:
        return copy_as<uint64_t>(option, from, to);
    case OptionKind::number:
        return copy_as<double>(option, from, to);
    case OptionKind::choice:
        return copy_as<int>(option, from, to);
    case OptionKind::text:
    case OptionKind::secret:
        return copy_as<std::string>(option, from, to);
    case OptionKind::texts:
        return copy_as<std::vector<std::string>>(option, from, to);
    case OptionKind::items:
        return;
    }
}

void append_key(std::string &list, const char *key)
{
    list.append(list.empty() ? "" : ",").append(key);
}

void log_refused_reload(const Failure &failure)
{
    const std::string text = failure.what();
    for (std::string_view line : split(text, '\n'))
        log_error("reload refused, everything stays as it was", {{"why", line}});
}

} // namespace tunnel
