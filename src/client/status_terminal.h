// SPDX-License-Identifier: ISC
//
// What happens to the client, for a person at a terminal: a block that is kept up to date, and
// above it a line for each request, each warning and each change, which stay in the scrollback.
// At most ten times a second something is drawn. Also takes the lines of the log, which would
// fall into the block. The loop's thread only; the log comes from any.

#pragma once

#include "client/screen.h"
#include "client/status_block.h"
#include "client/status_view.h"
#include "net/signals.h"

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace tunnel {

class TerminalView final : public StatusView, private LogScreen {
public:
    struct Style {
        LogLevel level;
        bool names_tunnels; // there are several
        bool colours;
        bool qr;
    };
    TerminalView(Loop &loop, const std::string &server, const Style &style,
                 std::function<LiveNumbers()> live);
    ~TerminalView() override;

    void on_online(const std::string &session, const std::string &server) override;
    void on_tunnel(size_t index, const Router::Tunnel &tunnel) override;
    void on_refused(const std::string &name, const TunnelAnswer &answer) override;
    void on_waiting(const WaitingEvent &event) override;
    void on_links(size_t up, size_t wanted) override;
    void on_link_lost(const LinkLostEvent &event) override;
    void on_nothing_listens(const LocalTarget &target) override;
    void on_closing(size_t in_flight, Micros grace) override;
    void on_failed(const Complaint &complaint) override;
    void on_end(int exit) override;

    bool wants_visits() const override { return true; }
    void on_visit(const VisitRecord &record) override;

    Micros due() const override { return due_; }
    void on_due() override;

private:
    void on_log_line(LogLevel level, std::string_view line) noexcept override;
    void on_signal(int signal);
    void rest();

    void show_qr(const std::string &url);
    void tell(LogLevel level, const std::string &sentence); // a line above the block
    void news(const std::string &sentence); // with the time; what the block says in its own way
    void change();                          // the block is out of date
    void draw();
    void finish();
    std::string summary() const;

    Style style_;
    std::function<LiveNumbers()> live_;
    Screen screen_;
    StatusBlock block_;
    VisitCounts counts_;
    Signals signals_;
    std::vector<std::string> lines_; // to be shown above the block
    size_t shown_ = 0;               // requests, since the last drawing
    uint64_t dropped_ = 0;           // requests that were not
    std::mutex log_mutex_;           // guards log_lines_
    std::vector<std::string> log_lines_;
    std::set<std::string> told_urls_;
    std::string told_;   // why there is no session, when it was told last
    bool stood_ = false; // there has been a session
    bool finished_ = false;
    Micros drawn_at_ = 0;
    Micros due_ = 0;
};

} // namespace tunnel
