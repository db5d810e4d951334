// SPDX-License-Identifier: ISC
//
// What a session's client and we tell each other in control messages: the handshake first,
// then tunnels coming and going, pings, goodbyes. With capability `control` stream 1 carries
// all of it; without, each message has a stream of its own. On the session's thread.

#pragma once

#include "server/control_stream.h"
#include "server/directory.h"
#include "server/handshake.h"
#include "server/limits.h"
#include "server/takeover.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace tunnel {

class Session;

class Conversation final : private ControlStream::Owner {
public:
    explicit Conversation(Session &session);

    void accept(std::unique_ptr<Stream> stream); // the client opened it

    void end(); // the session ends: nothing is read or decided any more
    void tell_error(const Refusal &refusal, const std::string &problem = {});
    void tell_lost(const std::shared_ptr<Tunnel> &tunnel); // its token does not allow it any more
    // What the client's token allows today; false: nothing, it has ended.
    bool renew_rights();
    bool has_control() const
    {
        return control_ != nullptr;
    } // and the client may still say something
    const Identity &who() const { return handshake_.who; }
    bool short_header() const { return handshake_.short_header; } // of visits
    void tell_shutdown(Micros grace);

private:
    enum class Stage {
        greeting, // the handshake has not come
        deciding, // it is being answered
        talking,  // logged in
        over,     // refused, or the session ends: nothing is read any more
    };
    using Handler = void (Conversation::*)(ControlStream &, const tn_control &);

    // ControlStream::Owner
    void on_control_message(ControlStream &stream, std::string_view json) noexcept override;
    void on_control_garbled(ControlStream &stream) noexcept override;
    void on_control_end(ControlStream &stream) noexcept override;

    void log_in(ControlStream &stream, std::string_view json);
    void decide(ControlStream &stream, const std::vector<SessionRef> &silent);
    void join(ControlStream &stream);
    void welcome(ControlStream &stream, const std::vector<Granted> &granted);
    Judgement judge_ban() const;
    void refuse_login(ControlStream &stream, const Judgement &judgement,
                      const std::vector<Granted> &granted = {});
    void settle(const Directory::Login &login);

    void take(ControlStream &stream, const tn_control &message);
    void add_tunnel(ControlStream &stream, const tn_control &message);
    void finish_add(ControlStream &stream, const TunnelWish &wish, const std::string &request_id,
                    const std::vector<SessionRef> &silent);
    void remove_tunnel(ControlStream &stream, const tn_control &message);
    void answer_ping(ControlStream &stream, const tn_control &message);
    void ignore(ControlStream &stream, const tn_control &message);
    void shut_down(ControlStream &stream, const tn_control &message);

    void said(ControlStream &stream, bool sent);
    ControlStream &voice();
    ControlStream::Owner &owner() { return *this; }
    Claim claim() const;
    void drop_finished();

    Session &session_;
    Handshake handshake_;
    std::vector<std::unique_ptr<ControlStream>> streams_;
    std::unordered_map<ControlStream *, std::unique_ptr<Takeover>> takeovers_;
    ControlStream *control_ = nullptr; // stream 1, while it is open for both
    TokenBucket messages_;             // what a client may say
    Stage stage_ = Stage::greeting;
};

} // namespace tunnel
