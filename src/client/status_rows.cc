// SPDX-License-Identifier: ISC

#include "client/status_rows.h"

#include "client/status_text.h"

#include <algorithm>

namespace tunnel {
namespace {

constexpr std::string_view ellipsis = "...";

const char *code_of(Colour colour) // ECMA-48 SGR
{
    static constexpr const char *codes[] = {"",         "\x1b[2m",  "\x1b[32m",
                                            "\x1b[33m", "\x1b[31m", "\x1b[36m"};
    return codes[int(colour)];
}

Colour colour_of(int status)
{
    static constexpr Colour classes[] = {Colour::bad,  Colour::link, Colour::good,
                                         Colour::link, Colour::busy, Colour::bad};
    return classes[std::clamp(status / 100, 0, 5)];
}

// The port says nothing to a person.
std::string_view host_of(std::string_view address)
{
    size_t colon = address.rfind(':');
    return colon == address.npos ? address : address.substr(0, colon);
}

// Below so many columns a column is left out.
constexpr size_t least_for_took = 48, least_for_clock = 64, least_for_bytes = 76,
                 least_for_remote = 94;
constexpr size_t longest_path = 2000; // where there is no width

} // namespace

void Row::put(std::string_view text, Colour colour)
{
    bool coloured = colours_ && colour != Colour::none && !text.empty();
    if (coloured)
        row_ += code_of(colour);
    row_ += text;
    if (coloured)
        row_ += "\x1b[0m";
    left_ -= left_ == endless ? 0 : text.size();
}

Row &Row::text(std::string_view text, Colour colour, size_t keep)
{
    std::string shown = safe(text);
    size_t room = left_ - std::min(left_, keep);
    if (shown.size() > room) {
        shown.resize(room);
        if (room > ellipsis.size())
            shown.replace(room - ellipsis.size(), ellipsis.size(), ellipsis);
    }
    put(shown, colour);
    return *this;
}

bool Row::fits(std::string_view text, Colour colour)
{
    std::string shown = safe(text);
    if (shown.size() > left_)
        return false;
    put(shown, colour);
    return true;
}

Row &Row::pad(std::string_view words, size_t columns, Colour colour)
{
    std::string shown = safe(words);
    size_t gap = columns > shown.size() ? columns - shown.size() : 0;
    return text(words, colour).text(std::string(gap, ' '));
}

Row &Row::pad_left(std::string_view words, size_t columns, Colour colour)
{
    size_t gap = columns > words.size() ? columns - words.size() : 0;
    return text(std::string(gap, ' ')).text(words, colour);
}

std::string request_row(const VisitRecord &record, const timespec &at, size_t width, bool colours,
                        bool names_tunnel)
{
    Row row(width, colours);
    row.text("  ");
    if (width >= least_for_clock)
        row.text(print_clock(at) + "  ", Colour::dim);
    row.pad(record.method, 7);
    std::string status = record.status ? std::to_string(record.status) : "-";
    row.pad_left(status, 4, colour_of(record.status));
    if (width >= least_for_took)
        row.pad_left(print_latency(record.took), 11);
    if (width >= least_for_bytes)
        row.pad_left(print_bytes(record.bytes_out), 10);
    if (width >= least_for_remote)
        row.text("  ").pad(host_of(record.remote_addr), 15, Colour::dim);
    row.text("  ");
    if (names_tunnel)
        row.text(record.subdomain + " ", Colour::link);

    std::string failure = record.reason == "ok" ? "" : "  x " + record.reason;
    std::string_view path = std::string_view(record.path).substr(0, longest_path);
    row.text(path, Colour::none, failure.size()).text(failure, Colour::bad);
    return row.done();
}

} // namespace tunnel
