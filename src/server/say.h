// SPDX-License-Identifier: ISC
//
// The control messages that a server says, written to a control stream. Each returns what
// ControlStream::send() returned. `request_id`, if not empty, is that of the message answered.

#pragma once

#include "server/directory.h"
#include "server/handshake.h"

#include <span>
#include <string>

namespace tunnel {

class ControlStream;

namespace say {

bool welcome(ControlStream &to, const std::string &session, const Handshake &handshake,
             std::span<const Granted> granted);
// `granted` may be empty: refused before names were looked at.
bool no_login(ControlStream &to, const Judgement &judgement, const Handshake &handshake,
              std::span<const Granted> granted);
bool tunnel_update(ControlStream &to, const TunnelWish &wish, const Granted &granted,
                   const std::string &request_id);
bool pong(ControlStream &to, const std::string &ping_timestamp, const std::string &request_id);
// `problem`, if not empty, says more than the refusal's sentence.
bool error(ControlStream &to, const Refusal &refusal, const std::string &problem,
           const std::string &request_id);
bool shutdown(ControlStream &to, Micros grace);

} // namespace say

} // namespace tunnel
