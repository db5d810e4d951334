// SPDX-License-Identifier: ISC

#include "client/round_trip.h"

#include "base/random.h"
#include "base/text.h"
#include "client/probe.h"
#include "client/verdict.h"
#include "flow/web.h"
#include "net/connection.h"
#include "net/listener.h"

namespace tunnel {

namespace {

constexpr size_t secret_bytes = 16;
constexpr size_t answer_max = 16 * 1024; // bytes; ours is shorter
constexpr size_t shown_max = 60;         // bytes of a foreign answer's first line

// "http://name.example.com:8080" in its parts.
struct Url {
    bool tls = false;
    std::string authority; // as it stands there
    std::string host;
    uint16_t port = 0;

    static std::optional<Url> parse(std::string_view text)
    {
        const bool tls = text.starts_with("https://");
        if (!tls && !text.starts_with("http://"))
            return {};
        text.remove_prefix(tls ? 8 : 7);
        const std::string authority(text.substr(0, text.find('/')));
        std::string place = authority;
        if (place.find(':') == place.npos)
            place += tls ? ":443" : ":80";
        const auto found = HostPort::parse(place);
        if (!found)
            return {};
        return Url{tls, authority, found->host, found->port};
    }
};

// One visitor: a request, and the answer up to its end.
class Visitor final : private Connection::Owner {
public:
    Visitor(Loop &loop, const Url &url, const std::string &path, Micros timeout)
        : loop_(loop), url_(url), path_(path),
          deadline_(loop, [this] { end("no answer within the time for a handshake"); }),
          dialer_(loop, url.host, url.port, timeout,
                  [this](Dialer::Outcome outcome) { on_dialed(std::move(outcome)); })
    {
        deadline_.start(timeout + second); // the dialer's own comes first
    }

    const std::string &answer() const { return answer_; }
    const std::string &error() const { return error_; } // empty: there was an answer

private:
    void on_dialed(Dialer::Outcome outcome)
    {
        if (!outcome.socket)
            return end(hop_name(outcome_hop(outcome)) + (": " + outcome.error));
        TlsContext::Verify verify;
        verify.web = true;
        SslPtr ssl = url_.tls ? TlsContext::client(verify)->connect(url_.host) : nullptr;
        connection_ =
            std::make_unique<Connection>(loop_, std::move(outcome.socket),
                                         static_cast<Connection::Owner &>(*this), std::move(ssl));
        if (!url_.tls)
            on_open();
    }

    void on_open() noexcept override
    {
        const std::string request = "GET " + path_ + " HTTP/1.1\r\nHost: " + url_.authority +
                                    "\r\nUser-Agent: tunnel-doctor\r\nConnection: close\r\n\r\n";
        connection_->write({reinterpret_cast<const uint8_t *>(request.data()), request.size()});
    }

    void on_readable() noexcept override
    {
        char buffer[4096];
        ssize_t n;
        while ((n = connection_->read(reinterpret_cast<uint8_t *>(buffer), sizeof buffer)) > 0) {
            answer_.append(buffer, size_t(n));
            if (answer_.size() > answer_max)
                return end("");
        }
        if (n < 0)
            end(answer_.empty() ? "the connection was closed without an answer" : "");
    }

    void on_sent(size_t) noexcept override {}
    void on_broken() noexcept override { end(connection_->error()); }

    void end(const std::string &error)
    {
        error_ = error;
        loop_.stop();
    }

    Loop &loop_;
    Url url_;
    std::string path_;
    std::string answer_;
    std::string error_;
    Timer deadline_;
    Dialer dialer_;
    std::unique_ptr<Connection> connection_;
};

std::string first_line(const std::string &answer)
{
    std::string line;
    append_escaped(line, std::string_view(answer).substr(
                             0, std::min(answer.find_first_of("\r\n"), shown_max)));
    return line;
}

// Sends a visitor on his way to the page that `probe` serves.
Finding visit(Probe &probe, const std::string &url_text, Descriptor listening, Micros timeout)
{
    const std::string path = "/" + random_hex(secret_bytes), page = random_hex(secret_bytes);
    const auto url = Url::parse(url_text);
    if (!url)
        return doubtful(Hop::round_trip, url_text + ": not a URL that could be tried", "");
    WebServer server(probe.loop(),
                     {{"GET", path.c_str(), [&](const std::shared_ptr<WebCall> &call) {
                           call->answer(200, "text/plain", page);
                       }}});
    server.listen(std::move(listening));
    const Micros start = monotonic_now();
    Visitor visitor(probe.loop(), *url, path, timeout);
    probe.loop().run();
    const Micros took = monotonic_now() - start;

    if (!visitor.error().empty() || visitor.answer().empty())
        return failed(Hop::round_trip,
                      url_text + ": " +
                          (visitor.error().empty() ? "the session was lost" : visitor.error()));
    if (visitor.answer().find(page) == std::string::npos)
        return failed(Hop::round_trip,
                      url_text + ": answered \"" + first_line(visitor.answer()) +
                          "\", which is not from here",
                      "does that name lead to this server, or to something in front of it?");
    return good(Hop::round_trip, url_text + " reaches this client (" +
                                     std::to_string((took + millisecond / 2) / millisecond) +
                                     " ms)");
}

} // namespace

RoundTrip try_round_trip(ClientSettings settings, const std::string &subdomain)
{
    Descriptor listening = Listener::bind(*Address::numeric("127.0.0.1", 0), false);
    settings.tunnels = {{.name = "doctor",
                         .subdomain = subdomain,
                         .local_port = Address::local_of(listening.get()).port(),
                         .local_host = "127.0.0.1",
                         .protocol = TunnelProtocol::http}};
    Probe probe(settings);
    if (probe.log_in())
        return {RoundTrip::Way::tried, visit(probe, probe.tunnels()[0].url, std::move(listening),
                                             settings.handshake_timeout)};
    const SessionEnd &end = probe.end();
    const Complaint complaint =
        judge({end, settings.server_addr, subdomain, false, false}).complaint;
    return {end.code == "SUBDOMAIN_TAKEN" ? RoundTrip::Way::held : RoundTrip::Way::refused,
            failed(Hop::round_trip, complaint, complaint.what + " (" + end.sentence + ")")};
}

} // namespace tunnel
