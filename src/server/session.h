// SPDX-License-Identifier: ISC
//
// A client, from its connection to its goodbye: the link, the names it owns, the way for
// visitors. What is said in control messages is its Conversation's. Owned by its Worker, on
// that one's thread.

#pragma once

#include "flow/link.h"
#include "net/address.h"
#include "server/auth.h"
#include "server/conversation.h"
#include "server/life_check.h"
#include "server/lobby.h"
#include "server/tunnel.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tunnel {

class Worker;

class Session final : private Link::Owner {
public:
    Session(Worker &worker, uint64_t id, Descriptor socket, const Address &peer,
            Lobby::Place place);

    // A stream for one visit. Null, with `why` set, if there can be none now.
    std::unique_ptr<Stream> open_visit(Stream::Owner &owner, tn_error &why);

    // Whether anything comes from the client within `timeout`.
    void ask_for_life(Micros timeout, LifeCheck::Answer answer);

    void replace();                        // the same client has logged in elsewhere
    void close(const std::string &reason); // says what is queued, then ends
    void fail(const std::string &reason);  // the client broke the protocol
    void drain(Micros grace);              // we shut down: visits go on, the client is told
    void wind_down(Micros grace);          // the client shuts down: visits go on, names are free

    // Conversation
    void logged_in(const Identity &who);
    void own(const std::shared_ptr<Tunnel> &tunnel) { tunnels_.push_back(tunnel); }
    void disown(const std::shared_ptr<Tunnel> &tunnel);

    SessionRef ref() const { return ref_; }
    const std::string &name() const { return name_; } // "sess_1f…", for log and client
    const Address &peer() const { return peer_; }
    Worker &worker() { return worker_; }
    Link &link() { return link_; }
    bool is_logged_in() const { return state_ == State::open || state_ == State::draining; }

private:
    enum class State {
        greeting, // not logged in
        open,
        draining, // no new visits
        closing,  // the link sends the rest
        ended,
    };

    // Link::Owner
    void on_link_stream(std::unique_ptr<Stream> stream) noexcept override;
    void on_link_goaway() noexcept override;
    void on_link_closed(const std::string &reason) noexcept override;

    void enter(State next);
    void release_names();
    void stop_talking();
    void on_timeout();
    void end(const std::string &reason);

    Worker &worker_;
    SessionRef ref_;
    std::string name_;
    Address peer_;
    std::optional<Lobby::Place> place_; // until it has logged in
    std::string user_;
    std::vector<std::shared_ptr<Tunnel>> tunnels_;
    std::vector<std::unique_ptr<LifeCheck>> life_checks_;
    State state_ = State::greeting;
    Timer timer_; // the login's, then a drain's
    Link link_;
    Conversation conversation_; // its streams go before the link
};

} // namespace tunnel
