// SPDX-License-Identifier: ISC

#include "client/session.h"

#include "base/log.h"
#include "base/random.h"
#include "net/dialer.h"
#include "net/tls.h"

#include <algorithm>

namespace tunnel {
namespace {

const char *name(int state)
{
    static constexpr const char *names[] = {"connecting",  "login",   "online",
                                            "handed_over", "leaving", "ending"};
    return names[state];
}

constexpr Micros longest = 86400 * second; // the mux counts in 32 bits

// Jitter that only shortens, up to a fifth: clients that started together do not ping together.
uint32_t shortened_ms(Micros span)
{
    span = std::min(span, longest);
    return uint32_t((span - random_below(span / 5 + 1)) / millisecond);
}

tn_mux_config mux_config(const ClientSettings &settings)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_inbound = uint32_t(settings.max_streams);
    config.ping_interval_ms = shortened_ms(settings.ping_interval);
    config.ping_timeout_ms = shortened_ms(settings.ping_timeout);
    config.buffered_hard = settings.session_memory;
    config.buffered_soft = settings.session_memory / 32;
    config.max_window = std::max(uint32_t(settings.stream_window), TN_INITIAL_WINDOW);
    config.window_budget = settings.session_window;
    config.half_close_idle_ms = 0; // visits have idle timeouts of their own, relays need none
    config.reset_burst = 0;        // no limit: visitors leave when they like
    return config;
}

std::string explained(const std::string &reason)
{
    bool silent = reason == tn_mux_reason_name(TN_MUX_ERR_DEAD);
    return silent ? "no sign of life from the server" : reason;
}

// An error by which the server ends a session that stands; others are only news.
bool ends_session(const std::string &code)
{
    return code == "REPLACED" || code == "KICKED" || code == "UNAUTHORIZED";
}

SessionEnd lost(const std::string &sentence, Hop hop = Hop::none)
{
    return {SessionEnd::Why::lost, {}, sentence, 0, hop};
}

} // namespace

Session::Session(Context &context, Descriptor socket, SslPtr ssl, Micros deadline,
                 const std::string &joins, Owner &owner)
    : context_(context), owner_(owner), joins_(joins),
      login_timer_(context.visits.loop,
                   [this] { end(lost("the server did not answer in time", hop())); }),
      drain_check_(context.visits.loop, [this] { end_if_drained(); }), control_(*this),
      changes_(control_, context.router)
{
    set_user_timeout(socket.get(), settings().user_timeout);
    login_timer_.start_at(deadline);
    link_ =
        std::make_unique<Link>(loop(), context.pool, std::move(socket), std::move(ssl), TN_CLIENT,
                               mux_config(settings()), static_cast<Link::Owner &>(*this));
}

Session::~Session() = default;

void Session::enter(State next)
{
    log_debug("session state",
              {{"session", id()}, {"from", name(int(state_))}, {"to", name(int(next))}});
    state_ = next;
}

// ------------------------------------------------------------------------------- login

void Session::on_link_open() noexcept
{
    if (state_ != State::connecting)
        return;
    enter(State::login);
    if (!control_.open(*link_))
        return end(lost("no stream for the login", Hop::protocol));
    bool sent = joins_.empty() ? send_login(control_, context_.router, settings(),
                                            context_.client_id, context_.replaces)
                               : send_join(control_, joins_, settings(), context_.client_id);
    if (!sent)
        end({SessionEnd::Why::protocol,
             {},
             "the login does not fit into one message",
             0,
             Hop::protocol});
}

void Session::on_login_answer(const tn_control &message)
{
    login_ =
        joins_.empty() ? read_login_answer(message, context_.router) : read_join_answer(message);
    if (!login_.accepted)
        return end(login_.end);
    if (!login_.control_stays)
        control_.close();
    if (login_.small_window)
        link_->use_small_window(); // what the server opens from here on begins so
    login_timer_.stop();
    online_since_ = loop().now();
    enter(State::online);
    owner_.on_session_online(*this);
}

// ---------------------------------------------------------------------------- messages

void Session::on_control_message(const tn_control &message) noexcept
{
    bool in_login = state_ == State::login;
    switch (message.type) {
    case TN_CONTROL_HANDSHAKE_RESPONSE:
        return in_login ? on_login_answer(message) : break_off("a second answer to the login");
    case TN_CONTROL_ERROR:
        return on_server_error(message);
    case TN_CONTROL_SHUTDOWN:
        return on_server_shutdown(message);
    case TN_CONTROL_PING:
        return answer_ping(message);
    case TN_CONTROL_TUNNEL_UPDATE:
        return on_tunnel_update(message);
    case TN_CONTROL_PONG:
        return; // an answer to what we never ask
    default:
        return reject_message(message);
    }
}

void Session::on_server_error(const tn_control &message)
{
    std::string code = message.error_code ? message.error_code : "";
    std::string sentence = shown(message.error);
    if (state_ == State::login || ends_session(code)) {
        Hop hop = state_ == State::login ? Hop::auth : Hop::none;
        return end({SessionEnd::Why::refused, code, sentence, 0, hop});
    }
    log_warn("server error", {{"session", id()}, {"code", code}, {"message", sentence}});
    server_word_ = sentence.empty() ? code : sentence;
}

void Session::on_server_shutdown(const tn_control &message)
{
    server_word_ = shown(message.error);
    if (server_word_.empty())
        server_word_ = "the server is shutting down";
    log_debug("server shutdown", {{"session", id()}, {"grace_ms", message.grace_period_ms}});
    if (state_ == State::leaving && end_.why == SessionEnd::Why::lost)
        end_.sentence = server_word_; // its GOAWAY overtook this message
}

void Session::on_tunnel_update(const tn_control &message)
{
    if (std::optional<TunnelChanges::Told> told = changes_.take(message))
        owner_.on_session_tunnel(*told);
}

void Session::answer_ping(const tn_control &message)
{
    tn_control pong = {};
    pong.type = TN_CONTROL_PONG;
    pong.request_id = message.request_id;
    pong.ping_timestamp = message.ping_timestamp ? message.ping_timestamp : message.timestamp;
    control_.send(pong);
}

void Session::reject_message(const tn_control &message)
{
    tn_control error = {};
    error.type = TN_CONTROL_ERROR;
    error.request_id = message.request_id;
    error.error_code = "PROTOCOL_ERROR";
    error.error = "this message means nothing to a client";
    control_.send(error);
}

// The server may close the stream and go on: then it has nothing more to say.
void Session::on_control_end(const std::string &fault) noexcept
{
    if (!fault.empty())
        return break_off(fault);
    if (state_ == State::login)
        end(lost("the server closed the connection during the login", Hop::protocol));
}

// ------------------------------------------------------------------------------ visits

void Session::on_link_stream(std::unique_ptr<Stream> stream) noexcept
{
    bool open = state_ == State::online || state_ == State::handed_over;
    if (!open || visits_.size() >= settings().max_streams)
        return stream->reset(open ? TN_RST_OVERLOAD : TN_RST_REFUSED);
    Visit::Owner &self = *this;
    visits_.push_back(
        std::make_unique<Visit>(context_.visits, std::move(stream), visits_.size(), self));
}

void Session::each_visit(const std::function<void(Visit &)> &act) const
{
    for (const auto &visit : visits_)
        act(*visit);
}

void Session::on_visit_end(Visit &visit) noexcept
{
    std::unique_ptr<Visit> &gone = visits_[visit.place()];
    gone.swap(visits_.back());
    gone->set_place(visit.place());
    loop().retire(std::move(visits_.back()));
    visits_.pop_back();
    if (state_ == State::leaving && visits_.empty())
        drain_check_.start(0);
}

// --------------------------------------------------------------------------------- end

// Where we are on the way to a session that stands.
Hop Session::hop() const
{
    if (state_ == State::connecting)
        return ssl() ? Hop::tls : Hop::protocol;
    return online_since_ == 0 ? Hop::protocol : Hop::none;
}

void Session::drain()
{
    SessionEnd stopped = {SessionEnd::Why::stopped, {}, "stopped", 0};
    if (state_ == State::leaving)
        end_ = stopped;
    if (state_ == State::connecting || state_ == State::login || settings().drain_timeout == 0)
        end(stopped);
    if (state_ != State::online && state_ != State::handed_over)
        return;
    tn_control message = {};
    message.type = TN_CONTROL_SHUTDOWN;
    message.error = "the client is stopping";
    message.grace_period_ms = int64_t(settings().drain_timeout / millisecond);
    if (login_.control_stays)
        control_.send(message);
    leave(stopped);
}

void Session::hand_over()
{
    if (state_ != State::online || !login_.handover || !login_.control_stays)
        return drain();
    end_ = {SessionEnd::Why::stopped, {}, "handed over", 0};
    end_known_ = true;
    enter(State::handed_over);
    control_.finish();
    drain_check_.start(settings().drain_timeout);
}

bool Session::change_tunnels(const std::vector<std::string> &gone)
{
    return online() && login_.control_stays && changes_.ask(gone);
}

// The server takes leave: the sooner we are gone, the sooner we are back.
void Session::on_link_goaway() noexcept
{
    if (state_ != State::online)
        return;
    leave(lost(server_word_.empty() ? "the server said goodbye" : server_word_));
}

void Session::leave(SessionEnd why)
{
    end_ = std::move(why);
    end_known_ = true;
    enter(State::leaving);
    control_.finish();
    link_->drain(settings().drain_timeout);
    drain_check_.start(0);
}

void Session::end_if_drained()
{
    bool drained = visits_.empty() && link_->stats().streams_in == 0;
    if (state_ == State::handed_over || (state_ == State::leaving && drained))
        end(end_);
}

void Session::on_link_drained() noexcept
{
    if (state_ == State::leaving)
        end(end_);
}

void Session::break_off(const std::string &fault)
{
    if (state_ == State::ending)
        return;
    end_ = {SessionEnd::Why::protocol, "PROTOCOL_ERROR", "the server sent " + fault, 0, hop()};
    end_known_ = true;
    enter(State::ending);
    link_->fail(end_.sentence);
}

void Session::end(SessionEnd why)
{
    if (state_ == State::ending)
        return;
    end_ = std::move(why);
    end_known_ = true;
    enter(State::ending);
    login_timer_.stop();
    link_->close(end_.sentence);
}

void Session::on_link_closed(const std::string &reason) noexcept
{
    if (!end_known_) {
        bool untrusted = state_ == State::connecting && link_->connection().ssl() &&
                         tls_verification_failed(link_->connection().ssl());
        end_.why = untrusted ? SessionEnd::Why::untrusted : SessionEnd::Why::lost;
        end_.sentence = server_word_.empty() ? explained(reason) : server_word_;
        end_.hop = hop();
        if (untrusted)
            end_.fingerprint = tls_peer_fingerprint(link_->connection().ssl());
    }
    enter(State::ending);
    login_timer_.stop();
    drain_check_.stop();
    owner_.on_session_end(*this, end_);
}

} // namespace tunnel
