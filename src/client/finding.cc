// SPDX-License-Identifier: ISC

#include "client/finding.h"

#include "base/text.h"

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

void add(std::string &json, const char *key, std::string_view value)
{
    json += json.empty() ? "{\"" : ",\"";
    json += key;
    json += "\":\"";
    append_json_escaped(json, value);
    json += '"';
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
    std::string json;
    add(json, "type", "check");
    add(json, "hop", hop_name(finding.hop));
    add(json, "state", state_name(finding.state));
    add(json, "text", finding.text);
    if (!finding.fix.empty())
        add(json, "fix", finding.fix);
    return json + "}\n";
}

} // namespace tunnel
