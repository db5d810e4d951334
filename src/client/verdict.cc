// SPDX-License-Identifier: ISC

#include "client/verdict.h"

namespace tunnel {
namespace {

enum class Retry {
    always,
    once_stood, // what worked once may work again: a name comes free, a login page goes away
    never,
};

// An error code of the server (tunnel-protocol(7)) and what it means to us.
struct Refusal {
    const char *code;
    Retry retry;
    Exit exit;
    const char *name;
    const char *what; // %s: the tunnel
    const char *fix;  // null: that of the hop
};

constexpr Refusal refusals[] = {
    {"UNAUTHORIZED", Retry::never, exit_no_permission, "E_AUTH", "the server rejected the token",
     "tunnel login, if it is mistyped or revoked; the operator can make a new token"},
    {"REPLACED", Retry::never, exit_no_permission, "E_REPLACED",
     "another client with the same token and client id has taken over",
     "stop one of the two, or give each a client_id of its own"},
    {"KICKED", Retry::always, exit_temporary, "E_KICKED", "the operator has ended the session",
     "ask the operator; without --no-retry it is tried again"},
    {"VERSION_UNSUPPORTED", Retry::never, exit_protocol, "E_VERSION",
     "the server speaks another version of the protocol", "bring client and server to one version"},
    {"SUBDOMAIN_TAKEN", Retry::once_stood, exit_no_permission, "E_NAME_TAKEN",
     "the name %s is in use by another client", "choose another --subdomain, or none"},
    {"SUBDOMAIN_RESERVED", Retry::once_stood, exit_no_permission, "E_NAME_RESERVED",
     "the name %s is reserved by the operator", "choose another --subdomain, or none"},
    {"SUBDOMAIN_INVALID", Retry::once_stood, exit_config, "E_NAME_INVALID",
     "the server does not accept the name %s",
     "3 to 63 letters, digits and hyphens, a letter first, no hyphen last"},
    {"PORT_UNAVAILABLE", Retry::once_stood, exit_no_permission, "E_PORT",
     "the port is not available", "choose another"},
    {"NOT_ALLOWED", Retry::once_stood, exit_no_permission, "E_NOT_ALLOWED",
     "this token may not open %s", "ask the operator, or choose another --subdomain"},
    {"TUNNEL_LIMIT_REACHED", Retry::once_stood, exit_no_permission, "E_TUNNEL_LIMIT",
     "more tunnels than the server allows", "start fewer: tunnel start NAME…"},
    {"PROTOCOL_ERROR", Retry::once_stood, exit_protocol, "E_PROTOCOL",
     "client and server do not understand each other", "is that a tunneld, and its control port?"},
    {"CONNECTION_LIMIT", Retry::always, exit_temporary, "E_CONNECTION_LIMIT",
     "the server allows no more connections to this token", "stop another client of yours"},
    {"SESSION_GONE", Retry::always, exit_temporary, "E_SESSION_GONE",
     "the server has lost the session", "wait"},
    {"RATE_LIMITED", Retry::always, exit_temporary, "E_RATE_LIMITED", "too many tries", "wait"},
};

constexpr Refusal other_refusal = {
    "", Retry::always, exit_temporary, "E_REFUSED", "the server refused the login", ""};

constexpr Refusal untrusted = {
    "",
    Retry::once_stood,
    exit_no_permission,
    "E_TLS_UNTRUSTED",
    "the certificate of the server could not be verified",
    "if the operator confirms its fingerprint: tunnel login, or --pin; for a CA of your own: "
    "--ca-file"};

constexpr Refusal unreachable = {
    "", Retry::always, exit_unavailable, "E_UNREACHABLE", "no session with the server", nullptr};

const Refusal &find(const SessionEnd &end)
{
    if (end.why == SessionEnd::Why::untrusted)
        return untrusted;
    if (end.why == SessionEnd::Why::lost)
        return unreachable;
    for (const Refusal &refusal : refusals)
        if (end.code == refusal.code)
            return refusal;
    return other_refusal;
}

std::string fill(const char *text, const std::string &tunnel)
{
    std::string out = text;
    size_t place = out.find("%s");
    if (place != std::string::npos)
        out.replace(place, 2, tunnel.empty() ? "asked for" : "\"" + tunnel + "\"");
    return out;
}

// What failed on the way there names the place itself.
std::string why(const Trial &trial)
{
    const SessionEnd &end = trial.end;
    bool named = end.hop == Hop::dns || end.hop == Hop::tcp;
    std::string hop = end.hop == Hop::none ? "" : hop_name(end.hop) + std::string(": ");
    return hop + (named ? "" : trial.server + ": ") + end.sentence;
}

std::string fix_of(const Refusal &refusal, const SessionEnd &end)
{
    if (refusal.fix)
        return refusal.fix;
    return hop_fix(end.hop) + std::string(" (tunnel doctor looks at each step)");
}

std::string told(const SessionEnd &end)
{
    return end.hop == Hop::none ? end.sentence : hop_name(end.hop) + (": " + end.sentence);
}

// The server's own words go along: of a kick they are the operator's reason.
std::string reason_of(const SessionEnd &end, const std::string &what)
{
    if (end.why != SessionEnd::Why::refused)
        return told(end);
    return end.sentence.empty() ? what : what + ": " + end.sentence;
}

} // namespace

Verdict judge(const Trial &trial)
{
    const Refusal &refusal = find(trial.end);
    bool retry = refusal.retry == Retry::always ||
                 (refusal.retry == Retry::once_stood && trial.stood_before);
    std::string what = fill(refusal.what, trial.tunnel);
    return {!retry || !trial.may_retry,
            reason_of(trial.end, what),
            {refusal.name, what, why(trial), fix_of(refusal, trial.end), refusal.exit}};
}

} // namespace tunnel
