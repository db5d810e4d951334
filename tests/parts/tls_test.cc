// SPDX-License-Identifier: ISC
//
// TLS contexts, and connections under TLS.

#include "base/failure.h"
#include "check.h"
#include "net/tls.h"
#include "peers.h"

#include <fstream>
#include <sys/stat.h>

using namespace tunnel;
using peers::Certificate;
using peers::Probe;
using peers::run_until;

namespace {

const Certificate &certificate()
{
    static Certificate made("tunnel.test");
    return made;
}

using Verify = TlsContext::Verify;

Verify by_ca(const std::string &file)
{
    Verify verify;
    verify.by = Verify::By::ca_file;
    verify.ca_file = file;
    return verify;
}

Verify by_pin(const std::string &pin)
{
    Verify verify;
    verify.pin = pin;
    return verify;
}

struct Pair {
    explicit Pair(const Verify &verify, const std::string &host = "tunnel.test")
        : server_context(TlsContext::server(certificate().cert, certificate().key)),
          client_context(TlsContext::client(verify))
    {
        auto [a, b] = peers::tcp_pair();
        client = std::make_unique<Probe>(loop, std::move(a), client_context->connect(host));
        server = std::make_unique<Probe>(loop, std::move(b), server_context->accept());
    }
    bool open()
    {
        return run_until(loop, [&] { return client->opened && server->opened; });
    }
    SSL *ssl() { return client->connection->ssl(); }

    Loop loop;
    std::shared_ptr<TlsContext> server_context, client_context;
    std::unique_ptr<Probe> client, server;
};

// The client puts its secret at once, and must not have it sent.
std::string refusal(const Verify &verify, const std::string &host)
{
    Pair p(verify, host);
    p.client->write("the token");
    CHECK(run_until(p.loop,
                    [&] { return p.client->broken && (p.server->broken || p.server->ended); }));
    CHECK_EQUAL(p.client->opened, 0);
    CHECK(p.server->received.empty());
    CHECK_EQUAL(p.client->sent, 0u);
    CHECK(tls_verification_failed(p.ssl()));
    CHECK_EQUAL(tls_peer_fingerprint(p.ssl()), p.server_context->fingerprint());
    CHECK(p.client->connection->error().find(p.server_context->fingerprint()) != std::string::npos);
    return p.client->connection->error();
}

std::string failure_of(const std::function<void()> &work, Exit code)
{
    try {
        work();
    } catch (const Failure &failure) {
        CHECK_EQUAL(failure.code(), code);
        return failure.what();
    }
    return "";
}

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

TEST(a_handshake_and_bytes_both_ways)
{
    Pair p(by_ca(certificate().cert));
    p.client->write("early");
    CHECK(p.open());
    CHECK_EQUAL(tls_version_text(p.ssl()), "TLS 1.3");
    p.server->write("answer");
    CHECK(run_until(
        p.loop, [&] { return p.client->received == "answer" && p.server->received == "early"; }));
    CHECK_EQUAL(p.client->sent, 5u);
    CHECK_EQUAL(p.client->connection->queued(), 0u);
    const uint8_t *chosen;
    unsigned size;
    SSL_get0_alpn_selected(p.ssl(), &chosen, &size);
    CHECK_EQUAL(std::string(reinterpret_cast<const char *>(chosen), size), "tunnel/1");
    CHECK(!tls_verification_failed(p.ssl()));
}

TEST(every_way_of_verifying_accepts_the_right_server)
{
    Verify off;
    off.by = Verify::By::off;
    for (const Verify &verify :
         {by_ca(certificate().cert), by_pin(Pair(off).server_context->fingerprint()), off}) {
        Pair p(verify);
        CHECK(p.open());
        CHECK(!tls_verification_failed(p.ssl()));
    }
    Pair below(by_ca(certificate().cert), "name.tunnel.test");
    CHECK(below.open());
}

TEST(a_wrong_server_is_refused_before_a_byte_is_sent)
{
    CHECK(has(refusal({}, "tunnel.test"), "self-signed"));
    CHECK(has(refusal(by_pin("sha256:" + std::string(64, '0')), "tunnel.test"), "not the pinned"));
    CHECK(has(refusal(by_ca(certificate().cert), "other.test"), "not for the name other.test"));
    CHECK(has(refusal(by_ca(certificate().cert), "127.0.0.1"), "not for the name 127.0.0.1"));
    CHECK(has(refusal(by_ca(certificate().cert), "a.b.tunnel.test"), "not for the name"));
    Certificate other("tunnel.test");
    CHECK(!refusal(by_ca(other.cert), "tunnel.test").empty());
}

TEST(a_certificate_for_an_address_is_checked_against_it)
{
    Certificate numbered("127.0.0.1");
    Loop loop;
    auto [a, b] = peers::tcp_pair();
    auto client_context = TlsContext::client(by_ca(numbered.cert));
    auto server_context = TlsContext::server(numbered.cert, numbered.key);
    Probe client(loop, std::move(a), client_context->connect("127.0.0.1"));
    Probe server(loop, std::move(b), server_context->accept());
    CHECK(run_until(loop, [&] { return client.opened && server.opened; }));
}

TEST(half_close_by_close_notify_leaves_the_other_direction_open)
{
    Pair p(by_ca(certificate().cert));
    p.client->write("last");
    p.client->connection->finish();
    CHECK(run_until(p.loop, [&] { return p.server->ended; }));
    CHECK(p.server->received == "last" && p.server->connection->end() == Connection::End::fin);
    p.server->write("still there");
    p.server->connection->finish();
    CHECK(run_until(p.loop, [&] { return p.client->ended; }));
    CHECK(p.client->received == "still there");
    CHECK(p.client->connection->end() == Connection::End::fin);
    CHECK_EQUAL(p.client->broken + p.server->broken, 0);
}

TEST(an_end_without_close_notify_is_broken)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    p.client->write("cut");
    CHECK(run_until(p.loop, [&] { return p.client->sent == 3; }));
    p.client.reset();
    CHECK(run_until(p.loop, [&] { return p.server->ended; }));
    CHECK(p.server->received == "cut");
    CHECK(p.server->connection->end() == Connection::End::broken);
    CHECK(has(p.server->connection->error(), "close_notify"));
}

TEST(a_reset_is_broken)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    p.client->connection->reset();
    CHECK(run_until(p.loop, [&] { return p.server->ended; }));
    CHECK_EQUAL(p.server->connection->error(), "Connection reset by peer");
}

// Records that a broken connection could not send any more stayed with the loop, and the next
// connection sent them as its own: each lost link took another one with it.
TEST(what_a_broken_connection_sealed_is_not_sent_on_another)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    auto [a, b] = peers::tcp_pair();
    Probe client(p.loop, std::move(a), p.client_context->connect("tunnel.test"));
    Probe server(p.loop, std::move(b), p.server_context->accept());
    CHECK(run_until(p.loop, [&] { return client.opened && server.opened; }));
    p.server->connection->reset();
    const uint8_t piece[] = {'p'};
    for (Probe *sender : {p.client.get(), &client}) // so much that it leaves before a read
        for (int i = 0; i < 1000; i++)
            sender->connection->put(piece);
    CHECK(run_until(p.loop, [&] { return server.received.size() == 1000 || server.ended; }));
    CHECK_EQUAL(server.received, std::string(1000, 'p'));
    CHECK(!server.ended && !server.broken);
}

TEST(bytes_that_are_no_tls_break_the_connection)
{
    Loop loop;
    auto [a, b] = peers::tcp_pair();
    auto context = TlsContext::server(certificate().cert, certificate().key);
    Probe server(loop, std::move(b), context->accept());
    std::string request = "GET / HTTP/1.1\r\n\r\n";
    send(a.get(), request.data(), request.size(), 0);
    CHECK(run_until(loop, [&] { return server.broken; }));
    CHECK_EQUAL(server.connection->error(), "the peer does not speak TLS");
}

TEST(a_forged_record_is_broken_and_gives_no_byte)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    std::string forged("\x17\x03\x03\x00\x20", 5);
    forged += peers::pattern(32);
    send(p.client->connection->fd(), forged.data(), forged.size(), 0);
    CHECK(run_until(p.loop, [&] { return p.server->ended; }));
    CHECK(p.server->received.empty());
    CHECK(p.server->connection->end() == Connection::End::broken);
    CHECK(has(p.server->connection->error(), "bad record mac"));
    CHECK(run_until(p.loop, [&] { return p.client->ended; })); // by the alert
    CHECK(has(p.client->connection->error(), "alert bad record mac"));
}

TEST(a_peer_that_offers_another_protocol_is_refused)
{
    Loop loop;
    auto [a, b] = peers::tcp_pair();
    auto server_context = TlsContext::server(certificate().cert, certificate().key);
    auto client_context = TlsContext::client(by_ca(certificate().cert));
    SslPtr ssl = client_context->connect("tunnel.test");
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const uint8_t *>("\x02h2"), 3);
    Probe client(loop, std::move(a), std::move(ssl)),
        server(loop, std::move(b), server_context->accept());
    CHECK(run_until(loop, [&] { return client.broken && server.broken; }));
    CHECK(!tls_verification_failed(client.connection->ssl()));
}

TEST(a_peer_that_offers_no_protocol_is_accepted)
{
    Loop loop;
    auto [a, b] = peers::tcp_pair();
    auto server_context = TlsContext::server(certificate().cert, certificate().key);
    auto client_context = TlsContext::client(by_ca(certificate().cert));
    SslPtr ssl = client_context->connect("tunnel.test");
    SSL_set_alpn_protos(ssl.get(), nullptr, 0);
    Probe client(loop, std::move(a), std::move(ssl)),
        server(loop, std::move(b), server_context->accept());
    CHECK(run_until(loop, [&] { return client.opened && server.opened; }));
}

TEST(tls_1_1_is_refused_and_1_2_is_not)
{
    for (int version : {TLS1_1_VERSION, TLS1_2_VERSION}) {
        Loop loop;
        auto [a, b] = peers::tcp_pair();
        auto server_context = TlsContext::server(certificate().cert, certificate().key);
        auto client_context = TlsContext::client(by_ca(certificate().cert));
        SslPtr ssl = client_context->connect("tunnel.test");
        SSL_set_min_proto_version(ssl.get(), version);
        SSL_set_max_proto_version(ssl.get(), version);
        SSL_set_security_level(ssl.get(), 0);
        Probe client(loop, std::move(a), std::move(ssl));
        Probe server(loop, std::move(b), server_context->accept());
        bool good = version == TLS1_2_VERSION;
        CHECK(run_until(loop, [&] { return client.opened + client.broken > 0; }));
        CHECK_EQUAL(client.opened, good ? 1 : 0);
        if (!good)
            continue;
        std::string big = peers::pattern(1 << 20);
        client.write(big);
        client.connection->finish();
        CHECK(run_until(loop, [&] { return server.ended; }));
        CHECK(server.received == big && server.connection->end() == Connection::End::fin);
    }
}

TEST(small_reads_lose_nothing)
{
    for (size_t step : {1u, 100u, 16'384u, 20'000u}) {
        Pair p(by_ca(certificate().cert));
        p.server->step = step;
        std::string bytes = peers::pattern(step == 1 ? 100'000 : 3'000'000);
        p.client->write(bytes);
        p.client->connection->finish();
        CHECK(run_until(p.loop, [&] { return p.server->ended; }));
        CHECK(p.server->received == bytes);
        CHECK(p.server->connection->end() == Connection::End::fin);
    }
}

// Two readers share the loop's scratch: what one has not yet decrypted is not the other's.
TEST(an_owner_that_pauses_in_the_middle_keeps_its_bytes)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    p.server->reads = false;
    std::string bytes = peers::pattern(100'000);
    p.client->write(bytes);
    CHECK(run_until(p.loop, [&] { return p.server->readables > 0; }));
    uint8_t part[10];
    CHECK_EQUAL(p.server->connection->read(part, sizeof part), 10);
    CHECK(p.server->connection->readable());
    memset(p.loop.cipher_in(), 0xff, Loop::cipher_in_size);
    peers::run_for(p.loop, 20 * millisecond);
    p.server->reads = true;
    p.server->drain();
    CHECK(run_until(p.loop, [&] { return p.server->received.size() == bytes.size() - 10; }));
    CHECK(p.server->received == bytes.substr(10));
}

TEST(a_slow_reader_holds_the_sender_back)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    p.server->reads = false;
    std::string big = peers::pattern(16 << 20);
    p.client->write(big);
    peers::run_for(p.loop, 50 * millisecond);
    CHECK(p.client->connection->queued() > 0);
    CHECK_EQUAL(p.client->sent + p.client->connection->queued(), big.size());
    p.server->reads = true;
    p.server->drain();
    CHECK(run_until(p.loop, [&] { return p.server->received.size() == big.size(); }));
    CHECK(p.server->received == big);
    CHECK(run_until(p.loop, [&] { return p.client->sent == big.size(); }));
}

TEST(sixty_four_mebibytes_each_way_are_exact)
{
    Pair p(by_ca(certificate().cert));
    CHECK(p.open());
    std::string big = peers::pattern(64 << 20);
    struct Source {
        Probe &probe;
        const std::string &bytes;
        size_t at = 0;
        void more()
        {
            if (probe.connection->queued() > 0)
                return;
            size_t n = std::min<size_t>(bytes.size() - at, 700'001);
            auto *from = reinterpret_cast<const uint8_t *>(bytes.data()) + at;
            for (size_t done = 0; done < n; done += 65'551)
                probe.connection->put({from + done, std::min<size_t>(n - done, 65'551)});
            at += n;
            if (at == bytes.size())
                probe.connection->finish();
        }
    } up{*p.client, big}, down{*p.server, big};
    p.client->then_sent = [&] { up.more(); };
    p.server->then_sent = [&] { down.more(); };
    up.more();
    down.more();
    CHECK(run_until(p.loop, [&] { return p.client->ended && p.server->ended; }));
    CHECK(p.client->received == big && p.server->received == big);
    CHECK_EQUAL(p.client->sent, big.size());
}

TEST(bad_files_and_pins_are_named)
{
    const std::string &cert = certificate().cert, &key = certificate().key;
    std::string missing = certificate().directory + "/missing.pem";
    CHECK(has(failure_of([&] { TlsContext::server(missing, key); }, exit_config), missing));
    CHECK(has(failure_of([&] { TlsContext::server(missing, key); }, exit_config), "No such file"));
    CHECK(has(failure_of([&] { TlsContext::server(cert, missing); }, exit_config), missing));
    CHECK_EQUAL(failure_of([&] { TlsContext::server(key, key); }, exit_config),
                key + ": cannot use the certificate: there is no PEM of that kind in it");
    Certificate other("other.test");
    CHECK(has(failure_of([&] { TlsContext::server(cert, other.key); }, exit_config),
              "does not match"));
    CHECK(has(failure_of([&] { TlsContext::client(by_ca(missing)); }, exit_config), missing));
    for (const char *pin : {"x", "sha256:", "sha256:abcd", "sha1:00", "0000"})
        CHECK(has(failure_of([&] { TlsContext::client(by_pin(pin)); }, exit_config), "pin"));
}

TEST(a_made_certificate_is_private_and_lasts_ten_years)
{
    struct stat key = {};
    CHECK_EQUAL(stat(certificate().key.c_str(), &key), 0);
    CHECK_EQUAL(key.st_mode & 0777, 0600u);
    auto context = TlsContext::server(certificate().cert, certificate().key);
    CHECK(context->days_left() >= 3649 && context->days_left() <= 3650);
    CHECK(context->fingerprint().starts_with("sha256:") && context->fingerprint().size() == 71);
    CHECK(has(failure_of([] { tls_make_self_signed("x", "/dev/null/c", "/dev/null/k"); },
                         exit_cannot_create),
              "/dev/null/k"));
}
