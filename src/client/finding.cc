// SPDX-License-Identifier: ISC

#include "client/finding.h"

#include "client/json_line.h"

#include <algorithm>

namespace tunnel {

namespace {

using State = Finding::State;

constexpr const char *state_names[] = {"ok", "warn", "fail", "skip"};

const char *state_name(State state) { return state_names[int(state)]; }

std::string padded(std::string text, size_t width)
{
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

} // namespace

Finding good(Hop hop, std::string text) { return {hop, State::ok, std::move(text)}; }

Finding doubtful(Hop hop, std::string text, std::string fix)
{
    return {hop, State::warn, std::move(text), std::move(fix)};
}

Finding failed(Hop hop, std::string text) { return failed(hop, std::move(text), hop_fix(hop)); }

Finding failed(Hop hop, std::string text, std::string fix)
{
    return {hop, State::fail, std::move(text), std::move(fix), hop_exit(hop)};
}

Finding failed(Hop hop, const Complaint &complaint, std::string text)
{
    return {hop, State::fail, std::move(text), complaint.fix, complaint.exit};
}

Finding skipped(Hop hop, std::string text) { return {hop, State::skipped, std::move(text)}; }

std::string finding_line(const Finding &finding)
{
    constexpr size_t hop_width = 10, state_width = 6;
    std::string line = padded(hop_name(finding.hop), hop_width) +
                       padded(state_name(finding.state), state_width) + finding.text + "\n";
    if (!finding.fix.empty())
        line += std::string(hop_width + state_width, ' ') + "fix: " + finding.fix + "\n";
    return line;
}

std::string finding_json(const Finding &finding)
{
    JsonLine line("check");
    line.text("hop", hop_name(finding.hop)).text("state", state_name(finding.state));
    line.text("text", finding.text);
    if (!finding.fix.empty())
        line.text("fix", finding.fix);
    return line.end();
}

} // namespace tunnel
