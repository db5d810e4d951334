// SPDX-License-Identifier: ISC
//
// A TCP relay that makes weather: every connection through it shares one imitated link with
// delay, rate, loss, black holes and cuts. Tests of long and bad links run through it, since not
// every kernel can do that itself.
//
//   weather LISTEN=TARGET... [COMMAND...]     127.0.0.1:0=127.0.0.1:9000 'set delay 30ms'
//
// It prints "listening ADDR to TARGET" for each route and "control ADDR", where it takes commands,
// a line each, and answers a line each: "ok", "error ..." or numbers.
//
//   set [up|down] delay|jitter TIME   one way; up is towards the target; 30ms, 5us, 1s
//   set [up|down] rate RATE           8mbit, 1gbit; 0 is no limit
//   set [up|down] loss|corrupt P      of a segment, of a byte: 0.01
//   set [up|down] buffer SIZE         before the bottleneck: 64k, 1m
//   blackhole both|up|down|none       connections stay, nothing passes
//   cut | reset                       ends all connections: by FIN (the kernel says RST where bytes
//                                     are unread), by RST
//   half up|down                      ends that direction of all connections
//   stats                             connections=… and for each direction bytes, queued, lost …
//
// One thread, one epoll, one timer.

#include "endpoint.h"
#include "pipe.h"

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sstream>
#include <string>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <vector>

using namespace relay;

namespace {

constexpr int chunks_per_turn = 64;   // so that deliveries are not late
constexpr size_t longest_line = 4096; // of a controller

Nanos now()
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return Nanos(time.tv_sec) * second + time.tv_nsec;
}

// ------------------------------------------------------------------------------- objects

// Whom an event is for.
struct Handler {
    virtual ~Handler() = default;
    virtual void on_event(uint32_t events) = 0;
};

struct Watched : Handler {
    explicit Watched(int fd) : socket(fd) {}
    void on_event(uint32_t events) override
    {
        constexpr uint32_t gone = EPOLLHUP | EPOLLERR;
        socket.readable |= (events & (EPOLLIN | EPOLLRDHUP | gone)) != 0;
        socket.writable |= (events & (EPOLLOUT | gone)) != 0;
    }
    Socket socket;
};

struct Connection {
    Connection(int client, int target, Lane &upward, Lane &downward)
        : near(client), far(target), up(upward, downward, near.socket, far.socket),
          down(downward, upward, far.socket, near.socket)
    {}
    void limit_intake()
    {
        near.socket.limit_intake(up.lane().intake());
        far.socket.limit_intake(down.lane().intake());
    }
    bool broken() const { return up.broken() || down.broken(); }
    bool finished() const { return up.finished() && down.finished(); }

    Watched near, far;
    Pipe up, down;
};

class Weather;

struct Route final : Handler {
    Route(Weather &owner, const std::string &text);
    ~Route() override { close(fd); }
    void on_event(uint32_t) override;

    Weather &weather;
    sockaddr_in target;
    int fd;
};

struct Controller final : Handler {
    Controller(Weather &owner, int descriptor) : weather(owner), fd(descriptor) {}
    ~Controller() override { close(fd); }
    void on_event(uint32_t) override;

    Weather &weather;
    int fd;
    std::string input;
    bool over = false;
};

struct ControlPort final : Handler {
    explicit ControlPort(Weather &owner);
    ~ControlPort() override { close(fd); }
    void on_event(uint32_t) override;

    Weather &weather;
    int fd;
};

class Weather {
public:
    Weather();
    ~Weather();
    void watch(int fd, Handler &handler, uint32_t events);
    void add_route(const std::string &text);
    void add_connection(int client, int target);
    void add_controller(int fd);
    std::string obey(const std::string &line);
    [[noreturn]] void run();

private:
    std::string set(std::istringstream &words);
    std::string black_hole(const std::string &which);
    std::string half(const std::string &which);
    std::string end_all(bool with_reset);
    std::string stats() const;
    void admit(Lane &lane, Pipe Connection::*pipe);
    void deliver();
    void bury();
    void set_timer();

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    Lane up_{1}, down_{2};
    std::vector<std::unique_ptr<Route>> routes_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::unique_ptr<Connection>> ended_; // until the turn's events have been seen
    std::vector<std::unique_ptr<Controller>> controllers_;
    ControlPort control_{*this};
    size_t turn_ = 0; // which connection is first: round robin
    bool unfinished_ = false;
};

// ------------------------------------------------------------------------ routes, controllers

Route::Route(Weather &owner, const std::string &text) : weather(owner)
{
    size_t equals = text.find('=');
    sockaddr_in at = parse_address(text.substr(0, equals));
    target = parse_address(text.substr(equals + 1));
    fd = listen_at(at);
    weather.watch(fd, *this, EPOLLIN);
    printf("listening %s to %s\n", text_of(at).c_str(), text_of(target).c_str());
}

void Route::on_event(uint32_t)
{
    int client = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    int far = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    use_ethernet_segments(far);
    // Whether it can be reached, the socket says later, as a broken connection.
    connect(far, reinterpret_cast<const sockaddr *>(&target), sizeof target);
    weather.add_connection(client, far);
}

ControlPort::ControlPort(Weather &owner) : weather(owner)
{
    sockaddr_in at = parse_address("127.0.0.1:0");
    fd = listen_at(at);
    weather.watch(fd, *this, EPOLLIN);
    printf("control %s\n", text_of(at).c_str());
}

void ControlPort::on_event(uint32_t)
{
    int client = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0)
        weather.add_controller(client);
}

void Controller::on_event(uint32_t)
{
    char piece[512];
    ssize_t n = recv(fd, piece, sizeof piece, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    input.append(piece, size_t(std::max<ssize_t>(n, 0)));
    size_t end;
    while ((end = input.find('\n')) != std::string::npos) {
        std::string answer = weather.obey(input.substr(0, end)) + "\n";
        input.erase(0, end + 1);
        send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    over = n <= 0 || input.size() > longest_line;
}

// ------------------------------------------------------------------------------ commands

std::string Weather::obey(const std::string &line)
{
    std::istringstream words(line);
    std::string verb, rest;
    words >> verb;
    if (verb == "set")
        return set(words);
    words >> rest;
    if (verb == "blackhole")
        return black_hole(rest);
    if (verb == "half")
        return half(rest);
    if (verb == "cut" || verb == "reset")
        return end_all(verb == "reset");
    if (verb == "stats")
        return stats();
    return "error: unknown command " + verb;
}

std::string Weather::set(std::istringstream &words)
{
    std::string name, value;
    words >> name;
    bool upward = name != "down", downward = name != "up";
    if (!upward || !downward)
        words >> name;
    words >> value;
    bool good = (!upward || change(up_.conditions, name, value)) &&
                (!downward || change(down_.conditions, name, value));
    for (auto &connection : connections_)
        connection->limit_intake();
    return good ? "ok" : "error: cannot set " + name + " to " + value;
}

std::string Weather::black_hole(const std::string &which)
{
    if (which != "both" && which != "up" && which != "down" && which != "none")
        return "error: blackhole both, up, down or none";
    up_.dark = which == "both" || which == "up";
    down_.dark = which == "both" || which == "down";
    for (auto &connection : connections_)
        for (Pipe *pipe : {&connection->up, &connection->down})
            pipe->lane().dark ? pipe->hold(now()) : pipe->resume(now());
    return "ok";
}

std::string Weather::half(const std::string &which)
{
    if (which != "up" && which != "down")
        return "error: half up or down";
    for (auto &connection : connections_)
        (which == "up" ? connection->up : connection->down).finish(now());
    return "ok";
}

std::string Weather::end_all(bool with_reset)
{
    for (auto &connection : connections_) {
        connection->near.socket.close_now(with_reset);
        connection->far.socket.close_now(with_reset);
    }
    std::move(connections_.begin(), connections_.end(), std::back_inserter(ended_));
    connections_.clear();
    return "ok";
}

std::string Weather::stats() const
{
    std::ostringstream out;
    size_t queued_up = 0, queued_down = 0;
    for (auto &connection : connections_) {
        queued_up += connection->up.queued();
        queued_down += connection->down.queued();
    }
    auto put = [&out](const char *name, const Lane &way, size_t queued) {
        out << " " << name << "_bytes=" << way.entered_bytes << " " << name << "_queued=" << queued
            << " " << name << "_lost=" << way.lost_segments << " " << name
            << "_corrupted=" << way.corrupted_bytes;
    };
    out << "connections=" << connections_.size();
    put("up", up_, queued_up);
    put("down", down_, queued_down);
    return out.str();
}

// ---------------------------------------------------------------------------------- loop

Weather::Weather()
{
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event);
}

Weather::~Weather()
{
    close(timer_);
    close(epoll_);
}

void Weather::watch(int fd, Handler &handler, uint32_t events)
{
    epoll_event event = {.events = events, .data = {.ptr = &handler}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Weather::add_route(const std::string &text)
{
    routes_.push_back(std::make_unique<Route>(*this, text));
}

void Weather::add_connection(int client, int target)
{
    int one = 1;
    connections_.push_back(std::make_unique<Connection>(client, target, up_, down_));
    for (Watched *end : {&connections_.back()->near, &connections_.back()->far}) {
        setsockopt(end->socket.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(end->socket.fd, *end, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
    connections_.back()->limit_intake();
}

void Weather::add_controller(int fd)
{
    controllers_.push_back(std::make_unique<Controller>(*this, fd));
    watch(fd, *controllers_.back(), EPOLLIN);
}

// Chunk by chunk from everybody who has some, as long as the link takes them.
void Weather::admit(Lane &lane, Pipe Connection::*pipe)
{
    Nanos time = now();
    size_t idle = 0;
    for (int left = chunks_per_turn; left > 0 && idle < connections_.size();) {
        if (!lane.has_room(time))
            return;
        Pipe &one = (*connections_[turn_++ % connections_.size()]).*pipe;
        bool may = one.may_read(time);
        idle = may ? 0 : idle + 1;
        left -= may;
        if (may)
            one.read(time);
    }
    unfinished_ |= idle < connections_.size();
}

void Weather::deliver()
{
    Nanos time = now();
    for (auto &connection : connections_)
        for (Pipe *pipe : {&connection->up, &connection->down}) {
            pipe->hold(time);
            pipe->deliver(time);
        }
}

void Weather::bury()
{
    ended_.clear();
    std::erase_if(controllers_, [](const auto &one) { return one->over; });
    std::erase_if(connections_, [](const auto &one) {
        if (one->broken()) {
            one->near.socket.close_now(true);
            one->far.socket.close_now(true);
        }
        return one->broken() || one->finished();
    });
}

void Weather::set_timer()
{
    Nanos next = unfinished_ ? 1 : never;
    Nanos time = now();
    for (auto &connection : connections_)
        for (Pipe *pipe : {&connection->up, &connection->down}) {
            next = std::min(next, pipe->next_delivery());
            if (pipe->resumes_at() > time)
                next = std::min(next, pipe->resumes_at());
            else if (pipe->may_read(time))
                next = std::min(next, std::max(pipe->lane().room_at(), Nanos(1)));
        }
    itimerspec at = {};
    if (next != never)
        at.it_value = {.tv_sec = next / second, .tv_nsec = std::max<long>(next % second, 1)};
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
}

void Weather::run()
{
    for (;;) {
        epoll_event events[64];
        int n = epoll_wait(epoll_, events, 64, unfinished_ ? 0 : -1);
        for (int i = 0; i < n; i++)
            if (auto *handler = static_cast<Handler *>(events[i].data.ptr))
                handler->on_event(events[i].events);
        unfinished_ = false;
        deliver();
        admit(up_, &Connection::up);
        admit(down_, &Connection::down);
        deliver();
        bury();
        if (!unfinished_)
            set_timer();
    }
}

} // namespace

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    Weather weather;
    for (int i = 1; i < argc; i++) {
        std::string word = argv[i];
        if (word.find('=') != std::string::npos) {
            weather.add_route(word);
            continue;
        }
        std::string answer = weather.obey(word);
        if (answer != "ok") {
            fprintf(stderr, "weather: %s\n", answer.c_str());
            return 2;
        }
    }
    fflush(stdout);
    weather.run();
}
