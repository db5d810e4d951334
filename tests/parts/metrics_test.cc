// SPDX-License-Identifier: ISC
//
// The metrics as text: every family once, numbers that add up, a bound on what grows with tunnels.

#include "server/metrics.h"

#include "base/text.h"
#include "check.h"

#include <map>
#include <set>

using namespace tunnel;

namespace {

// name{labels} -> value; CHECKs the format on the way.
std::map<std::string, double> read(const std::string &text)
{
    std::map<std::string, double> samples;
    std::set<std::string> families;
    std::string family;
    CHECK(text.ends_with("\n"));
    for (std::string_view line : split(std::string_view(text).substr(0, text.size() - 1), '\n')) {
        if (line.starts_with("# HELP ")) {
            family = split(line, ' ')[2];
            CHECK(families.insert(family).second);
            continue;
        }
        if (line.starts_with("# TYPE ")) {
            CHECK(line.substr(7).starts_with(family + " "));
            continue;
        }
        const size_t space = line.rfind(' ');
        const std::string key(line.substr(0, space));
        CHECK(key.starts_with(family) && !samples.contains(key));
        samples[key] = strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
    }
    return samples;
}

Survey survey_with(size_t tunnels)
{
    Survey survey;
    for (size_t i = 0; i < tunnels; i++) {
        auto tunnel = std::make_shared<Tunnel>();
        tunnel->subdomain = "t" + std::to_string(i);
        for (size_t k = 0; k < i % 7; k++)
            tunnel->traffic.move(1, 10, 5), tunnel->traffic.end(true, 5);
        survey.tunnels.push_back({tunnel, "sess_1", "alice"});
    }
    return survey;
}

} // namespace

TEST(a_server_that_has_done_nothing_says_so)
{
    auto samples = read(render_metrics({}, {}));
    CHECK_EQUAL(samples["tunneld_requests_total{code=\"2xx\"}"], 0.0);
    CHECK_EQUAL(samples["tunneld_request_duration_seconds_bucket{le=\"+Inf\"}"], 0.0);
    CHECK(samples.contains("tunneld_rejects_total{reason=\"unknown_tunnel\"}"));
    CHECK(!samples.contains("tunneld_certificate_expiry_seconds"));
    CHECK(!samples.contains("tunneld_rejects_total{reason=\"ok\"}"));
}

TEST(the_buckets_of_the_histogram_add_up)
{
    Histogram histogram;
    for (Micros took : {Micros(0), millisecond, millisecond + 1, 40 * millisecond, 11 * second})
        histogram.add(took);
    Survey survey;
    for (size_t i = 0; i < survey.durations.size(); i++)
        survey.durations[i] = histogram.counts[i].get();
    survey.duration_sum = histogram.sum.get();
    auto samples = read(render_metrics(survey, {}));
    auto bucket = [&](const char *bound) {
        return samples["tunneld_request_duration_seconds_bucket{le=\"" + std::string(bound) +
                       "\"}"];
    };
    CHECK_EQUAL(bucket("0.001"), 2.0);
    CHECK_EQUAL(bucket("0.0025"), 3.0);
    CHECK_EQUAL(bucket("0.025"), 3.0);
    CHECK_EQUAL(bucket("0.05"), 4.0);
    CHECK_EQUAL(bucket("10"), 4.0);
    CHECK_EQUAL(bucket("+Inf"), 5.0);
    CHECK_EQUAL(samples["tunneld_request_duration_seconds_count"], 5.0);
    CHECK(std::abs(samples["tunneld_request_duration_seconds_sum"] - 11.042001) < 1e-9);
}

TEST(what_the_survey_counts_is_there)
{
    Survey survey = survey_with(3);
    survey.visitors = 4;
    survey.bytes_out = 1ull << 40;
    survey.rejects[unsigned(Reason::link_lost)] = 9;
    survey.responses[5] = 9;
    survey.loop_delays = {1500, 20};
    for (const char *name : {"a", "b", "b"})
        survey.sessions.emplace_back().session = name;
    ServerFacts facts;
    facts.tls = true;
    facts.certificate_left = 86400;
    facts.descriptors = 12;
    facts.memory_held = 1 << 20;
    facts.memory_step = 2;
    auto samples = read(render_metrics(survey, facts));
    CHECK_EQUAL(samples["tunneld_sessions"], 2.0);
    CHECK_EQUAL(samples["tunneld_tunnels"], 3.0);
    CHECK_EQUAL(samples["tunneld_visitors"], 4.0);
    CHECK_EQUAL(samples["tunneld_bytes_total{direction=\"out\"}"], 1099511627776.0);
    CHECK_EQUAL(samples["tunneld_rejects_total{reason=\"link_lost\"}"], 9.0);
    CHECK_EQUAL(samples["tunneld_loop_delay_seconds{worker=\"0\"}"], 0.0015);
    CHECK_EQUAL(samples["tunneld_certificate_expiry_seconds"], 86400.0);
    CHECK_EQUAL(samples["tunneld_descriptors"], 12.0);
    CHECK_EQUAL(samples["tunneld_memory_held_bytes"], 1048576.0);
    CHECK_EQUAL(samples["tunneld_memory_step"], 2.0);
}

TEST(series_for_each_tunnel_are_asked_for_and_bounded)
{
    ServerFacts facts;
    CHECK(!read(render_metrics(survey_with(5), facts))
               .contains("tunneld_tunnel_requests_total{tunnel=\"t1\"}"));
    facts.per_subdomain = true;
    auto few = read(render_metrics(survey_with(5), facts));
    CHECK_EQUAL(few["tunneld_tunnel_requests_total{tunnel=\"t3\"}"], 3.0);
    CHECK_EQUAL(few["tunneld_tunnel_bytes_total{tunnel=\"t3\",direction=\"out\"}"], 30.0);
    auto many = read(render_metrics(survey_with(7000), facts));
    size_t series = 0, busiest = 0;
    for (const auto &[key, value] : many)
        if (key.starts_with("tunneld_tunnel_requests_total")) {
            series++;
            busiest += value == 6;
        }
    CHECK_EQUAL(series, metrics_tunnels_max);
    CHECK_EQUAL(busiest, metrics_tunnels_max);
}
