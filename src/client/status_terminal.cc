// SPDX-License-Identifier: ISC

#include "client/status_terminal.h"

#include "base/text.h"
#include "client/qr.h"
#include "client/status_lines.h"
#include "client/status_rows.h"
#include "client/status_text.h"

#include <algorithm>
#include <csignal>
#include <unistd.h>
#include <utility>

namespace tunnel {
namespace {

constexpr Micros frame_time = 100 * millisecond; // between two drawings
constexpr Micros idle_time = 1 * second;         // the clocks in the block go on
constexpr size_t requests_per_frame = 20;        // nobody reads faster
constexpr size_t lines_max = 200;                // that wait for a terminal which stands still

} // namespace

TerminalView::TerminalView(Loop &loop, const std::string &server, const Style &style,
                           std::function<LiveNumbers()> live)
    : style_(style), live_(std::move(live)), screen_(STDERR_FILENO), counts_(monotonic_now()),
      signals_(loop, {SIGWINCH, SIGTSTP, SIGCONT}, [this](int signal) { on_signal(signal); })
{
    block_.server = server;
    block_.since = monotonic_now();
    block_.since_wall = wall_now();
    log_set_screen(this);
}

// If it has not finished, the client has not begun: there is nothing to look up.
TerminalView::~TerminalView()
{
    if (!finished_)
        screen_.erase();
    log_set_screen(nullptr);
}

// ------------------------------------------------------------------------------ events

void TerminalView::on_online(const std::string &, const std::string &server)
{
    if (stood_)
        news("online again after " + print_span(monotonic_now() - block_.since));
    stood_ = true;
    told_.clear();
    block_.state = StatusBlock::State::online;
    block_.server = server;
    block_.since = monotonic_now();
    block_.links = 0;
    change();
}

void TerminalView::on_tunnel(size_t, const Router::Tunnel &tunnel)
{
    change();
    if (!told_urls_.insert(tunnel.url).second)
        return;
    LiveTunnel row = {tunnel.url, "http://" + tunnel.target.text()};
    if (!fits_in_block(row, screen_.size().width))
        tell(LogLevel::info, row.url + " -> " + row.leads_to);
    if (style_.qr)
        show_qr(row.url);
}

void TerminalView::show_qr(const std::string &url)
{
    auto rows = qr_rows(url, {screen_.size().width, locale_is_utf8(), style_.colours});
    lines_.insert(lines_.end(), rows.begin(), rows.end());
    if (rows.empty())
        tell(LogLevel::warn, "the terminal is too narrow for the QR code");
}

void TerminalView::on_refused(const std::string &name, const TunnelAnswer &answer)
{
    tell(LogLevel::warn, refused_sentence(name, answer));
}

void TerminalView::on_waiting(const WaitingEvent &event)
{
    if (block_.state == StatusBlock::State::online)
        block_.since = monotonic_now();
    block_.since_wall = event.since;
    block_.state = StatusBlock::State::waiting;
    block_.due = monotonic_now() + event.delay;
    block_.attempt = event.attempt;
    block_.reason = event.reason;
    if (told_ != event.reason)
        news((stood_ ? "no session: " : "no session yet: ") + event.reason);
    told_ = event.reason;
    change();
}

void TerminalView::on_links(size_t up, size_t wanted)
{
    block_.links = up;
    block_.links_wanted = wanted;
    change();
}

void TerminalView::on_link_lost(const LinkLostEvent &event)
{
    tell(event.level, link_lost_sentence(event));
    on_links(event.up, event.wanted);
}

void TerminalView::on_nothing_listens(const LocalTarget &target)
{
    tell(LogLevel::warn, nothing_listens_sentence(target));
}

void TerminalView::on_closing(size_t in_flight, Micros grace)
{
    news("closing: " + print_count(in_flight, "request") + " in flight");
    block_.state = StatusBlock::State::closing;
    block_.due = monotonic_now() + grace;
    change();
}

void TerminalView::on_failed(const Complaint &complaint)
{
    finish();
    lines_.clear();
    const std::string text = complaint_text(complaint);
    for (std::string_view line : split(trim(text), '\n'))
        lines_.emplace_back(line);
    screen_.show(lines_, {});
    screen_.erase();
}

void TerminalView::on_end(int) { finish(); }

void TerminalView::on_visit(const VisitRecord &record)
{
    counts_.add(record, monotonic_now());
    change();
    if (shown_ >= requests_per_frame || lines_.size() >= lines_max) {
        dropped_++;
        return;
    }
    shown_++;
    lines_.push_back(request_row(record, wall_now(), screen_.size().width - 1, style_.colours,
                                 style_.names_tunnels));
}

// -------------------------------------------------------------------------------- lines

void TerminalView::tell(LogLevel level, const std::string &sentence)
{
    if (level > style_.level || lines_.size() >= lines_max)
        return;
    bool warns = level <= LogLevel::warn;
    Row row(Row::endless, style_.colours);
    row.text(warns ? "tunnel: warning: " : "", Colour::busy).text(sentence);
    lines_.push_back(row.done());
    change();
}

void TerminalView::news(const std::string &sentence)
{
    Row row(Row::endless, style_.colours);
    row.text("  " + print_clock(wall_now()) + "  ", Colour::dim).text(sentence);
    if (lines_.size() < lines_max)
        lines_.push_back(row.done());
}

// A failed visit is a request line already.
void TerminalView::on_log_line(LogLevel level, std::string_view line) noexcept
{
    if (level > LogLevel::warn && style_.level < LogLevel::debug)
        return;
    const std::lock_guard lock(log_mutex_);
    if (log_lines_.size() < lines_max)
        log_lines_.emplace_back(trim(line));
}

// ------------------------------------------------------------------------------ drawing

void TerminalView::change() { due_ = std::min(due_, drawn_at_ + frame_time); }

void TerminalView::on_due()
{
    if (due_ <= monotonic_now())
        draw();
}

void TerminalView::draw()
{
    Micros now = monotonic_now();
    drawn_at_ = now;
    due_ = now + idle_time;
    if (finished_)
        return;
    if (uint64_t dropped = std::exchange(dropped_, 0))
        lines_.push_back("  and " + print_count(dropped, "request") + " more");
    {
        const std::lock_guard lock(log_mutex_);
        lines_.insert(lines_.end(), log_lines_.begin(), log_lines_.end());
        log_lines_.clear();
    }
    std::vector<std::string> rows;
    if (screen_.in_foreground())
        rows = block_rows(block_, counts_, live_(), now, screen_.size(), style_.colours);
    if (!screen_.show(lines_, rows))
        return;
    lines_.clear();
    shown_ = 0;
}

// A resized terminal is drawn at once; one that has been given to somebody else, not any more.
void TerminalView::on_signal(int signal)
{
    if (signal == SIGTSTP)
        rest();
    due_ = 0;
    draw();
}

// Ctrl-Z: leaves a clean terminal, and stops as anybody would.
void TerminalView::rest()
{
    screen_.erase();
    struct sigaction ours, usual = {};
    usual.sa_handler = SIG_DFL;
    sigaction(SIGTSTP, &usual, &ours);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &ours, nullptr);
}

std::string TerminalView::summary() const
{
    return "  " + print_count(counts_.total(), "request") + " in " +
           print_span(monotonic_now() - counts_.began()) + ", " + print_bytes(counts_.bytes_in()) +
           " in, " + print_bytes(counts_.bytes_out()) + " out";
}

// What stays on the terminal, the last line last.
void TerminalView::finish()
{
    if (finished_)
        return;
    draw();
    finished_ = true;
    screen_.erase();
    if (stood_)
        lines_.push_back(summary());
    screen_.show(lines_, {});
    screen_.erase();
}

} // namespace tunnel
