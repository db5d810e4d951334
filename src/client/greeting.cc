// SPDX-License-Identifier: ISC

#include "client/greeting.h"

#include "client/session_parts.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/loop.h"
#include "net/timer.h"

namespace tunnel {

namespace {

class Greeter final : private Connection::Owner {
public:
    explicit Greeter(const ClientSettings &settings)
        : server_(settings.server()), tls_(make_client_tls(settings)),
          deadline_(loop_, [this] { fail("no answer in time", Hop::tls); }),
          dialer_(loop_, server_.host, server_.port, settings.handshake_timeout,
                  [this](Dialer::Outcome outcome) { on_dialed(std::move(outcome)); })
    {
        deadline_.start(settings.handshake_timeout + second); // the dialer's own comes first
    }

    Greeting run()
    {
        loop_.run();
        return result_;
    }

private:
    void on_dialed(Dialer::Outcome outcome)
    {
        if (!outcome.socket)
            return fail(outcome.error, outcome_hop(outcome));
        if (!tls_) {
            result_.trusted = true;
            return loop_.stop();
        }
        connection_ = std::make_unique<Connection>(loop_, std::move(outcome.socket),
                                                   static_cast<Connection::Owner &>(*this),
                                                   tls_->connect(server_.host));
    }

    void on_open() noexcept override
    {
        SSL *ssl = connection_->ssl();
        result_.trusted = true;
        result_.tls_version = tls_version_text(ssl);
        result_.fingerprint = tls_peer_fingerprint(ssl);
        result_.days_left = tls_peer_days_left(ssl);
        connection_->finish();
        loop_.stop();
    }

    void on_readable() noexcept override
    {
        uint8_t byte;
        if (connection_->read(&byte, 1) < 0)
            on_broken();
    }

    void on_sent(size_t) noexcept override {}

    void on_broken() noexcept override
    {
        if (result_.trusted)
            return;
        bool untrusted = tls_verification_failed(connection_->ssl());
        if (untrusted)
            result_.end.why = SessionEnd::Why::untrusted;
        result_.end.fingerprint = tls_peer_fingerprint(connection_->ssl());
        fail(connection_->error(), Hop::tls);
    }

    void fail(const std::string &sentence, Hop hop)
    {
        result_.end.sentence = sentence;
        result_.end.hop = hop;
        loop_.stop();
    }

    ClientSettings::Server server_;
    std::shared_ptr<TlsContext> tls_;
    Loop loop_;
    Timer deadline_;
    Dialer dialer_;
    std::unique_ptr<Connection> connection_;
    Greeting result_;
};

} // namespace

Greeting greet(const ClientSettings &settings) { return Greeter(settings).run(); }

} // namespace tunnel
