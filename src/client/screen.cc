// SPDX-License-Identifier: ISC

#include "client/screen.h"

#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace tunnel {
namespace {

constexpr Micros patience = 200 * millisecond;

// ECMA-48, and a mode that most emulators of today know and the others ignore: what is in
// between appears at once.
constexpr const char begin_update[] = "\x1b[?2026h";
constexpr const char end_update[] = "\x1b[?2026l";
constexpr const char erase_right[] = "\x1b[K";
constexpr const char erase_below[] = "\x1b[J";

std::string up(size_t rows) { return rows == 0 ? "" : "\x1b[" + std::to_string(rows) + "A"; }

} // namespace

bool is_screen(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && std::string_view(term) != "dumb";
}

Screen::Screen(int fd) : fd_(fd), out_(fd) {}

ScreenSize Screen::size() const
{
    winsize size = {};
    if (ioctl(fd_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return {};
    return {size.ws_col, size.ws_row};
}

bool Screen::in_foreground() const
{
    pid_t group = tcgetpgrp(fd_); // -1: it is not the terminal of our session
    return group == -1 || group == getpgrp();
}

std::string Screen::frame(const std::vector<std::string> &lines,
                          const std::vector<std::string> &block, bool drawn)
{
    bool draws = drawn || !block.empty();
    std::string out = draws ? std::string(begin_update) + "\r" : "";
    if (draws && block.empty())
        out += erase_below;
    for (const std::string &line : lines)
        out += line + (draws ? erase_right : "") + "\r\n";
    for (size_t i = 0; i < block.size(); i++)
        out += (i == 0 ? "" : "\r\n") + block[i] + erase_right;
    if (!block.empty())
        out += erase_below + ("\r" + up(block.size() - 1));
    return draws ? out + end_update : out;
}

bool Screen::show(const std::vector<std::string> &lines, const std::vector<std::string> &block)
{
    if (!out_.flush())
        return false;
    out_.put(frame(lines, block, drawn_));
    drawn_ = !block.empty();
    return true;
}

void Screen::erase()
{
    out_.drain(patience);
    show({}, {});
    out_.drain(patience);
}

} // namespace tunnel
