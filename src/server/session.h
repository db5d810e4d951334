// SPDX-License-Identifier: ISC
//
// A client, from its connection to its goodbye: the link, the way for visitors. A client's
// session may stand on several links, each on a worker of its own choice; then there is one of
// these for each, and the Directory, which holds the names, knows which belong together. What
// is said in control messages is its Conversation's. Owned by its Worker, on that one's thread.

#pragma once

#include "flow/link.h"
#include "net/address.h"
#include "server/auth.h"
#include "server/carrier.h"
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

    void replace();   // the same client has logged in elsewhere
    void hand_over(); // its client goes on in another session: visits finish here, none is added
    // The operator, or a token that has ended, ends it: the client is told why.
    void dismiss(const Refusal &why, const std::string &sentence);
    void review();                         // its token may allow less than before
    void close(const std::string &reason); // says what is queued, then ends
    void fail(const std::string &reason);  // the client broke the protocol
    void drain(Micros grace);              // we shut down: visits go on, the client is told
    void wind_down(Micros grace);          // the client shuts down: visits go on, names are free

    // Conversation
    void logged_in(const Identity &who, const std::vector<Granted> &granted);
    void joined(const Identity &who, const std::string &session, size_t links);
    void control_ended(); // the client has nothing more to say

    SessionRef ref() const { return carrier_->ref; }
    const std::shared_ptr<Carrier> &carrier() const { return carrier_; }
    const std::string &name() const { return name_; } // "sess_1f…", for log and client
    const Address &peer() const { return peer_; }
    Worker &worker() { return worker_; }
    Link &link() { return link_; }
    uint64_t held() const; // bytes that wait for the client, or for visitors of it
    const Identity &who() const { return conversation_.who(); }
    bool short_header() const { return conversation_.short_header(); } // visits begin so
    Micros since() const { return since_; } // it has been logged in
    const char *state_name() const;
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
    void on_link_drained() noexcept override;
    void on_link_closed(const std::string &reason) noexcept override;

    void enter(State next);
    void begin(const Identity &who);
    void take_no_visits();
    void stop_talking();
    void on_timeout();
    void end(const std::string &reason);

    Worker &worker_;
    std::shared_ptr<Carrier> carrier_;
    std::string name_;
    Address peer_;
    std::optional<Lobby::Place> place_; // until it has logged in
    std::string user_;
    Micros since_ = 0;
    std::vector<std::unique_ptr<LifeCheck>> life_checks_;
    size_t others_ = 0; // links of the session that were left when this one took no more visits
    bool handed_over_ = false;
    State state_ = State::greeting;
    Timer timer_; // the login's, then a drain's
    Link link_;
    Conversation conversation_; // its streams go before the link
};

} // namespace tunnel
