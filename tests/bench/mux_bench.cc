// SPDX-License-Identifier: ISC
//
// What the mux itself costs, without sockets, TLS or a clock.

#include "bench.h"
#include "mux_pair.h"

#include <memory>

using namespace bench;

namespace {

constexpr size_t crowd = 1000; // streams, where there are many
constexpr size_t gib = size_t(1) << 30;
constexpr size_t million = 1'000'000;

void nothing(const tn_mux_event &) {}

// ---- input

void parse_window_updates(Report &report)
{
    Pool pool;
    Mux mux(pool, TN_SERVER);
    open_inbound(mux, crowd);
    Script script;
    for (size_t i = 0; i < crowd; i++)
        script.frame(TN_FRAME_WINDOW, 0, uint32_t(2 * (i * 37 % crowd) + 1), 1);
    report.rate("parse WINDOW_UPDATE of 1000 streams", "M frames/s", 1e-6, [&] {
        mux.feed(script.bytes.data(), script.bytes.size(), nothing);
        return crowd;
    });
}

void parse_pings(Report &report)
{
    Pool pool;
    Mux mux(pool, TN_SERVER);
    constexpr uint32_t burst = 30; // below what asks for a gather
    Script script;
    for (uint32_t i = 0; i < burst; i++)
        script.frame(TN_FRAME_PING, TN_FRAME_SYN, 0, i);
    report.rate("parse PING and answer it", "M frames/s", 1e-6, [&] {
        mux.feed(script.bytes.data(), script.bytes.size(), nothing);
        mux.drop_output();
        return burst;
    });
}

void parse_data(Report &report)
{
    Pool pool;
    Mux mux(pool, TN_SERVER);
    open_inbound(mux, crowd);
    Script script;
    for (size_t i = 0; i < crowd; i++)
        script.frame(TN_FRAME_DATA, 0, uint32_t(2 * (i * 37 % crowd) + 1), 1024);
    auto consume = [&](const tn_mux_event &event) {
        if (event.type == TN_MUX_DATA)
            tn_stream_consumed(mux.get(), event.stream, event.len);
    };
    report.rate("parse DATA of 1 KiB, consume it", "M frames/s", 1e-6, [&] {
        mux.feed(script.bytes.data(), script.bytes.size(), consume);
        mux.drop_output();
        return crowd;
    });
}

// ---- output

void gather_ready(Report &report)
{
    Pool pool;
    Mux mux(pool, TN_SERVER);
    std::vector<tn_stream> streams = open_inbound(mux, crowd);
    Script credit;
    for (size_t i = 0; i < crowd; i++)
        credit.frame(TN_FRAME_WINDOW, 0, uint32_t(2 * i + 1), 64);
    std::vector<tn_mux_frame> frames(crowd);
    report.rate("queue and gather, 1000 ready streams", "M frames/s", 1e-6, [&] {
        for (tn_stream stream : streams)
            tn_stream_queued(mux.get(), stream, 64);
        size_t n = tn_mux_gather(mux.get(), standstill_us, gib, frames.data(), frames.size());
        must(n == crowd, "not everybody was gathered");
        mux.feed(credit.bytes.data(), credit.bytes.size(), nothing);
        return n;
    });
}

// ---- two muxes through memory

// What `from` gathers into `wire` is parsed by `to`. Returns the bytes that crossed.
template <class OnEvent>
size_t cross(Mux &from, Mux &to, std::vector<uint8_t> &wire, tn_pull_fn pull, void *context,
             OnEvent on_event)
{
    size_t total = 0, n;
    while ((n = tn_mux_gather_copy(from.get(), standstill_us, wire.data(), wire.size(), pull,
                                   context)) > 0) {
        to.feed(wire.data(), n, on_event);
        total += n;
    }
    return total;
}

size_t pull_from(void *source, tn_stream, void *, uint8_t *dst, size_t len)
{
    memcpy(dst, source, len);
    return len;
}

void bulk(Report &report)
{
    Pool pool;
    Mux client(pool, TN_CLIENT), server(pool, TN_SERVER);
    constexpr size_t frame = 16 * 1024;
    std::vector<uint8_t> wire(4 * (frame + TN_FRAME_SIZE)), source(wire.size()), sink(wire.size());
    tn_stream stream;
    must(tn_stream_open(client.get(), nullptr, &stream) == TN_OK, "not opened");
    auto at_server = [&](const tn_mux_event &event) {
        if (event.type == TN_MUX_NEW)
            tn_stream_accept(server.get(), event.stream, nullptr);
        if (event.type != TN_MUX_DATA)
            return;
        memcpy(sink.data(), event.data, event.len);
        tn_stream_consumed(server.get(), event.stream, event.len);
    };
    report.rate("in memory, one stream of 16 KiB frames", "GiB/s", 1.0 / double(gib), [&] {
        for (int i = 0; i < 4; i++) {
            tn_stream_queued(client.get(), stream, frame);
            cross(client, server, wire, pull_from, source.data(), at_server);
        }
        cross(server, client, wire, pull_from, nullptr, nothing);
        keep(sink);
        return 4 * frame;
    });
}

void exchanges(Report &report)
{
    Pool pool;
    Mux client(pool, TN_CLIENT), server(pool, TN_SERVER);
    constexpr size_t message = 64;
    std::vector<uint8_t> wire(64 * 1024), source(wire.size());
    std::vector<tn_stream> streams(crowd);
    for (tn_stream &stream : streams)
        tn_stream_open(client.get(), nullptr, &stream);
    auto at_server = [&](const tn_mux_event &event) {
        if (event.type == TN_MUX_NEW)
            tn_stream_accept(server.get(), event.stream, nullptr);
        if (event.type != TN_MUX_DATA)
            return;
        tn_stream_consumed(server.get(), event.stream, event.len);
        tn_stream_queued(server.get(), event.stream, message);
    };
    auto at_client = [&](const tn_mux_event &event) {
        if (event.type == TN_MUX_DATA)
            tn_stream_consumed(client.get(), event.stream, event.len);
    };
    report.rate("64 bytes there and back, 1000 streams", "M exchanges/s", 1e-6, [&] {
        for (tn_stream stream : streams)
            tn_stream_queued(client.get(), stream, message);
        cross(client, server, wire, pull_from, source.data(), at_server);
        cross(server, client, wire, pull_from, source.data(), at_client);
        return crowd;
    });
}

void short_lives(Report &report)
{
    Pool pool;
    Mux client(pool, TN_CLIENT), server(pool, TN_SERVER);
    std::vector<uint8_t> wire(64 * 1024), source(wire.size());
    auto at_server = [&](const tn_mux_event &event) {
        if (event.type == TN_MUX_NEW)
            tn_stream_accept(server.get(), event.stream, nullptr);
        if (event.type == TN_MUX_DATA)
            tn_stream_consumed(server.get(), event.stream, event.len);
        if (event.type == TN_MUX_FIN) {
            tn_stream_queued(server.get(), event.stream, 1);
            tn_stream_shutdown(server.get(), event.stream);
        }
    };
    constexpr size_t batch = 100;
    size_t closed = 0;
    auto at_client = [&](const tn_mux_event &event) {
        if (event.type == TN_MUX_DATA)
            tn_stream_consumed(client.get(), event.stream, event.len);
        closed += event.type == TN_MUX_CLOSED;
    };
    report.rate("open, a byte each way, close", "M streams/s", 1e-6, [&] {
        for (size_t i = 0; i < batch; i++) {
            tn_stream stream;
            must(tn_stream_open(client.get(), nullptr, &stream) == TN_OK, "not opened");
            tn_stream_queued(client.get(), stream, 1);
            tn_stream_shutdown(client.get(), stream);
        }
        closed = 0;
        cross(client, server, wire, pull_from, source.data(), at_server);
        cross(server, client, wire, pull_from, source.data(), at_client);
        must(closed == batch, "a stream is left");
        return batch;
    });
}

// ---- memory, and many of them

void idle_streams(Report &report)
{
    constexpr size_t count = 100'000;
    Pool pool;
    Mux mux(pool, TN_SERVER);
    size_t before = pool.memory.held;
    open_inbound(mux, count);
    report.value("an idle stream of 100,000", "bytes", double(pool.memory.held - before) / count);
}

void idle_sessions(Report &report)
{
    constexpr size_t count = 1000;
    Pool pool;
    std::vector<std::unique_ptr<Mux>> muxes;
    size_t before = pool.memory.held;
    for (size_t i = 0; i < count; i++) {
        muxes.push_back(std::make_unique<Mux>(pool, TN_SERVER));
        open_inbound(*muxes.back(), 1);
    }
    report.value("an idle session with one stream", "bytes",
                 double(pool.memory.held - before) / count);
}

double gather_one(Mux &mux, tn_stream stream)
{
    constexpr int times = 10'000;
    double begin = seconds();
    tn_mux_frame frame;
    for (int i = 0; i < times; i++) {
        tn_stream_queued(mux.get(), stream, 1);
        must(tn_mux_gather(mux.get(), standstill_us, gib, &frame, 1) == 1, "nothing gathered");
    }
    return (seconds() - begin) / times * 1e9;
}

void a_million(Report &report)
{
    Pool pool;
    Mux few(pool, TN_SERVER), many(pool, TN_SERVER);
    tn_stream alone = open_inbound(few, 1)[0];
    size_t before = pool.memory.held;
    double begin = seconds();
    std::vector<tn_stream> streams = open_inbound(many, million);
    report.value("a million streams: to open all", "s", seconds() - begin);
    report.value("a million streams: all of them", "MB", double(pool.memory.held - before) * 1e-6);
    gather_one(few, alone); // warms up
    report.value("gather 1 ready of 1", "ns", gather_one(few, alone));
    report.value("gather 1 ready of a million", "ns", gather_one(many, streams[million / 2]));
}

// 64 KiB for each gather while streams come and go: the table and the slabs grow meanwhile.
void churn(Report &report)
{
    constexpr size_t rounds = 20'000, lives = 50;
    Pool pool;
    Mux mux(pool, TN_SERVER);
    std::vector<double> times;
    times.reserve(rounds);
    std::vector<tn_mux_frame> frames(256);
    uint32_t id = 1;
    auto answer = [&](const tn_mux_event &event) {
        if (event.type != TN_MUX_NEW)
            return;
        tn_stream_accept(mux.get(), event.stream, nullptr);
        tn_stream_queued(mux.get(), event.stream, 1300);
        if (event.id % 8 == 1) // the others stay
            tn_stream_shutdown(mux.get(), event.stream);
    };
    for (size_t round = 0; round < rounds; round++) {
        Script script;
        for (size_t i = 0; i < lives; i++, id += 2) {
            script.frame(TN_FRAME_WINDOW, TN_FRAME_SYN, id, 0);
            script.frame(TN_FRAME_WINDOW, TN_FRAME_FIN, id, 0);
        }
        mux.feed(script.bytes.data(), script.bytes.size(), answer);
        double begin = seconds();
        tn_mux_gather(mux.get(), standstill_us, 65536, frames.data(), frames.size());
        times.push_back(seconds() - begin);
        mux.drop_output();
        mux.feed(nullptr, 0, nothing);
    }
    auto worst = times.begin() + long(rounds * 999 / 1000);
    std::nth_element(times.begin(), worst, times.end());
    report.value("gather 64 KiB under churn, 99.9 % within", "us", *worst * 1e6);
}

struct Benchmark {
    const char *name; // for the choice on the command line
    void (*run)(Report &);
};

constexpr Benchmark benchmarks[] = {
    {"parse window", parse_window_updates},
    {"parse ping", parse_pings},
    {"parse data", parse_data},
    {"gather", gather_ready},
    {"bulk", bulk},
    {"exchanges", exchanges},
    {"lives", short_lives},
    {"idle streams", idle_streams},
    {"idle sessions", idle_sessions},
    {"million", a_million},
    {"churn", churn},
};

} // namespace

int main(int argc, char **argv)
{
    Report report(argc, argv);
    for (const Benchmark &benchmark : benchmarks)
        if (report.wants(benchmark.name))
            benchmark.run(report);
}
