// SPDX-License-Identifier: ISC

#include "client/status_lines.h"

#include "client/qr.h"
#include "client/status_rows.h"
#include "client/status_text.h"

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace tunnel {
namespace {

constexpr uint64_t visits_per_second = 100; // shown; nobody reads faster
constexpr Micros retry_time = 100 * millisecond;
constexpr Micros patience = 1 * second; // for the reader, at the end

std::string warning(LogLevel level) { return level <= LogLevel::warn ? "tunnel: warning: " : ""; }

} // namespace

std::string waiting_sentence(const WaitingEvent &event)
{
    return "reconnecting in " + print_seconds(event.delay) + " (attempt " +
           std::to_string(event.attempt) + "): " + event.reason;
}

std::string link_lost_sentence(const LinkLostEvent &event)
{
    std::string sentence =
        std::to_string(event.up) + " of " + std::to_string(event.wanted) + " links, ";
    if (event.delay == never)
        sentence += "and it stays so: ";
    else
        sentence += "the next try in " + print_seconds(event.delay) + ": ";
    return sentence + event.reason;
}

std::string refused_sentence(const std::string &name, const TunnelAnswer &answer)
{
    return "no tunnel " + name + ": " + answer.code + ": " + answer.sentence;
}

std::string nothing_listens_sentence(const LocalTarget &target)
{
    return "nothing listens on " + target.text() + " yet; visitors get 502 until it does";
}

// ------------------------------------------------------------------------------- lines

LinesView::LinesView(const Style &style) : style_(style), err_(STDERR_FILENO) {}

Micros LinesView::due() const { return err_.idle() ? never : monotonic_now() + retry_time; }

void LinesView::say(LogLevel level, const std::string &sentence)
{
    if (level <= style_.level)
        err_.put(warning(level) + sentence + "\n");
}

void LinesView::on_online(const std::string &, const std::string &server)
{
    say(LogLevel::info, "Online     " + server);
}

void LinesView::on_tunnel(size_t index, const Router::Tunnel &tunnel)
{
    say(LogLevel::info, "Forwarding " + tunnel.url + " -> http://" + tunnel.target.text());
    if (style_.qr)
        show_qr(index, tunnel.url);
}

void LinesView::show_qr(size_t index, const std::string &url)
{
    drawn_.resize(std::max(drawn_.size(), index + 1));
    if (std::exchange(drawn_[index], url) == url)
        return;
    for (const std::string &row : qr_rows(url, {Row::endless, locale_is_utf8(), style_.colours}))
        err_.put(row + "\n");
}

void LinesView::on_refused(const std::string &name, const TunnelAnswer &answer)
{
    say(LogLevel::warn, refused_sentence(name, answer));
}

void LinesView::on_waiting(const WaitingEvent &event) { say(event.level, waiting_sentence(event)); }

void LinesView::on_links(size_t up, size_t wanted)
{
    say(LogLevel::info, "Links      " + std::to_string(up) + " of " + std::to_string(wanted));
}

void LinesView::on_link_lost(const LinkLostEvent &event)
{
    say(event.level, link_lost_sentence(event));
}

void LinesView::on_nothing_listens(const LocalTarget &target)
{
    say(LogLevel::warn, nothing_listens_sentence(target));
}

void LinesView::on_closing(size_t in_flight, Micros grace)
{
    say(LogLevel::info, "closing: " + print_count(in_flight, "request") + " in flight, at most " +
                            print_seconds(grace) + "; Ctrl-C again to drop them");
}

void LinesView::on_failed(const Complaint &complaint) { err_.put(complaint_text(complaint)); }

void LinesView::on_end(int) { err_.drain(patience); }

bool LinesView::may_show_visit()
{
    Micros now = monotonic_now();
    if (now - this_second_ >= second) {
        this_second_ = now;
        shown_ = 0;
    }
    return shown_ < visits_per_second && err_.idle();
}

void LinesView::on_visit(const VisitRecord &record)
{
    if (!may_show_visit()) {
        dropped_++;
        return;
    }
    shown_++;
    if (uint64_t dropped = std::exchange(dropped_, 0))
        err_.put("  and " + print_count(dropped, "request") + " more\n");
    err_.put(request_row(record, wall_now(), Row::endless, style_.colours, style_.names_tunnels) +
             "\n");
}

// -------------------------------------------------------------------------------- URLs

UrlView::UrlView() : out_(STDOUT_FILENO) {}

Micros UrlView::due() const { return out_.idle() ? never : monotonic_now() + retry_time; }

void UrlView::on_tunnel(size_t index, const Router::Tunnel &tunnel)
{
    shown_.resize(std::max(shown_.size(), index + 1));
    if (std::exchange(shown_[index], tunnel.url) != tunnel.url)
        out_.put(tunnel.url + "\n");
}

void UrlView::on_end(int) { out_.drain(patience); }

} // namespace tunnel
