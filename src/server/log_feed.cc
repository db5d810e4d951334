// SPDX-License-Identifier: ISC

#include "server/log_feed.h"

#include <utility>

namespace tunnel {

LogFeed::~LogFeed()
{
    log_set_tap(nullptr);
    *alive_ = false;
    for (Reader &reader : readers_)
        reader.call->finish();
}

void LogFeed::follow(const std::shared_ptr<WebCall> &call)
{
    call->start_stream("text/plain; charset=utf-8");
    if (call->gone()) // HEAD
        return;
    readers_.push_back({call});
    call->on_gone = [this, alive = std::weak_ptr<bool>(alive_), gone = call.get()] {
        if (alive.expired())
            return;
        std::erase_if(readers_, [gone](const Reader &each) { return each.call.get() == gone; });
        if (readers_.empty())
            log_set_tap(nullptr);
    };
    log_set_tap(this);
}

void LogFeed::on_log_line(std::string_view line) noexcept
{
    std::lock_guard guard(lock_);
    if (count_ >= waiting_max) {
        dropped_++;
        return;
    }
    waiting_.append(line);
    if (count_++ == 0)
        loop_.post([this, alive = alive_] {
            if (*alive)
                pass_on();
        });
}

void LogFeed::pass_on()
{
    std::string lines;
    uint64_t count, dropped;
    {
        std::lock_guard guard(lock_);
        lines.swap(waiting_);
        count = std::exchange(count_, 0);
        dropped = std::exchange(dropped_, 0);
    }
    for (Reader &reader : readers_) {
        reader.missed += dropped;
        pass(reader, lines, count);
    }
}

void LogFeed::pass(Reader &reader, const std::string &lines, uint64_t count)
{
    if (reader.missed != 0 &&
        reader.call->send("# " + std::to_string(reader.missed) + " lines are missing here\n"))
        reader.missed = 0;
    if (!reader.call->send(lines))
        reader.missed += count;
}

} // namespace tunnel
