// SPDX-License-Identifier: ISC

#include "server/conversation.h"

#include "base/log.h"
#include "base/text.h"
#include "server/say.h"
#include "server/session.h"
#include "server/worker.h"

#include <algorithm>
#include <ctime>

namespace tunnel {

namespace {

// Control messages of one client: far more than one has to say, far less than a flood.
constexpr double message_rate = 20; // a second
constexpr double message_burst = 1200;

std::string id_of(const tn_control &message)
{
    return message.request_id ? message.request_id : "";
}

} // namespace

Conversation::Conversation(Session &session)
    : session_(session), messages_(message_rate, message_burst)
{}

Claim Conversation::claim() const
{
    return {session_.carrier(), &handshake_.who, session_.name(), handshake_.replaces};
}

void Conversation::end()
{
    stage_ = Stage::over;
    takeovers_.clear();
}

// ---------------------------------------------------------------- streams

// Before the login is answered there is one stream, and nothing to say on another.
void Conversation::accept(std::unique_ptr<Stream> stream)
{
    drop_finished();
    if (stage_ == Stage::over)
        return;
    if (stage_ != Stage::talking && !streams_.empty())
        return session_.fail("a second stream before the login was answered");
    streams_.push_back(std::make_unique<ControlStream>(std::move(stream), owner()));
}

void Conversation::on_control_message(ControlStream &stream, std::string_view json) noexcept
{
    if (stage_ == Stage::over)
        return;
    if (!messages_.take(session_.link().loop().now()))
        return session_.fail("a flood of control messages");
    if (stage_ == Stage::greeting)
        return log_in(stream, json);
    std::string problem;
    ControlMessage message = read_control(json, problem);
    if (!message)
        return said(stream, say::error(stream, refusal::protocol, problem, {}));
    take(stream, *message);
}

void Conversation::on_control_garbled(ControlStream &) noexcept
{
    session_.fail("a control message of no or too great length");
}

// A client that closes stream 1 after the login's answer gets by without it.
void Conversation::on_control_end(ControlStream &stream) noexcept
{
    if (stage_ == Stage::greeting || stage_ == Stage::deciding)
        return session_.close("the client left before the login was answered");
    const bool last_word = &stream == control_;
    if (last_word)
        control_ = nullptr;
    stream.finish();
    if (last_word)
        session_.control_ended();
    takeovers_.erase(&stream);
    drop_finished();
}

void Conversation::drop_finished()
{
    auto finished = std::partition(streams_.begin(), streams_.end(),
                                   [](const auto &stream) { return !stream->over(); });
    for (auto each = finished; each != streams_.end(); ++each) {
        takeovers_.erase(each->get());
        session_.link().loop().retire(std::move(*each));
    }
    streams_.erase(finished, streams_.end());
}

// ---------------------------------------------------------------- login

void Conversation::log_in(ControlStream &stream, std::string_view json)
{
    Worker &worker = session_.worker();
    Judgement judgement =
        judge_handshake(json, worker.policy(), worker.lobby().penalties(),
                        source_key(session_.peer()), worker.loop().now(), handshake_);
    if (!judgement.refusal)
        judgement = judge_ban();
    if (judgement.refusal)
        return refuse_login(stream, judgement);
    if (!handshake_.joins.empty())
        return join(stream);

    stage_ = Stage::deciding;
    std::vector<SessionRef> rivals = worker.directory().rivals(handshake_.who, handshake_.wishes);
    if (rivals.empty())
        return decide(stream, {});
    stream.pause();
    takeovers_[&stream] = std::make_unique<Takeover>(
        worker, rivals, worker.settings().takeover_timeout,
        [this, &stream](std::vector<SessionRef> silent) { decide(stream, silent); });
}

Judgement Conversation::judge_ban() const
{
    Worker &worker = session_.worker();
    Bans::Ban ban = worker.lobby().bans().find(handshake_.who, worker.loop().now());
    if (ban.wait == 0)
        return {};
    return {refusal::kicked, std::move(ban.reason), ban.wait};
}

void Conversation::decide(ControlStream &stream, const std::vector<SessionRef> &silent)
{
    takeovers_.erase(&stream);
    if (!renew_rights()) // revoked while we waited
        return refuse_login(stream, {refusal::revoked, {}, 0});
    Worker &worker = session_.worker();
    Directory::Login login = worker.directory().enter(claim(), handshake_.wishes, silent,
                                                      worker.policy(), worker.loop().now());
    if (login.refusal)
        return refuse_login(stream, {login.refusal, {}, 0}, login.granted);

    settle(login);
    session_.logged_in(handshake_.who, login.granted);
    welcome(stream, login.granted);
    stream.resume();
}

// One more link of a session that stands: nothing to decide with anybody.
void Conversation::join(ControlStream &stream)
{
    Worker &worker = session_.worker();
    Claim link = {session_.carrier(), &handshake_.who, handshake_.joins};
    Directory::Joined joined = worker.directory().join(link, worker.policy());
    if (joined.refusal)
        return refuse_login(stream, {joined.refusal, {}, 0});
    session_.joined(handshake_.who, handshake_.joins, joined.links);
    welcome(stream, {});
}

void Conversation::welcome(ControlStream &stream, const std::vector<Granted> &granted)
{
    stage_ = Stage::talking;
    if (handshake_.control)
        control_ = &stream;
    handshake_.small_window = handshake_.small_window && session_.link().use_small_window();
    said(stream, say::welcome(stream, session_.name(), handshake_, granted));
    handshake_.wishes = {};
}

bool Conversation::renew_rights()
{
    const TokenTable &tokens = session_.worker().policy().tokens;
    auto today = tokens.find(handshake_.who.token, int64_t(time(nullptr)));
    if (today)
        handshake_.who.allowed = std::move(today->allowed);
    return today.has_value();
}

// What the directory decided, told to those whom it concerns: on their own workers.
void Conversation::settle(const Directory::Login &login)
{
    auto tell_there = [this](SessionRef whom, auto what) {
        Worker &there = session_.worker().sibling(whom.worker);
        there.loop().post([&there, whom, what] {
            if (Session *session = there.find_session(whom.id))
                what(*session);
        });
    };
    for (SessionRef link : login.replaced)
        tell_there(link, [](Session &session) { session.replace(); });
    for (SessionRef link : login.handed_over)
        tell_there(link, [](Session &session) { session.hand_over(); });
    for (SessionRef holder : login.dispossessed)
        tell_there(holder, [](Session &session) {
            session.close("silent, and its name went to another client of the same token");
        });
}

void Conversation::refuse_login(ControlStream &stream, const Judgement &judgement,
                                const std::vector<Granted> &granted)
{
    session_.worker().counters().logins_refused.add();
    log_warn("login refused", {{"session", session_.name()},
                               {"peer", session_.peer().text()},
                               {"code", judgement.refusal.code},
                               {"user", handshake_.who.user},
                               {"why", judgement.problem}});
    said(stream, say::no_login(stream, judgement, handshake_, granted));
    session_.close(judgement.refusal.sentence);
}

// ---------------------------------------------------------------- later

void Conversation::take(ControlStream &stream, const tn_control &message)
{
    static constexpr struct {
        tn_control_type type;
        Handler handle;
    } table[] = {
        {TN_CONTROL_ADD_TUNNEL, &Conversation::add_tunnel},
        {TN_CONTROL_REMOVE_TUNNEL, &Conversation::remove_tunnel},
        {TN_CONTROL_PING, &Conversation::answer_ping},
        {TN_CONTROL_PONG, &Conversation::ignore},
        {TN_CONTROL_ERROR, &Conversation::ignore},
        {TN_CONTROL_SHUTDOWN, &Conversation::shut_down},
    };
    for (const auto &row : table)
        if (row.type == message.type)
            return (this->*row.handle)(stream, message);

    bool again = message.type == TN_CONTROL_HANDSHAKE;
    const char *problem = again ? "the session is logged in" : "not a message for a server";
    said(stream, say::error(stream, refusal::protocol, problem, id_of(message)));
    if (again)
        session_.close("a second login");
}

void Conversation::add_tunnel(ControlStream &stream, const tn_control &message)
{
    TunnelWish wish;
    std::string problem;
    if (message.tunnel_count != 1 || !copy_wish(message.tunnels[0], wish, problem))
        return said(stream, say::error(stream, refusal::protocol, problem, id_of(message)));
    Worker &worker = session_.worker();
    std::vector<SessionRef> rivals = worker.directory().rivals(handshake_.who, {&wish, 1});
    if (rivals.empty())
        return finish_add(stream, wish, id_of(message), {});
    stream.pause();
    takeovers_[&stream] = std::make_unique<Takeover>(
        worker, rivals, worker.settings().takeover_timeout,
        [this, &stream, wish, id = id_of(message)](std::vector<SessionRef> silent) {
            finish_add(stream, wish, id, silent);
        });
}

void Conversation::finish_add(ControlStream &stream, const TunnelWish &wish,
                              const std::string &request_id, const std::vector<SessionRef> &silent)
{
    if (!renew_rights())
        return session_.dismiss(refusal::revoked, {});
    Worker &worker = session_.worker();
    Directory::Login login = worker.directory().add(claim(), wish, silent, worker.policy());
    settle(login);
    const Granted &granted = login.granted.front();
    log_info("tunnel added",
             {{"session", session_.name()},
              {"tunnel", granted.tunnel ? granted.tunnel->subdomain : wish.subdomain},
              {"code", granted.tunnel ? "ok" : granted.refusal.code}});
    said(stream, say::tunnel_update(stream, wish, granted, request_id));
    takeovers_.erase(&stream); // before a message behind this one starts another
    stream.resume();
}

void Conversation::remove_tunnel(ControlStream &stream, const tn_control &message)
{
    TunnelWish wish;
    wish.subdomain = message.subdomain ? message.subdomain : "";
    auto tunnel = session_.worker().directory().remove(session_.ref(), wish.subdomain);
    if (tunnel) {
        wish.subdomain = tunnel->subdomain;
        wish.local_port = tunnel->local_port;
        log_info("tunnel removed", {{"session", session_.name()}, {"tunnel", wish.subdomain}});
    }
    Granted gone = {nullptr, tunnel ? Refusal{} : refusal::not_yours};
    said(stream, say::tunnel_update(stream, wish, gone, id_of(message)));
}

void Conversation::answer_ping(ControlStream &stream, const tn_control &message)
{
    const char *timestamp = message.ping_timestamp ? message.ping_timestamp : "";
    said(stream, say::pong(stream, timestamp, id_of(message)));
}

void Conversation::ignore(ControlStream &, const tn_control &) {}

void Conversation::shut_down(ControlStream &, const tn_control &message)
{
    log_info("client shuts down",
             {{"session", session_.name()}, {"why", message.error ? message.error : ""}});
    constexpr int64_t longest_ms = 3600 * 1000;
    int64_t grace_ms = std::clamp<int64_t>(message.grace_period_ms, 0, longest_ms);
    session_.wind_down(Micros(grace_ms) * millisecond);
}

// ---------------------------------------------------------------- saying

// A stream of its own has done its work with the answer. Who does not read answers gets no more.
void Conversation::said(ControlStream &stream, bool sent)
{
    if (!sent && !stream.over())
        return session_.fail("answers to control messages are not read");
    if (&stream != control_)
        stream.finish();
}

// Where we speak unasked: the control stream, or one that we open for it.
ControlStream &Conversation::voice()
{
    if (control_)
        return *control_;
    streams_.push_back(std::make_unique<ControlStream>(session_.link(), owner()));
    return *streams_.back();
}

void Conversation::tell_error(const Refusal &refusal, const std::string &problem)
{
    ControlStream &stream = voice();
    say::error(stream, refusal, problem, {});
    if (&stream != control_)
        stream.finish();
}

void Conversation::tell_lost(const std::shared_ptr<Tunnel> &tunnel)
{
    TunnelWish was;
    was.subdomain = tunnel->subdomain;
    was.local_port = tunnel->local_port;
    ControlStream &stream = voice();
    say::tunnel_update(stream, was, {nullptr, refusal::name_not_allowed}, {});
    if (&stream != control_)
        stream.finish();
}

void Conversation::tell_shutdown(Micros grace)
{
    ControlStream &stream = voice();
    say::shutdown(stream, grace);
    if (&stream != control_)
        stream.finish();
}

} // namespace tunnel
