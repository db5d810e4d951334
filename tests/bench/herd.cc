// SPDX-License-Identifier: ISC
//
// Many clients in one process: each logs in over TLS of its own, with one tunnel, and then does
// what an idle client does, nothing but the mux' signs of life.
//
//   herd PORT PIN TOKEN COUNT     prints "online N" when all have tried, "lost N" at the end,
//                                 which is the end of standard input
//
// One loop; a thread waits for standard input.

#include "base/process.h"
#include "base/random.h"
#include "client/control_channel.h"
#include "net/dialer.h"
#include "net/tls.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace tunnel;

namespace {

constexpr size_t logins_at_once = 16;
constexpr Micros ping_interval = 10 * second;
constexpr Micros dial_timeout = 10 * second;

class Herd;

// One client, from its dial to its end.
class Member final : private Link::Owner, private ControlChannel::Owner {
public:
    Member(Herd &herd, size_t number);
    bool online() const { return online_; }

private:
    void on_dialed(Dialer::Outcome outcome);
    void on_link_open() noexcept override;
    void on_link_stream(std::unique_ptr<Stream> stream) noexcept override;
    void on_link_closed(const std::string &reason) noexcept override;
    void on_control_message(const tn_control &message) noexcept override;
    void on_control_end(const std::string &) noexcept override {}

    Herd &herd_;
    std::string name_;
    std::unique_ptr<Dialer> dialer_;
    std::unique_ptr<Link> link_;
    ControlChannel control_{*this};
    bool online_ = false;
};

class Herd {
public:
    Herd(uint16_t port, const std::string &pin, std::string token, size_t count);
    void run();

    void on_online();
    void on_lost(bool was_online, const std::string &reason);

    Loop loop;
    const uint16_t port;
    const std::string token;
    std::shared_ptr<TlsContext> tls;
    tn_mux_pool *pool = nullptr;

private:
    void add();
    void settle();

    const size_t count_;
    size_t online_ = 0; // ever
    size_t failed_ = 0; // before that
    size_t lost_ = 0;
    std::vector<std::unique_ptr<Member>> members_;
};

// -------------------------------------------------------------------------------- member

Member::Member(Herd &herd, size_t number) : herd_(herd), name_("herd" + std::to_string(number))
{
    dialer_ = std::make_unique<Dialer>(
        herd.loop, "127.0.0.1", herd.port, dial_timeout,
        [this](Dialer::Outcome outcome) { on_dialed(std::move(outcome)); });
}

void Member::on_dialed(Dialer::Outcome outcome)
{
    herd_.loop.retire(std::move(dialer_)); // we are inside its callback
    if (!outcome.socket)
        return herd_.on_lost(false, outcome.error);
    tn_mux_config config;
    tn_mux_config_init(&config);
    // Shortened by up to a fifth, as a client does: not all together.
    config.ping_interval_ms =
        uint32_t((ping_interval - Micros(random_below(ping_interval / 5))) / millisecond);
    link_ = std::make_unique<Link>(herd_.loop, herd_.pool, std::move(outcome.socket),
                                   herd_.tls->connect("localhost"), TN_CLIENT, config,
                                   static_cast<Link::Owner &>(*this));
}

void Member::on_link_open() noexcept
{
    tn_tunnel_request tunnel = {};
    tunnel.subdomain = name_.c_str();
    tunnel.local_port = 1;
    tn_control message = {};
    message.type = TN_CONTROL_HANDSHAKE;
    message.version = TN_PROTOCOL_VERSION;
    message.token = herd_.token.c_str();
    message.client_id = name_.c_str();
    message.tunnels = &tunnel;
    message.tunnel_count = 1;
    control_.open(*link_);
    control_.send(message);
}

void Member::on_control_message(const tn_control &message) noexcept
{
    if (message.type != TN_CONTROL_HANDSHAKE_RESPONSE)
        return;
    if (!message.success)
        return link_->close(message.error ? message.error : "refused");
    control_.close();
    online_ = true;
    herd_.on_online();
}

void Member::on_link_stream(std::unique_ptr<Stream> stream) noexcept
{
    stream->reset(TN_RST_REFUSED); // nobody is served here
}

void Member::on_link_closed(const std::string &reason) noexcept
{
    herd_.on_lost(online_, reason);
    online_ = false;
}

// ---------------------------------------------------------------------------------- herd

TlsContext::Verify pinned(const std::string &pin)
{
    TlsContext::Verify verify;
    verify.pin = pin;
    return verify;
}

Herd::Herd(uint16_t server_port, const std::string &pin, std::string server_token, size_t count)
    : port(server_port), token(std::move(server_token)), tls(TlsContext::client(pinned(pin))),
      count_(count)
{
    if (tn_mux_pool_create(nullptr, &pool) != TN_OK)
        abort();
}

void Herd::add()
{
    if (members_.size() < count_)
        members_.push_back(std::make_unique<Member>(*this, members_.size()));
}

void Herd::on_online()
{
    online_++;
    settle();
}

void Herd::on_lost(bool was_online, const std::string &reason)
{
    if (lost_++ == 0)
        fprintf(stderr, "herd: the first loss: %s\n", reason.c_str());
    if (was_online)
        return;
    failed_++;
    settle();
}

// One try is over.
void Herd::settle()
{
    add();
    if (online_ + failed_ < count_)
        return;
    printf("online %zu\n", online_);
    fflush(stdout);
}

void Herd::run()
{
    std::thread patience([this] {
        char byte;
        while (read(STDIN_FILENO, &byte, 1) > 0) {
        }
        loop.stop();
    });
    for (size_t i = 0; i < logins_at_once; i++)
        add();
    loop.run();
    patience.join();
    printf("lost %zu\n", lost_);
    fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: herd PORT PIN TOKEN COUNT\n", stderr);
        return 2;
    }
    raise_descriptor_limit();
    Herd herd(uint16_t(atoi(argv[1])), argv[2], argv[3], size_t(atol(argv[4])));
    herd.run();
    _exit(0); // ten thousand goodbyes would only be noise
}
