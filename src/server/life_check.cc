// SPDX-License-Identifier: ISC

#include "server/life_check.h"

#include "flow/link.h"

#include <algorithm>
#include <utility>

namespace tunnel {

LifeCheck::LifeCheck(Link &link, Micros timeout, Answer answer)
    : link_(link), answer_(std::move(answer)), timer_(link.loop(), [this] { look(); }),
      asked_at_(link.loop().now()), deadline_(asked_at_ + timeout), gap_(20 * millisecond)
{
    link_.probe();
    timer_.start(gap_);
}

void LifeCheck::look()
{
    if (done())
        return;
    if (link_.last_input() > asked_at_)
        return tell(true);
    Micros now = link_.loop().now();
    if (now >= deadline_)
        return tell(false);
    gap_ *= 2;
    timer_.start_at(std::min(now + gap_, deadline_));
}

void LifeCheck::give_up()
{
    if (!done())
        tell(false);
}

void LifeCheck::tell(bool alive)
{
    timer_.stop();
    std::exchange(answer_, nullptr)(alive);
}

} // namespace tunnel
