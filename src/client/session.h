// SPDX-License-Identifier: ISC
//
// One session with the server, or one more link of it, from a connected socket to its end: TLS
// and login within one deadline, then visits. It knows of no other, before, after or beside it.
// Its owner retires it, never deletes it inside a callback; the loop's thread only.

#pragma once

#include "client/control_channel.h"
#include "client/login.h"
#include "client/tunnel_changes.h"
#include "client/visit.h"

#include <string>
#include <unordered_map>

namespace tunnel {

class Session final : private Link::Owner, private ControlChannel::Owner, private Visit::Owner {
public:
    class Owner {
    public:
        virtual void on_session_online(Session &session) noexcept = 0;
        // The server's word on a tunnel that was asked for later, or that it takes away.
        virtual void on_session_tunnel(const TunnelChanges::Told &told) noexcept = 0;
        virtual void on_session_end(Session &session, const SessionEnd &end) noexcept = 0; // last

    protected:
        ~Owner() = default;
    };

    // What a session needs and does not own. It writes the server's answers to `router`.
    struct Context {
        VisitContext &visits;
        Router &router;
        tn_mux_pool *pool;
        std::string client_id;
        std::string replaces = {}; // the session that the next login takes over; or empty
    };

    // `ssl` null: plain, for loopback. TLS and login must be done by `deadline`. `joins`: the
    // session to join, empty to begin one.
    Session(Context &context, Descriptor socket, SslPtr ssl, Micros deadline,
            const std::string &joins, Owner &owner);
    ~Session();
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    // Tells the server, lets open visits finish within the drain timeout, ends.
    void drain();
    // A session that took this one over stands: what is still on its way here is served, and the
    // server ends it.
    void hand_over();

    // Asks the server for each tunnel of the router that is not active, and gives the names in
    // `gone` back. False: that cannot be said in this session.
    bool change_tunnels(const std::vector<std::string> &gone);

    bool online() const { return state_ == State::online; }
    const std::string &id() const { return login_.session_id; } // the server's name for it
    const std::vector<TunnelAnswer> &answers() const { return login_.tunnels; }
    bool joinable() const { return login_.carriers; }
    size_t visits() const { return visits_.size(); }
    void each_visit(const std::function<void(Visit &)> &act) const; // must end none
    Micros online_since() const { return online_since_; }           // 0: never
    tn_mux_stats stats() const { return link_->stats(); }
    const LoginAnswer &login() const { return login_; }
    SSL *ssl() const { return link_->connection().ssl(); } // null: plain

private:
    enum class State {
        connecting,  // TLS handshake
        login,       // handshake sent, waiting for the answer
        online,      // tunnels stand
        handed_over, // our successor stands: until the server has no more for us
        leaving,     // one of us said goodbye: open visits finish, none is added
        ending,      // the link is being closed
    };

    void on_link_open() noexcept override;
    void on_link_stream(std::unique_ptr<Stream> stream) noexcept override;
    void on_link_goaway() noexcept override;
    void on_link_drained() noexcept override;
    void on_link_closed(const std::string &reason) noexcept override;
    void on_control_message(const tn_control &message) noexcept override;
    void on_control_end(const std::string &fault) noexcept override;
    void on_visit_end(Visit &visit) noexcept override;

    void enter(State next);
    void on_login_answer(const tn_control &message);
    void on_server_error(const tn_control &message);
    void on_server_shutdown(const tn_control &message);
    void on_tunnel_update(const tn_control &message);
    void answer_ping(const tn_control &message);
    void reject_message(const tn_control &message);
    void leave(SessionEnd end);
    void end(SessionEnd end);
    void break_off(const std::string &fault);
    Hop hop() const;
    void end_if_drained();

    const ClientSettings &settings() const { return context_.visits.settings; }
    Loop &loop() { return context_.visits.loop; }

    Context &context_;
    Owner &owner_;
    std::string joins_;
    State state_ = State::connecting;
    SessionEnd end_;
    bool end_known_ = false;
    LoginAnswer login_;
    std::string server_word_; // what the server said about its end: shutdown, error
    Micros online_since_ = 0;
    Timer login_timer_;
    Timer drain_check_;
    std::unique_ptr<Link> link_; // before what lives on its streams
    ControlChannel control_;
    TunnelChanges changes_;
    std::vector<std::unique_ptr<Visit>> visits_; // each knows its place
};

} // namespace tunnel
