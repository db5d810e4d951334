// SPDX-License-Identifier: ISC
//
// The log as it is written, for those who follow it through the control socket. Lines come from
// every thread and leave on the loop's; who reads too slowly misses some, and is told how many.

#pragma once

#include "base/log.h"
#include "flow/web.h"
#include "net/loop.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tunnel {

class LogFeed final : private LogTap {
public:
    explicit LogFeed(Loop &loop) : loop_(loop), alive_(std::make_shared<bool>(true)) {}
    ~LogFeed();
    LogFeed(const LogFeed &) = delete;
    LogFeed &operator=(const LogFeed &) = delete;

    void follow(const std::shared_ptr<WebCall> &call);

private:
    static constexpr size_t waiting_max = 1000; // lines between two turns of the loop

    struct Reader {
        std::shared_ptr<WebCall> call;
        uint64_t missed = 0;
    };

    void on_log_line(std::string_view line) noexcept override; // any thread
    void pass_on();
    static void pass(Reader &reader, const std::string &lines, uint64_t count);

    Loop &loop_;
    std::shared_ptr<bool> alive_; // for what is posted and comes too late
    std::vector<Reader> readers_;
    std::mutex lock_; // guards what follows
    std::string waiting_;
    size_t count_ = 0;
    uint64_t dropped_ = 0;
};

} // namespace tunnel
