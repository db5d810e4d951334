// SPDX-License-Identifier: ISC

#include "client/status.h"

#include "client/qr.h"
#include "client/screen.h"
#include "client/status_json.h"
#include "client/status_lines.h"
#include "client/status_log.h"
#include "client/status_terminal.h"
#include "client/status_text.h"

#include <algorithm>
#include <cstdlib>
#include <unistd.h>
#include <utility>

namespace tunnel {
namespace {

bool under_init()
{
    return !isatty(STDERR_FILENO) && (getenv("JOURNAL_STREAM") || getenv("NOTIFY_SOCKET"));
}

bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

// https://no-color.org and its counterpart; what the user says on the command line wins.
bool wants_colours(ColourMode mode)
{
    if (mode != ColourMode::automatic)
        return mode == ColourMode::always;
    if (is_set("NO_COLOR"))
        return false;
    const char *force = getenv("CLICOLOR_FORCE");
    return is_screen(STDERR_FILENO) || (force && *force && *force != '0');
}

// JSON, or URLs for a script, may come out on the same terminal: then nothing is drawn.
bool draws_block(const ClientSettings &settings, bool json)
{
    return settings.ui == UiMode::automatic && !json && settings.log_level >= LogLevel::info &&
           is_screen(STDERR_FILENO) && isatty(STDOUT_FILENO);
}

void require_what_is_built(const ClientSettings &settings)
{
    if (settings.qr && !qr_is_built())
        throw Failure(exit_usage,
                      "this tunnel was built without libqrencode and draws no QR codes; "
                      "fix: leave out --qr and terminal.qr, or build it with libqrencode");
}

} // namespace

Status::Status(Loop &loop, const ClientSettings &settings, bool json,
               std::function<LiveNumbers()> live)
    : settings_(settings), offline_since_(wall_now()), timer_(loop, [this] { on_due(); })
{
    require_what_is_built(settings);
    bool log_on_stderr = settings.log_output == "stderr";
    bool to_log = !log_on_stderr || settings.log_format == LogFormat::json || under_init();
    bool to_person = !log_on_stderr || !to_log;
    LogLevel level = settings.log_level;
    bool shows_visits = level >= (isatty(STDERR_FILENO) ? LogLevel::info : LogLevel::debug);
    bool several = settings.tunnels.size() > 1, colours = wants_colours(settings.color);

    if (json)
        views_.push_back(std::make_unique<JsonView>());
    else if (!isatty(STDOUT_FILENO))
        views_.push_back(std::make_unique<UrlView>());
    if (to_log)
        views_.push_back(std::make_unique<LogView>(level >= LogLevel::debug));
    if (to_person && draws_block(settings, json))
        views_.push_back(std::make_unique<TerminalView>(
            loop, settings.server_addr, TerminalView::Style{level, several, colours, settings.qr},
            std::move(live)));
    else if (to_person)
        views_.push_back(std::make_unique<LinesView>(
            LinesView::Style{level, shows_visits, several, colours, settings.qr}));
    plan();
}

Status::~Status() = default;

// ------------------------------------------------------------------------------ timing

void Status::plan()
{
    Micros first = never;
    for (const auto &view : views_)
        first = std::min(first, view->due());
    timer_.start_at(first);
}

void Status::on_due()
{
    for (const auto &view : views_)
        if (view->due() != never)
            view->on_due();
    plan();
}

template <class Tell> void Status::tell(Tell &&how)
{
    for (const auto &view : views_)
        how(*view);
    plan();
}

// ------------------------------------------------------------------------------ events

void Status::online(const std::string &session_id, const std::string &server)
{
    online_ = true;
    tell([&](StatusView &view) { view.on_online(session_id, server); });
}

void Status::tunnel(size_t index, const Router::Tunnel &tunnel)
{
    tell([&](StatusView &view) { view.on_tunnel(index, tunnel); });
}

void Status::refused(const Router::Tunnel &tunnel, const TunnelAnswer &answer)
{
    std::string name = tunnel.subdomain.empty() ? tunnel.target.text() : tunnel.subdomain;
    tell([&](StatusView &view) { view.on_refused(name, answer); });
}

void Status::waiting(LogLevel level, Micros delay, uint64_t attempt, const std::string &reason)
{
    if (std::exchange(online_, false))
        offline_since_ = wall_now();
    WaitingEvent event = {level, delay, attempt, reason, offline_since_};
    tell([&](StatusView &view) { view.on_waiting(event); });
}

void Status::links(size_t up, size_t wanted)
{
    tell([&](StatusView &view) { view.on_links(up, wanted); });
}

void Status::link_lost(LogLevel level, size_t up, size_t wanted, Micros delay,
                       const std::string &reason)
{
    LinkLostEvent event = {level, up, wanted, delay, reason};
    tell([&](StatusView &view) { view.on_link_lost(event); });
}

void Status::nothing_listens(const LocalTarget &target)
{
    tell([&](StatusView &view) { view.on_nothing_listens(target); });
}

void Status::closing(size_t in_flight)
{
    tell([&](StatusView &view) { view.on_closing(in_flight, settings_.drain_timeout); });
}

void Status::failed(const Complaint &complaint)
{
    tell([&](StatusView &view) { view.on_failed(complaint); });
}

void Status::ended(int exit)
{
    tell([&](StatusView &view) { view.on_end(exit); });
}

// ------------------------------------------------------------------------------ visits

bool Status::wants_visits() const
{
    return std::any_of(views_.begin(), views_.end(),
                       [](const auto &view) { return view->wants_visits(); });
}

void Status::visit(const VisitRecord &record)
{
    for (const auto &view : views_)
        if (view->wants_visits())
            view->on_visit(record);
    plan();
}

} // namespace tunnel
