// SPDX-License-Identifier: ISC

#include "base/date.h"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace tunnel {

int64_t parse_date(std::string_view text)
{
    const std::string copy(text);
    tm parts = {};
    const char *rest = strptime(copy.c_str(), "%Y-%m-%d", &parts);
    if (rest && *rest == 'T') {
        rest = strptime(rest, "T%H:%M:%S", &parts);
        if (rest && *rest == '.')
            rest += 1 + strspn(rest + 1, "0123456789");
        rest = rest && *rest == 'Z' ? rest + 1 : nullptr;
    }
    return rest && *rest == '\0' ? std::max<int64_t>(timegm(&parts), 1) : 0;
}

std::string print_date(int64_t time)
{
    const time_t moment = time_t(time);
    tm parts = {};
    char text[32];
    gmtime_r(&moment, &parts);
    return {text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

} // namespace tunnel
