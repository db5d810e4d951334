// SPDX-License-Identifier: ISC

#include "server/bans.h"

#include <algorithm>

namespace tunnel {

void Bans::add(const Identity &who, Micros until, const std::string &reason, Micros now)
{
    std::lock_guard guard(lock_);
    std::erase_if(records_, [now](const auto &record) { return record.second.until <= now; });
    auto sooner = [](const auto &a, const auto &b) { return a.second.until < b.second.until; };
    if (records_.size() >= most)
        records_.erase(std::min_element(records_.begin(), records_.end(), sooner));
    records_[{who.token, who.client_id}] = {until, reason};
}

Bans::Ban Bans::find(const Identity &who, Micros now)
{
    std::lock_guard guard(lock_);
    auto found = records_.find({who.token, who.client_id});
    if (found == records_.end() || found->second.until <= now)
        return {};
    return {found->second.until - now, found->second.reason};
}

size_t Bans::size() const
{
    std::lock_guard guard(lock_);
    return records_.size();
}

} // namespace tunnel
