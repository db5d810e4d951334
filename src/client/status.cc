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

bool log_is_read(const ClientSettings &settings)
{
    return settings.log_output != "stderr" || settings.log_format == LogFormat::json ||
           under_init();
}

bool person_reads(const ClientSettings &settings)
{
    return settings.log_output != "stderr" || !log_is_read(settings);
}

} // namespace

Status::Status(Loop &loop, const ClientSettings &settings, bool json,
               std::function<LiveNumbers()> live)
    : settings_(settings), block_(person_reads(settings) && draws_block(settings, json)),
      offline_since_(wall_now()), timer_(loop, [this] { on_due(); })
{
    require_what_is_built(settings);
    if (json)
        views_.push_back(std::make_unique<JsonView>());
    else if (!isatty(STDOUT_FILENO))
        views_.push_back(std::make_unique<UrlView>());
    if (block_)
        views_.push_back(std::make_unique<TerminalView>(
            loop, settings.server_addr,
            TerminalView::Style{settings.log_level, settings.tunnels.size() > 1,
                                wants_colours(settings.color), settings.qr},
            std::move(live)));
    lasting_ = views_.size();
    add_lines();
    plan();
}

Status::~Status() = default;

void Status::configure()
{
    views_.resize(lasting_);
    add_lines();
}

// What writes a line for each event, and knows of none before.
void Status::add_lines()
{
    LogLevel level = settings_.log_level;
    bool shows_visits = level >= (isatty(STDERR_FILENO) ? LogLevel::info : LogLevel::debug);
    bool several = settings_.tunnels.size() > 1;
    if (log_is_read(settings_))
        views_.push_back(std::make_unique<LogView>(level >= LogLevel::debug));
    if (person_reads(settings_) && !block_)
        views_.push_back(std::make_unique<LinesView>(LinesView::Style{
            level, shows_visits, several, wants_colours(settings_.color), settings_.qr}));
}

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
