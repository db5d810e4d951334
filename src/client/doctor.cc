// SPDX-License-Identifier: ISC

#include "client/doctor.h"

#include "base/date.h"
#include "base/text.h"
#include "client/credentials.h"
#include "client/greeting.h"
#include "client/probe.h"
#include "client/round_trip.h"
#include "client/target.h"
#include "client/verdict.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>

namespace tunnel {

namespace {

constexpr Micros local_patience = 2 * second; // for a service that does not answer at all
constexpr Micros address_patience = 5 * second;
constexpr long days_soon = 14;   // of a certificate or a token that ends
constexpr int64_t clock_ok = 10; // seconds that two clocks may differ

std::string milliseconds(Micros span)
{
    return std::to_string((span + millisecond / 2) / millisecond) + " ms";
}

std::string counted(size_t count, const char *one)
{
    return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string> &texts)
{
    std::string all;
    for (const std::string &text : texts)
        all += (all.empty() ? "" : ", ") + text;
    return all;
}

// Sentences of ours end in "; fix: …".
Finding in_two(Finding finding, const std::string &sentence)
{
    constexpr std::string_view mark = "; fix: ";
    const size_t place = sentence.find(mark);
    finding.text = sentence.substr(0, place);
    if (place != sentence.npos)
        finding.fix = sentence.substr(place + mark.size());
    return finding;
}

struct Resolved {
    std::vector<Address> addresses;
    std::string error;
    Micros took;
};

Resolved resolve(const ClientSettings::Server &server, Micros patience)
{
    Loop loop;
    const Micros start = monotonic_now();
    Resolved found = {{}, server.host + ": the name was not resolved in time", patience};
    Timer deadline(loop, [&] { loop.stop(); });
    deadline.start(patience);
    auto query =
        Resolver::resolve(loop, server.host, server.port,
                          [&](std::vector<Address> addresses, const std::string &error) {
                              found = {std::move(addresses), error, monotonic_now() - start};
                              loop.stop();
                          });
    loop.run();
    return found;
}

struct Reached {
    std::string error; // empty: it answers
    Micros took;
};

// All of them at once.
std::vector<Reached> reach(const std::vector<LocalTarget> &targets, Micros patience)
{
    Loop loop;
    const Micros start = monotonic_now();
    std::vector<Reached> reached(targets.size());
    std::vector<std::unique_ptr<Dialer>> dialers;
    size_t left = targets.size();
    for (size_t i = 0; i < targets.size(); i++) {
        auto done = [&, i](const Dialer::Outcome &outcome) {
            reached[i] = {outcome.error, monotonic_now() - start};
            if (--left == 0)
                loop.stop();
        };
        dialers.push_back(
            std::make_unique<Dialer>(loop, targets[i].host, targets[i].port, patience, done));
    }
    if (left > 0)
        loop.run();
    return reached;
}

} // namespace

Finding compare_clocks(const std::string &server_time, int64_t now)
{
    const int64_t there = parse_date(server_time);
    const int64_t apart = std::abs(now - there);
    if (there == 0)
        return skipped(Hop::clock, "the server does not tell its time");
    if (apart <= clock_ok)
        return good(Hop::clock,
                    "within " + counted(size_t(apart) + 1, "second") + " of the server's");
    return doubtful(Hop::clock,
                    counted(size_t(apart), "second") + (now < there ? " behind" : " ahead of") +
                        " the server: certificates and tokens end at other times than they say",
                    hop_fix(Hop::clock));
}

void Doctor::say(Finding finding)
{
    warnings_ += finding.state == Finding::State::warn;
    if (finding.state == Finding::State::fail && problems_++ == 0)
        exit_ = finding.exit;
    tell_(finding);
}

void Doctor::skip(std::initializer_list<Hop> hops)
{
    for (Hop hop : hops)
        say(skipped(hop, "not tried, since an earlier step failed"));
}

void Doctor::examine(const CommandLine &line, const std::string &target)
{
    if (!look_at_config(line, target))
        return skip({Hop::dns, Hop::tcp, Hop::tls, Hop::protocol, Hop::clock, Hop::auth, Hop::local,
                     Hop::round_trip});
    const bool in = look_at_name() && look_at_tls() && log_in();
    look_at_locals();
    if (in)
        look_at_round_trip();
    else
        skip({Hop::round_trip});
}

// ----------------------------------------------------------------------------- config

bool Doctor::look_at_config(const CommandLine &line, const std::string &target)
{
    try {
        config_ = load_client_config(line);
        require_server_and_token(settings());
    } catch (const Failure &failure) {
        say(in_two(failed(Hop::config, ""), failure.what()));
        return false;
    }
    for (const std::string &warning : config_->warnings)
        say(in_two(doubtful(Hop::config, "", ""), warning));
    if (const auto local = target.empty() ? std::nullopt : parse_target(target))
        config_->settings.tunnels = {{.name = target,
                                      .subdomain = settings().subdomain,
                                      .local_port = local->port,
                                      .local_host = local->host,
                                      .protocol = TunnelProtocol::http}};
    const std::string file = config_->config_file.empty() ? "no file" : config_->config_file;
    const std::string &origin = config_->token_origin;
    say(good(Hop::config, file + " (" + counted(settings().tunnels.size(), "tunnel") + "), " +
                              (origin.empty() ? "no token" : "token from " + origin) + ", for " +
                              settings().server().text()));
    return true;
}

// ------------------------------------------------------------------------- the server

bool Doctor::look_at_name()
{
    const ClientSettings::Server server = settings().server();
    const Resolved found = resolve(server, settings().handshake_timeout);
    if (found.addresses.empty()) {
        say(failed(Hop::dns, found.error));
        skip({Hop::tcp, Hop::tls, Hop::protocol, Hop::clock, Hop::auth});
        return false;
    }
    std::vector<std::string> numbers;
    for (const Address &address : found.addresses)
        numbers.push_back(address.ip_text());
    say(good(Hop::dns,
             server.host + " -> " + joined(numbers) + " (" + milliseconds(found.took) + ")"));
    return look_at_addresses(found.addresses);
}

// One that works is enough: the others only cost time.
bool Doctor::look_at_addresses(const std::vector<Address> &addresses)
{
    std::vector<LocalTarget> targets;
    for (const Address &address : addresses)
        targets.push_back({address.ip_text(), address.port()});
    const std::vector<Reached> reached =
        reach(targets, std::min(address_patience, settings().handshake_timeout));
    const bool any = std::any_of(reached.begin(), reached.end(),
                                 [](const Reached &one) { return one.error.empty(); });
    for (size_t i = 0; i < reached.size(); i++)
        if (reached[i].error.empty())
            say(good(Hop::tcp, addresses[i].text() + " in " + milliseconds(reached[i].took)));
        else if (any)
            say(doubtful(Hop::tcp, reached[i].error,
                         "another address works; mend that one, or its DNS record"));
        else
            say(failed(Hop::tcp, reached[i].error));
    if (!any)
        skip({Hop::tls, Hop::protocol, Hop::clock, Hop::auth});
    return any;
}

bool Doctor::look_at_tls()
{
    Greeting greeting;
    try {
        greeting = greet(settings());
    } catch (const Failure &failure) { // a CA file that is none
        greeting.end = {SessionEnd::Why::untrusted, {}, failure.what(), 0, Hop::tls};
    }
    if (!greeting.trusted) {
        const Complaint complaint =
            judge({greeting.end, settings().server_addr, "", false, false}).complaint;
        say(failed(Hop::tls, complaint, greeting.end.sentence));
        skip({Hop::protocol, Hop::clock, Hop::auth});
        return false;
    }
    if (greeting.tls_version.empty()) {
        say(good(Hop::tls, "none, on loopback"));
        return true;
    }
    const bool pinned = !settings().tls_pin.empty();
    const bool blind = !pinned && settings().tls_verify == "off";
    const std::string text = greeting.tls_version + ", certificate valid for " +
                             counted(size_t(std::max(greeting.days_left, 0L)), "day") + ", " +
                             (pinned  ? "the pinned one"
                              : blind ? "not verified"
                                      : "its name and chain are trusted");
    if (blind)
        say(doubtful(Hop::tls, text, "tunnel login; as it is, anybody in between reads the token"));
    else if (!pinned && greeting.days_left < days_soon)
        say(doubtful(Hop::tls, text, "the operator of the server has to renew it"));
    else
        say(good(Hop::tls, text));
    return true;
}

// ------------------------------------------------------------------------- the account

bool Doctor::log_in()
{
    ClientSettings without_tunnels = settings();
    without_tunnels.tunnels.clear();
    Probe probe(without_tunnels);
    if (probe.log_in()) {
        const LoginAnswer &answer = probe.answer();
        say(good(Hop::protocol, "version " + std::to_string(TN_PROTOCOL_VERSION) + ", session " +
                                    answer.session_id));
        say(compare_clocks(answer.server_time, int64_t(time(nullptr))));
        account_ = answer.account;
        look_at_account();
        return true;
    }
    const SessionEnd &end = probe.end();
    const Complaint complaint = judge({end, settings().server_addr, "", false, false}).complaint;
    if (probe.knows_token()) {
        say(good(Hop::protocol, "version " + std::to_string(TN_PROTOCOL_VERSION)));
        skip({Hop::clock});
        say(doubtful(Hop::auth, "the token is accepted, but " + complaint.what, complaint.fix));
    } else if (end.hop == Hop::auth) {
        say(good(Hop::protocol, "version " + std::to_string(TN_PROTOCOL_VERSION)));
        skip({Hop::clock});
        say(failed(Hop::auth, complaint, complaint.what + " (" + end.sentence + ")"));
    } else {
        say(failed(Hop::protocol, complaint, end.sentence));
        skip({Hop::clock, Hop::auth});
    }
    return false;
}

void Doctor::look_at_account()
{
    const Account &account = account_;
    std::string text = account.user.empty()
                           ? "the token is accepted"
                           : account.user + "; may use " +
                                 (account.allowed.empty() ? "every name" : joined(account.allowed));
    if (!account.expires.empty())
        text += "; until " + account.expires;
    const int64_t end = parse_date(account.expires);
    if (end != 0 && end - int64_t(time(nullptr)) < days_soon * 86400)
        say(doubtful(Hop::auth, text, "ask the operator for a new token, then tunnel login"));
    else
        say(good(Hop::auth, text));
    for (const TunnelSettings &tunnel : settings().tunnels)
        if (!tunnel.subdomain.empty() && !account.may_use(tunnel.subdomain))
            say(failed(Hop::auth, "the token may not have \"" + tunnel.subdomain + "\"",
                       "another subdomain, or ask the operator"));
}

// -------------------------------------------------------------------------- both ends

void Doctor::look_at_locals()
{
    std::map<LocalTarget, std::string> names;
    for (const TunnelSettings &tunnel : settings().tunnels) {
        std::string &all = names[{tunnel.local_host, uint16_t(tunnel.local_port)}];
        all += (all.empty() ? "" : ", ") + tunnel.name;
    }
    std::vector<LocalTarget> targets;
    for (const auto &[target, tunnels] : names)
        targets.push_back(target);
    if (targets.empty())
        return say(skipped(Hop::local, "no tunnel is configured; tunnel doctor PORT looks there"));
    const std::vector<Reached> reached = reach(targets, local_patience);
    for (size_t i = 0; i < targets.size(); i++)
        if (reached[i].error.empty())
            say(good(Hop::local, targets[i].text() + " answers (" + names[targets[i]] + ")"));
        else
            say(failed(Hop::local, reached[i].error + " (" + names[targets[i]] + ")"));
}

// By the first name that is configured; if the token may not have it, which has been said, or a
// client of ours holds it just now, by another.
void Doctor::look_at_round_trip()
{
    const auto &tunnels = settings().tunnels;
    const std::string name = tunnels.empty() ? settings().subdomain : tunnels[0].subdomain;
    RoundTrip trip = try_round_trip(settings(), account_.may_use(name) ? name : "");
    if (trip.way != RoundTrip::Way::held)
        return say(trip.finding);
    const std::string held = "\"" + name + "\" is in use, by a client that runs";
    trip = try_round_trip(settings(), "");
    if (trip.way != RoundTrip::Way::tried)
        return say(skipped(Hop::round_trip, held + ", and there is no other name to try"));
    trip.finding.text += "; " + held;
    say(trip.finding);
}

} // namespace tunnel
