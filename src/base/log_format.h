// SPDX-License-Identifier: ISC
//
// How one event becomes one line of text: escaping, cutting, logfmt or JSON. No state.

#pragma once

#include "base/log.h"

#include <span>

namespace tunnel {

// What stands in front of a line: the wall clock and the level as fields, or the "<N>" of
// sd-daemon(3), from which an init system makes both.
enum class LogStamp { time, priority };

// A line never exceeds this, so that a write of it is atomic in a pipe too (PIPE_BUF). Fields
// that do not fit are left out, and `cut=1` says so.
constexpr size_t log_line_max = 4096;

// Replaces `line` with the event's line, newline included.
void format_log_line(std::string &line, LogFormat format, LogStamp stamp, LogLevel level,
                     std::string_view event, std::span<const LogField> fields);

} // namespace tunnel
