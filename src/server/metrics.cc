// SPDX-License-Identifier: ISC

#include "server/metrics.h"

#include "config.h"

#include <algorithm>
#include <cstdio>

namespace tunnel {

namespace {

std::string number(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", value);
    return text;
}

class Page {
public:
    Page &family(const char *name, const char *type, const char *help)
    {
        name_ = std::string("tunneld_") + name;
        text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
        return *this;
    }
    // `labels`: `code="2xx"`; the values of ours need no escaping.
    Page &sample(const std::string &labels, double value, const char *suffix = "")
    {
        text_ += name_ + suffix + (labels.empty() ? "" : "{" + labels + "}") + " " + number(value) +
                 "\n";
        return *this;
    }
    std::string take() { return std::move(text_); }

private:
    std::string name_, text_;
};

double seconds(Micros span) { return double(span) / double(second); }

std::string label(const char *name, const std::string &value)
{
    return std::string(name) + "=\"" + value + "\"";
}

// One value, one line.
struct Row {
    const char *name, *type, *help;
    double (*value)(const Survey &survey, const ServerFacts &facts);
};

using S = const Survey &;
using F = const ServerFacts &;

constexpr Row rows[] = {
    {"up_seconds", "gauge", "Time since the start.", [](S, F f) { return double(seconds(f.up)); }},
    {"draining", "gauge", "1 while the server is stopping.",
     [](S, F f) { return double(f.draining); }},
    {"sessions", "gauge", "Clients that have logged in.",
     [](S s, F) { return double(s.clients()); }},
    {"links", "gauge", "Connections of clients that have logged in.",
     [](S s, F) { return double(s.links); }},
    {"tunnels", "gauge", "Names that are bound.", [](S s, F) { return double(s.tunnels.size()); }},
    {"streams", "gauge", "Visits in progress.", [](S s, F) { return double(s.streams); }},
    {"visitors", "gauge", "Connections of visitors.", [](S s, F) { return double(s.visitors); }},
    {"buffered_bytes", "gauge", "What waits for a client or a visitor to take it.",
     [](S s, F) { return double(s.buffered); }},
    {"memory_held_bytes", "gauge", "Memory of everything that waits in the server's queues.",
     [](S, F f) { return double(f.memory_held); }},
    {"memory_limit_bytes", "gauge", "How much that may be; 0: no limit.",
     [](S, F f) { return double(f.memory_limit); }},
    {"memory_step", "gauge",
     "What is done about it: 0 nothing, 1 refuse, 2 close idle visitors too, 3 reset the largest.",
     [](S, F f) { return double(f.memory_step); }},
    {"descriptors", "gauge", "Open descriptors.", [](S, F f) { return double(f.descriptors); }},
    {"descriptors_max", "gauge", "How many there may be.",
     [](S, F f) { return double(f.descriptor_limit); }},
    {"logins_total", "counter", "Connections of clients that logged in.",
     [](S s, F) { return double(s.logins); }},
    {"logins_refused_total", "counter", "Logins that were refused.",
     [](S s, F) { return double(s.logins_refused); }},
    {"handshakes_dropped_total", "counter",
     "Connections of clients that were closed unheard, for their number.",
     [](S s, F) { return double(s.handshakes_dropped); }},
    {"log_lost_total", "counter", "Lines of the log that were suppressed or dropped.",
     [](S, F f) { return double(f.log_lost); }},
};

void write_requests(Page &page, const Survey &survey)
{
    static constexpr const char *classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    page.family("requests_total", "counter",
                "Requests of visitors, by the class of the response's status.");
    for (size_t i = 0; i < survey.responses.size(); i++)
        page.sample(label("code", classes[i]), double(survey.responses[i]));
    page.family("bytes_total", "counter", "Bytes of requests' bodies (in) and of responses (out).");
    page.sample(label("direction", "in"), double(survey.bytes_in));
    page.sample(label("direction", "out"), double(survey.bytes_out));
    page.family("rejects_total", "counter",
                "Requests that the server answered itself, or cut, and visitors it turned away.");
    for (unsigned i = 0; i < reason_count; i++)
        if (Reason(i) != Reason::ok)
            page.sample(label("reason", reason_name(Reason(i))), double(survey.rejects[i]));
}

void write_durations(Page &page, const Survey &survey)
{
    page.family("request_duration_seconds", "histogram",
                "From a request's first byte to its response's last; without upgrades.");
    uint64_t count = 0;
    for (size_t i = 0; i < survey.durations.size(); i++) {
        count += survey.durations[i];
        const bool last = i == Histogram::bounds.size();
        page.sample(label("le", last ? "+Inf" : number(seconds(Histogram::bounds[i]))),
                    double(count), "_bucket");
    }
    page.sample("", seconds(survey.duration_sum), "_sum");
    page.sample("", double(count), "_count");
}

void write_loops(Page &page, const Survey &survey)
{
    page.family("loop_delay_seconds", "gauge",
                "How long this question waited for the worker's turn.");
    for (size_t i = 0; i < survey.loop_delays.size(); i++)
        page.sample(label("worker", std::to_string(i)), seconds(survey.loop_delays[i]));
}

// The busiest, if they are too many. The numbers go on changing meanwhile, so they are taken once.
std::vector<const Tunnel *> busiest(const Survey &survey)
{
    std::vector<std::pair<uint64_t, const Tunnel *>> ranked;
    for (const Directory::Bound &bound : survey.tunnels)
        ranked.emplace_back(bound.tunnel->traffic.requests.load(), bound.tunnel.get());
    auto busier = [](const auto &a, const auto &b) { return a.first > b.first; };
    if (ranked.size() > metrics_tunnels_max) {
        std::nth_element(ranked.begin(), ranked.begin() + metrics_tunnels_max, ranked.end(),
                         busier);
        ranked.resize(metrics_tunnels_max);
    }
    std::vector<const Tunnel *> tunnels;
    for (const auto &[requests, tunnel] : ranked)
        tunnels.push_back(tunnel);
    return tunnels;
}

// Names are letters, digits and hyphens.
void write_tunnels(Page &page, const Survey &survey)
{
    const std::vector<const Tunnel *> tunnels = busiest(survey);
    page.family("tunnel_requests_total", "counter", "Requests to one name.");
    for (const Tunnel *tunnel : tunnels)
        page.sample(label("tunnel", tunnel->subdomain), double(tunnel->traffic.requests.load()));
    page.family("tunnel_bytes_total", "counter", "Bytes by one name.");
    for (const Tunnel *tunnel : tunnels) {
        const std::string name = label("tunnel", tunnel->subdomain);
        page.sample(name + "," + label("direction", "in"), double(tunnel->traffic.bytes_in.load()));
        page.sample(name + "," + label("direction", "out"),
                    double(tunnel->traffic.bytes_out.load()));
    }
}

} // namespace

std::string render_metrics(const Survey &survey, const ServerFacts &facts)
{
    Page page;
    page.family("build_info", "gauge", "The version, as a label.");
    page.sample(label("version", PACKAGE_VERSION), 1);
    for (const Row &row : rows)
        page.family(row.name, row.type, row.help).sample("", row.value(survey, facts));
    if (facts.tls) {
        page.family("certificate_expiry_seconds", "gauge", "Time until the certificate ends.");
        page.sample("", facts.certificate_left);
    }
    write_requests(page, survey);
    write_durations(page, survey);
    write_loops(page, survey);
    if (facts.per_subdomain)
        write_tunnels(page, survey);
    return page.take();
}

} // namespace tunnel
