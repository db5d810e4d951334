// SPDX-License-Identifier: ISC

#include "server/survey.h"

#include "server/session.h"

#include <algorithm>
#include <numeric>

namespace tunnel {

namespace {

struct Asking {
    Survey survey;
    size_t awaited = 0;
    std::function<void(const Survey &)> done;
};

void add(Survey &survey, const Counters &counters)
{
    survey.visitors += counters.visitors.get();
    survey.links += counters.links.get();
    survey.logins += counters.logins.get();
    survey.logins_refused += counters.logins_refused.get();
    survey.handshakes_dropped += counters.handshakes_dropped.get();
    survey.bytes_in += counters.bytes_in.get();
    survey.bytes_out += counters.bytes_out.get();
    survey.duration_sum += counters.durations.sum.get();
    for (size_t i = 0; i < survey.rejects.size(); i++)
        survey.rejects[i] += counters.rejects[i].get();
    for (size_t i = 0; i < survey.responses.size(); i++)
        survey.responses[i] += counters.responses[i].get();
    for (size_t i = 0; i < survey.durations.size(); i++)
        survey.durations[i] += counters.durations.counts[i].get();
}

LinkReport report(Session &session, Micros now)
{
    const tn_mux_stats stats = session.link().stats();
    LinkReport report;
    report.ref = session.ref();
    report.session = session.name();
    report.who = session.who();
    report.peer = session.peer().text();
    report.state = session.state_name();
    report.age = now - session.since();
    report.visits = stats.streams_out;
    report.bytes_in = stats.payload_in;
    report.bytes_out = stats.payload_out;
    report.buffered = session.held();
    report.rtt = stats.rtt_smoothed_us;
    return report;
}

// On the worker's thread. What is under way is counted up to this moment.
std::vector<LinkReport> report_all(Worker &worker)
{
    worker.account_visitors();
    std::vector<LinkReport> reports;
    worker.each_session([&](Session &session) {
        if (session.is_logged_in())
            reports.push_back(report(session, worker.loop().now()));
    });
    return reports;
}

void finish(Asking &asking, Worker &first)
{
    Survey &survey = asking.survey;
    for (const LinkReport &link : survey.sessions) {
        survey.streams += link.visits;
        survey.buffered += link.buffered;
    }
    auto older = [](const LinkReport &a, const LinkReport &b) { return a.age > b.age; };
    std::sort(survey.sessions.begin(), survey.sessions.end(), older);
    survey.tunnels = first.directory().tunnels();
    auto by_name = [](const auto &a, const auto &b) {
        return a.tunnel->subdomain < b.tunnel->subdomain;
    };
    std::sort(survey.tunnels.begin(), survey.tunnels.end(), by_name);
    // Whoever asked goes here; what is left of the question may go on another thread.
    const auto done = std::move(asking.done);
    done(survey);
}

} // namespace

uint64_t Survey::requests() const
{
    return std::accumulate(responses.begin(), responses.end(), uint64_t(0));
}

size_t Survey::clients() const
{
    std::vector<std::string_view> names;
    for (const LinkReport &link : sessions)
        names.push_back(link.session);
    std::sort(names.begin(), names.end());
    return size_t(std::unique(names.begin(), names.end()) - names.begin());
}

void take_survey(const std::vector<std::unique_ptr<Worker>> &workers,
                 std::function<void(const Survey &)> done)
{
    auto asking = std::make_shared<Asking>();
    asking->awaited = workers.size();
    asking->done = std::move(done);
    asking->survey.loop_delays.resize(workers.size());
    Worker &first = *workers.front();
    for (const auto &each : workers) {
        Worker &worker = *each;
        worker.loop().post([&worker, &first, asking, asked = monotonic_now()] {
            const Micros delay = monotonic_now() - asked;
            first.loop().post([&worker, &first, asking, delay, links = report_all(worker)] {
                Survey &survey = asking->survey;
                add(survey, worker.counters());
                survey.loop_delays[worker.index()] = delay;
                survey.sessions.insert(survey.sessions.end(), links.begin(), links.end());
                if (--asking->awaited == 0)
                    finish(*asking, first);
            });
        });
    }
}

} // namespace tunnel
