// SPDX-License-Identifier: ISC
//
// A visitor for benchmarks, where a load generator in a closed loop would flatter.
//
//   probe latency PORT HOST PATH CONNECTIONS RATE SECONDS
//     RATE requests a second on each of CONNECTIONS, each timed from when it was due, also if the
//     connection was busy then. Prints JSON: count, errors, p50, p99, p999, max in microseconds.
//   probe hold PORT HOST PATH CONNECTIONS
//     A request on each of CONNECTIONS, which then stay open until standard input ends. Prints
//     "held N" once they are there.
//
// One thread, one epoll.

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

using Nanos = int64_t;
constexpr Nanos second = 1'000'000'000;
constexpr Nanos never = INT64_MAX;
constexpr Nanos patience = 10 * second; // for the last answers

Nanos now()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return Nanos(time.tv_sec) * second + time.tv_nsec;
}

// The bytes of a response that begins at `text`, or 0 if it is not complete yet.
size_t response_size(std::string_view text)
{
    size_t head = text.find("\r\n\r\n");
    if (head == std::string_view::npos)
        return 0;
    size_t body = head + 4;
    std::string_view fields = text.substr(0, body);
    auto value_of = [&](std::string_view name) -> const char * {
        for (size_t at = 0; (at = fields.find('\n', at)) != std::string_view::npos; at++)
            if (strncasecmp(fields.data() + at + 1, name.data(), name.size()) == 0)
                return fields.data() + at + 1 + name.size();
        return nullptr;
    };
    if (const char *length = value_of("content-length:"))
        return text.size() >= body + size_t(atol(length)) ? body + size_t(atol(length)) : 0;
    if (!value_of("transfer-encoding:"))
        return body;
    size_t last = text.find("0\r\n\r\n", body);
    return last == std::string_view::npos ? 0 : last + 5;
}

struct Connection {
    int fd = -1;
    Nanos due = 0;
    bool busy = false;
    std::string input;
};

class Probe {
public:
    Probe(int port, const std::string &host, const std::string &path, int connections);
    void latency(double rate, double span);
    void hold();

private:
    void dial(Connection &connection);
    void send_due(Nanos time, Nanos end);
    void on_readable(Connection &connection, Nanos gap);
    void lose(Connection &connection, Nanos gap);
    Nanos next_due(Nanos end) const;
    bool anybody_busy() const;
    void sleep_until(Nanos due) const;
    void print() const;

    int port_;
    std::string request_;
    std::vector<Connection> connections_;
    std::vector<Nanos> taken_; // by each answer
    size_t errors_ = 0;
    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
};

Probe::Probe(int port, const std::string &host, const std::string &path, int connections)
    : port_(port), request_("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"),
      connections_(size_t(std::max(connections, 1)))
{
    for (Connection &connection : connections_)
        dial(connection);
}

void Probe::dial(Connection &connection)
{
    int one = 1;
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(uint16_t(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection.fd, reinterpret_cast<sockaddr *>(&to), sizeof to) != 0) {
        perror("probe: connect");
        exit(1);
    }
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// ------------------------------------------------------------------------------- latency

void Probe::latency(double rate, double span)
{
    prctl(PR_SET_TIMERSLACK, 1);
    Nanos gap = Nanos(double(second) / rate);
    Nanos begin = now() + second / 20;
    Nanos end = begin + Nanos(span * double(second));
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
    for (size_t i = 0; i < connections_.size(); i++) {
        Connection &one = connections_[i];
        fcntl(one.fd, F_SETFL, O_NONBLOCK);
        one.due = begin + gap * Nanos(i) / Nanos(connections_.size());
        event.data.ptr = &one;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, one.fd, &event);
    }
    while (now() < end + patience) {
        send_due(now(), end);
        Nanos next = next_due(end);
        if (next == never && !anybody_busy())
            break;
        sleep_until(std::min(next, end + patience));
        epoll_event events[64];
        int n = epoll_wait(epoll_, events, 64, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.ptr)
                on_readable(*static_cast<Connection *>(events[i].data.ptr), gap);
    }
    for (const Connection &one : connections_)
        errors_ += one.busy;
    print();
}

void Probe::send_due(Nanos time, Nanos end)
{
    for (Connection &one : connections_) {
        if (one.busy || one.due > time || one.due >= end)
            continue;
        one.busy = true;
        ssize_t n = send(one.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
        errors_ += n != ssize_t(request_.size());
    }
}

void Probe::on_readable(Connection &connection, Nanos gap)
{
    char piece[16384];
    ssize_t n = recv(connection.fd, piece, sizeof piece, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        return lose(connection, gap);
    connection.input.append(piece, size_t(n));
    size_t size = response_size(connection.input);
    if (size == 0)
        return;
    errors_ += connection.input.compare(8, 4, " 200") != 0;
    taken_.push_back(now() - connection.due);
    connection.input.erase(0, size);
    connection.busy = false;
    connection.due += gap;
}

void Probe::lose(Connection &connection, Nanos gap)
{
    errors_++;
    close(connection.fd);
    dial(connection);
    fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    connection.input.clear();
    connection.busy = false;
    connection.due += gap;
}

Nanos Probe::next_due(Nanos end) const
{
    Nanos next = never;
    for (const Connection &one : connections_)
        if (!one.busy && one.due < end)
            next = std::min(next, one.due);
    return next;
}

bool Probe::anybody_busy() const
{
    return std::any_of(connections_.begin(), connections_.end(),
                       [](const Connection &one) { return one.busy; });
}

void Probe::sleep_until(Nanos due) const
{
    itimerspec at = {};
    at.it_value = {.tv_sec = due / second, .tv_nsec = std::max<long>(due % second, 1)};
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
}

void Probe::print() const
{
    std::vector<Nanos> sorted = taken_;
    std::sort(sorted.begin(), sorted.end());
    auto at = [&sorted](double share) {
        size_t place = std::min(sorted.size() - 1, size_t(double(sorted.size()) * share));
        return sorted.empty() ? 0.0 : double(sorted[place]) / 1000;
    };
    printf("{\"count\": %zu, \"errors\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, "
           "\"max\": %.1f}\n",
           sorted.size(), errors_, at(0.5), at(0.99), at(0.999), at(1));
}

// ---------------------------------------------------------------------------------- hold

void Probe::hold()
{
    timeval limit = {.tv_sec = patience / second, .tv_usec = 0};
    size_t held = 0;
    for (Connection &one : connections_) {
        char answer[4096];
        setsockopt(one.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ssize_t sent = send(one.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
        ssize_t n = recv(one.fd, answer, sizeof answer, 0);
        held += sent > 0 && n > 12 && strncmp(answer + 8, " 200", 4) == 0;
    }
    printf("held %zu\n", held);
    fflush(stdout);
    char end;
    while (read(STDIN_FILENO, &end, 1) > 0) {
    }
}

int usage()
{
    fputs("usage: probe latency PORT HOST PATH CONNECTIONS RATE SECONDS\n"
          "       probe hold PORT HOST PATH CONNECTIONS\n",
          stderr);
    return 2;
}

} // namespace

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    std::string mode = argc > 1 ? argv[1] : "";
    if (!(mode == "latency" && argc == 8) && !(mode == "hold" && argc == 6))
        return usage();
    Probe probe(atoi(argv[2]), argv[3], argv[4], atoi(argv[5]));
    if (mode == "latency")
        probe.latency(atof(argv[6]), atof(argv[7]));
    else
        probe.hold();
}
