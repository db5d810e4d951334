// SPDX-License-Identifier: ISC
//
// The first message of a session, judged as far as it can be without anybody else: type,
// payload, version, token. What it asks for is copied out of it.

#pragma once

#include "server/auth.h"
#include "server/limits.h"
#include "server/policy.h"
#include "server/refusal.h"
#include "server/tunnel.h"

#include <memory>
#include <string>
#include <string_view>
#include <tunnel/control.h>
#include <vector>

namespace tunnel {

struct ControlFreer {
    void operator()(tn_control *message) const { tn_control_free(message); }
};
using ControlMessage = std::unique_ptr<tn_control, ControlFreer>;

// Null, with a sentence in `problem`, if it breaks the format.
ControlMessage read_control(std::string_view json, std::string &problem);

// Copies a wish; empty with a sentence if a text in it is too long to be kept.
bool copy_wish(const tn_tunnel_request &from, TunnelWish &to, std::string &problem);

struct Handshake {
    Identity who;
    std::vector<TunnelWish> wishes;
    std::string joins;         // the session that this link is to join; empty: it begins one
    std::string replaces;      // the session of the same user that hands over to it; or empty
    bool control = false;      // the client keeps stream 1 open
    bool carriers = false;     // further links may join
    bool small_window = false; // visits begin with little credit
    bool short_header = false; // and with the short form of the stream header
    bool account = false;      // the client wants to know whose token it is
    bool handover = false;     // a later login may hand this session over
};

struct Judgement {
    Refusal refusal;        // none: go on
    std::string problem;    // says more than the refusal's sentence
    Micros retry_after = 0; // 0: not told
};

// A wrong token counts against `source`; one who has to wait is told so before the token is
// looked at.
Judgement judge_handshake(std::string_view json, const Policy &policy, Penalties &penalties,
                          uint64_t source, Micros now, Handshake &out);

} // namespace tunnel
