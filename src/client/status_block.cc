// SPDX-License-Identifier: ISC

#include "client/status_block.h"

#include "client/status_rows.h"
#include "client/status_text.h"

#include <algorithm>
#include <cstdio>

namespace tunnel {
namespace {

constexpr size_t least_width = 20, least_rows = 3;
constexpr size_t label_width = 11;
constexpr size_t narrow = 60;        // no indent below it
constexpr size_t least_for_gap = 10; // rows, for an empty one above the block

using State = StatusBlock::State;

struct View {
    const StatusBlock &block;
    const VisitCounts &counts;
    const LiveNumbers &live;
    Micros now;
    size_t width;
    bool colours;
};

Row labelled(const View &view, const char *label)
{
    Row row(view.width, view.colours);
    row.text(view.width < narrow ? "" : "  ").pad(label, label_width, Colour::dim);
    return row;
}

Micros until(Micros due, Micros now) { return due > now && due != never ? due - now : 0; }

// Whole seconds, up: "in 1 s" is never over before it says 0.
std::string seconds_until(Micros due, Micros now)
{
    return std::to_string((until(due, now) + second - 1) / second) + " s";
}

void tell_online(const View &view, Row &row)
{
    row.text("online", Colour::good).text(" " + print_span(view.now - view.block.since));
    row.fits("   " + view.block.server);
    if (view.live.rtt != 0)
        row.fits("   " + print_latency(view.live.rtt));
}

void tell_connecting(const View &view, Row &row)
{
    row.text("connecting", Colour::busy).text(" to " + view.block.server);
    row.fits("   " + print_span(view.now - view.block.since));
}

void tell_waiting(const View &view, Row &row)
{
    const StatusBlock &block = view.block;
    std::string attempt = "attempt " + std::to_string(block.attempt);
    bool trying = until(block.due, view.now) == 0;
    row.text(trying ? "reconnecting now" : "reconnecting in " + seconds_until(block.due, view.now),
             Colour::busy);
    row.fits("   " + attempt);
    std::string span = print_span(view.now - block.since);
    if (!row.fits("   offline since " + print_clock(block.since_wall).substr(0, 8) + " (" + span +
                  ")"))
        row.fits("   " + span);
}

void tell_closing(const View &view, Row &row)
{
    row.text("closing", Colour::busy);
    row.text("   waits for " + print_count(view.live.open, "request"));
    row.fits(", at most " + seconds_until(view.block.due, view.now));
    row.fits("   Ctrl-C again drops them");
}

std::string state_row(const View &view)
{
    static constexpr void (*tell[])(const View &, Row &) = {tell_connecting, tell_online,
                                                            tell_waiting, tell_closing};
    Row row = labelled(view, "Status");
    tell[int(view.block.state)](view, row);
    return row.done();
}

std::string tunnel_row(const View &view, const LiveTunnel &tunnel)
{
    Row row = labelled(view, "Forwarding");
    row.text(tunnel.url, Colour::link);
    row.fits(" -> " + tunnel.leads_to);
    return row.done();
}

void add_tunnels(const View &view, size_t room, std::vector<std::string> &rows)
{
    const auto &tunnels = view.live.tunnels;
    bool all = tunnels.size() <= room;
    size_t shown = all ? tunnels.size() : room - std::min<size_t>(room, 1);
    for (size_t i = 0; i < shown; i++)
        rows.push_back(tunnel_row(view, tunnels[i]));
    if (!all && room > 0)
        rows.push_back(labelled(view, "")
                           .text("and " + std::to_string(tunnels.size() - shown) + " more")
                           .done());
}

std::string rate(const VisitCounts &counts, Micros span, Micros now, const char *name)
{
    char text[48];
    snprintf(text, sizeof text, "   %.2f/s %s", counts.per_second(span, now), name);
    return text;
}

std::string requests_row(const View &view)
{
    Row row = labelled(view, "Requests");
    row.text(std::to_string(view.counts.total()) + " total");
    row.fits("   " + std::to_string(view.live.open) + " open");
    row.fits(rate(view.counts, 60 * second, view.now, "1m"));
    if (view.now - view.counts.began() > 60 * second)
        row.fits(rate(view.counts, 300 * second, view.now, "5m"));
    if (view.counts.total() == 0)
        return row.done();
    for (unsigned percent : {50u, 90u, 99u})
        row.fits("   p" + std::to_string(percent) + " " +
                 print_latency(view.counts.percentile(percent)));
    return row.done();
}

} // namespace

std::vector<std::string> block_rows(const StatusBlock &block, const VisitCounts &counts,
                                    const LiveNumbers &live, Micros now, ScreenSize size,
                                    bool colours)
{
    size_t most = size.height - std::min<size_t>(size.height, 1); // one for a request
    if (size.width < least_width || most < least_rows)
        return {};
    // The last column stays free: terminals differ in what they do after it.
    View view = {block, counts, live, now, size.width - 1, colours};

    std::vector<std::string> below;
    if (block.links_wanted > 1)
        below.push_back(
            labelled(view, "Links")
                .text(std::to_string(block.links) + " of " + std::to_string(block.links_wanted))
                .done());
    below.push_back(requests_row(view));

    std::vector<std::string> rows;
    if (size.height >= least_for_gap)
        rows.push_back("");
    rows.push_back(state_row(view));
    if (block.state == State::waiting)
        rows.push_back(labelled(view, "Reason").text(block.reason).done());
    size_t fixed = rows.size() + below.size();
    add_tunnels(view, most - std::min(most, fixed), rows);
    rows.insert(rows.end(), below.begin(), below.end());
    rows.resize(std::min(rows.size(), most));
    return rows;
}

bool fits_in_block(const LiveTunnel &tunnel, size_t width)
{
    return tunnel.url.size() + label_width + 2 < width;
}

} // namespace tunnel
