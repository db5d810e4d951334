// SPDX-License-Identifier: ISC

#include "client/json_line.h"

#include "base/text.h"

#include <cstdio>

namespace tunnel {

JsonLine &JsonLine::text(std::string_view key, std::string_view value)
{
    name(key);
    line_ += '"';
    append_json_escaped(line_, value);
    line_ += '"';
    return *this;
}

JsonLine &JsonLine::number(std::string_view key, double value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.15g", value);
    name(key);
    line_ += digits;
    return *this;
}

void JsonLine::name(std::string_view key)
{
    line_ += line_.empty() ? "{\"" : ",\"";
    line_ += key;
    line_ += "\":";
}

} // namespace tunnel
