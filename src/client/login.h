// SPDX-License-Identifier: ISC
//
// The login of a session: what we say, and what we make of the answer.

#pragma once

#include "base/clock.h"
#include "client/hop.h"
#include "client/router.h"

#include <string>
#include <string_view>
#include <tunnel/control.h>
#include <vector>

namespace tunnel {

class ControlChannel;

// Why a session is over.
struct SessionEnd {
    enum class Why {
        lost,      // the network, or the server went away
        untrusted, // its certificate does not prove that it is our server
        refused,   // the server said so: `code`
        protocol,  // it does not speak ours
        stopped,   // we wanted it
    };
    Why why = Why::lost;
    std::string code;             // the server's error code, if it named one
    std::string sentence;         // for a person
    Micros retry_after = 0;       // asked for by the server
    Hop hop = Hop::none;          // where it ended, if a session never stood
    std::string fingerprint = {}; // untrusted: of the certificate that was shown
};

// What the server said about one tunnel, in the order of Router::tunnels().
struct TunnelAnswer {
    bool active;
    std::string code; // its error code, and the sentence with it
    std::string sentence;
};

// Whose token it is, as far as the server tells (capability "account").
struct Account {
    std::string user;                 // empty: not told
    std::vector<std::string> allowed; // names, with "*"; empty: every name
    std::string expires;              // RFC 3339; empty: never

    bool may_use(const std::string &subdomain) const;
};

struct LoginAnswer {
    bool accepted = false;
    SessionEnd end; // why not
    std::vector<TunnelAnswer> tunnels;
    std::string session_id;
    Account account;
    std::string server_time;    // RFC 3339; empty: not told
    bool control_stays = false; // capability "control": the stream is for later messages too
    bool carriers = false;      // capability "carriers": further links may join the session
    bool handover = false;      // capability "handover": a later login may take this session over
    bool small_window = false;  // capability "small-window": visits begin with little credit
};

// How a tunnel is asked for; lives as long as `tunnel`.
tn_tunnel_request request_of(const Router::Tunnel &tunnel);

// Both return false if it does not fit into one message. `replaces`: the session that hands over
// its names and visitors; or empty.
bool send_login(ControlChannel &control, const Router &router, const ClientSettings &settings,
                const std::string &client_id, const std::string &replaces);
bool send_join(ControlChannel &control, const std::string &session, const ClientSettings &settings,
               const std::string &client_id);

// Writes what was granted to `router`.
LoginAnswer read_login_answer(const tn_control &message, Router &router);
LoginAnswer read_join_answer(const tn_control &message);

// The server's text made fit for a terminal: cut, and escaped. Null is "".
std::string shown(const char *text);

} // namespace tunnel
