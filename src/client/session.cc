// SPDX-License-Identifier: ISC

#include "client/session.h"

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "net/dialer.h"
#include "net/tls.h"

#include <algorithm>
#include <cstring>

namespace tunnel {
namespace {

constexpr const char *capabilities[] = {"control"};
constexpr size_t server_word_max = 200; // bytes of a server's sentence that are shown

const char *name(int state)
{
    static constexpr const char *names[] = {"connecting", "login", "online", "leaving", "ending"};
    return names[state];
}

// Jitter that only shortens, up to a fifth: clients that started together do not ping together.
uint32_t shortened_ms(Micros span)
{
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
    config.buffered_soft = settings.session_memory / 4;
    config.reset_burst = 0; // no limit: visitors leave when they like
    return config;
}

// A server's sentence goes to a terminal.
std::string shown(const char *text)
{
    std::string out;
    if (text)
        append_escaped(out, std::string_view(text, strnlen(text, server_word_max)));
    return out;
}

std::string explained(const std::string &reason)
{
    bool silent = reason == tn_mux_reason_name(TN_MUX_ERR_DEAD);
    return silent ? "no sign of life from the server" : reason;
}

SessionEnd lost(const std::string &sentence) { return {SessionEnd::Why::lost, {}, sentence, 0}; }

std::string text_of(const char *text) { return text ? text : ""; }

} // namespace

Session::Session(Context &context, Descriptor socket, SslPtr ssl, Micros deadline, Owner &owner)
    : context_(context), owner_(owner),
      login_timer_(context.visits.loop,
                   [this] { end(lost("the server did not answer the login in time")); }),
      drain_check_(context.visits.loop, [this] { end_if_drained(); }), control_(*this)
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
              {{"session", id_}, {"from", name(int(state_))}, {"to", name(int(next))}});
    state_ = next;
}

// ------------------------------------------------------------------------------- login

void Session::on_link_open() noexcept
{
    if (state_ != State::connecting)
        return;
    enter(State::login);
    if (!control_.open(*link_))
        return end(lost("no stream for the login"));
    send_login();
}

void Session::send_login()
{
    std::vector<tn_tunnel_request> requests;
    for (const Router::Tunnel &tunnel : context_.router.tunnels())
        requests.push_back(
            {.subdomain = tunnel.subdomain.empty() ? nullptr : tunnel.subdomain.c_str(),
             .name = nullptr,
             .local_host = tunnel.target.host.c_str(),
             .protocol = "http",
             .local_port = tunnel.target.port});

    tn_control message = {};
    message.type = TN_CONTROL_HANDSHAKE;
    message.version = TN_PROTOCOL_VERSION;
    message.token = settings().token.c_str();
    message.client_id = context_.client_id.c_str();
    message.tunnels = requests.data();
    message.tunnel_count = requests.size();
    message.capabilities = capabilities;
    message.capability_count = std::size(capabilities);
    if (!control_.send(message))
        end({SessionEnd::Why::protocol, {}, "the login does not fit into one message", 0});
}

void Session::on_login_answer(const tn_control &message)
{
    auto refused = SessionEnd::Why::refused;
    Micros retry_after = Micros(std::max<int64_t>(message.retry_after_ms, 0)) * millisecond;
    if (message.success && message.version != TN_PROTOCOL_VERSION)
        return end({SessionEnd::Why::protocol, "VERSION_UNSUPPORTED",
                    "the server speaks another version of the protocol", 0});
    if (message.status_count > 0 && !take_statuses(message))
        return break_off("an answer that does not fit the tunnels we asked for");
    if (!message.success)
        return end({refused, text_of(message.error_code), shown(message.error), retry_after});

    bool none = std::none_of(answers_.begin(), answers_.end(), [](auto &a) { return a.active; });
    if (none && !context_.router.tunnels().empty() && !answers_.empty())
        return end({refused, answers_[0].code, answers_[0].sentence, retry_after});
    if (answers_.size() != context_.router.tunnels().size())
        return break_off("an answer that does not fit the tunnels we asked for");

    id_ = shown(message.session_id);
    for (size_t i = 0; i < message.capability_count; i++)
        control_stays_ |= std::strcmp(message.capabilities[i], "control") == 0;
    if (!control_stays_)
        control_.close();
    login_timer_.stop();
    online_since_ = loop().now();
    enter(State::online);
    owner_.on_session_online(*this);
}

bool Session::take_statuses(const tn_control &message)
{
    if (message.status_count != context_.router.tunnels().size())
        return false;
    for (size_t i = 0; i < message.status_count; i++) {
        const tn_tunnel_status &status = message.statuses[i];
        TunnelAnswer answer = {status.active, text_of(status.error_code), shown(status.error)};
        if (!status.active)
            context_.router.refuse(i);
        else if (!context_.router.grant(i, text_of(status.subdomain), text_of(status.url)))
            return false;
        answers_.push_back(std::move(answer));
    }
    return true;
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
    case TN_CONTROL_PONG:
    case TN_CONTROL_TUNNEL_UPDATE:
        return; // answers to what we never ask
    default:
        return reject_message(message);
    }
}

void Session::on_server_error(const tn_control &message)
{
    std::string code = text_of(message.error_code);
    std::string sentence = shown(message.error);
    if (state_ == State::login || code == "REPLACED")
        return end({SessionEnd::Why::refused, code, sentence, 0});
    log_warn("server error", {{"session", id_}, {"code", code}, {"message", sentence}});
    server_word_ = sentence.empty() ? code : sentence;
}

void Session::on_server_shutdown(const tn_control &message)
{
    server_word_ = shown(message.error);
    if (server_word_.empty())
        server_word_ = "the server is shutting down";
    log_debug("server shutdown", {{"session", id_}, {"grace_ms", message.grace_period_ms}});
    if (state_ == State::leaving && end_.why == SessionEnd::Why::lost)
        end_.sentence = server_word_; // its GOAWAY overtook this message
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
        end(lost("the server closed the connection during the login"));
}

// ------------------------------------------------------------------------------ visits

void Session::on_link_stream(std::unique_ptr<Stream> stream) noexcept
{
    if (state_ != State::online || visits_.size() >= settings().max_streams)
        return stream->reset(state_ == State::online ? TN_RST_OVERLOAD : TN_RST_REFUSED);
    auto visit = std::make_unique<Visit>(context_.visits, std::move(stream),
                                         static_cast<Visit::Owner &>(*this));
    Visit *key = visit.get();
    visits_.emplace(key, std::move(visit));
}

void Session::on_visit_end(Visit &visit) noexcept
{
    auto node = visits_.extract(&visit);
    loop().retire(std::move(node.mapped()));
    if (state_ == State::leaving && visits_.empty())
        drain_check_.start(0);
}

// --------------------------------------------------------------------------------- end

void Session::drain()
{
    SessionEnd stopped = {SessionEnd::Why::stopped, {}, "stopped", 0};
    if (state_ == State::leaving)
        end_ = stopped;
    if (state_ == State::connecting || state_ == State::login || settings().drain_timeout == 0)
        end(stopped);
    if (state_ != State::online)
        return;
    tn_control message = {};
    message.type = TN_CONTROL_SHUTDOWN;
    message.error = "the client is stopping";
    message.grace_period_ms = int64_t(settings().drain_timeout / millisecond);
    if (control_stays_)
        control_.send(message);
    leave(stopped);
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
    if (state_ == State::leaving && visits_.empty() && link_->stats().streams_in == 0)
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
    end_ = {SessionEnd::Why::protocol, "PROTOCOL_ERROR", "the server sent " + fault, 0};
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
    }
    enter(State::ending);
    login_timer_.stop();
    drain_check_.stop();
    owner_.on_session_end(*this, end_);
}

} // namespace tunnel
