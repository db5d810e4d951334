// SPDX-License-Identifier: ISC
//
// Bare yamux for tests, made of the production mux: echoes every stream, half-close included.
//
//   mux_echo --listen ADDR:PORT [--max-inbound N]   server role, any number of connections
//   mux_echo --connect ADDR:PORT [--max-inbound N]  client role, one connection
//
// An echoed byte is consumed when it leaves, so a peer that does not read soon may not write.
// One thread, one epoll.

#include "base/byte_queue.h"

#include <tunnel/mux.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

using tunnel::ByteQueue;

namespace {

constexpr size_t output_size = 64 * 1024;
constexpr size_t input_size = 64 * 1024;
constexpr uint64_t farewell_us = 500'000; // how long a lost peer may take to read our GOAWAY

uint64_t now_us()
{
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<uint64_t>(now.tv_nsec) / 1000;
}

struct Echo { // of one stream
    tn_stream handle;
    ByteQueue bytes;
    size_t taken = 0; // by the gather in progress
};

class Peer {
public:
    Peer(tn_mux_pool *pool, tn_role role, uint32_t max_inbound, int descriptor);
    ~Peer();
    Peer(const Peer &) = delete;
    Peer &operator=(const Peer &) = delete;

    void on_readable();
    void on_time();
    void write(); // gathers and sends until nothing is left or the socket is full
    uint64_t deadline() const;
    bool wants_writable() const { return blocked_; }
    bool over() const { return over_; }
    int descriptor() const { return descriptor_; }

private:
    static size_t on_pull(void *self, tn_stream, void *user, uint8_t *dst, size_t len) noexcept;

    void parse(tn_slice in);
    void handle(const tn_mux_event &event);
    void gather();
    bool send_output();
    void say_farewell();
    void drain();

    int descriptor_;
    tn_mux *mux_ = nullptr;
    std::vector<uint8_t> output_ = std::vector<uint8_t>(output_size);
    size_t output_begin_ = 0;
    size_t output_end_ = 0;
    std::vector<Echo *> touched_; // by the gather in progress
    uint64_t farewell_at_ = 0;    // the session has failed: closes at this time
    bool write_shut_ = false;
    bool blocked_ = false;
    bool over_ = false;
};

Peer::Peer(tn_mux_pool *pool, tn_role role, uint32_t max_inbound, int descriptor)
    : descriptor_(descriptor)
{
    tn_mux_config config;
    tn_mux_config_init(&config);
    config.max_inbound = max_inbound;
    if (tn_mux_create(pool, role, &config, now_us(), this, &mux_) != TN_OK)
        over_ = true;
}

Peer::~Peer()
{
    if (mux_) {
        tn_mux_transport_lost(mux_);
        parse({});
        tn_mux_free(mux_);
    }
    close(descriptor_);
}

void Peer::handle(const tn_mux_event &event)
{
    auto *echo = static_cast<Echo *>(event.user);
    switch (event.type) {
    case TN_MUX_NEW:
        echo = new Echo{.handle = event.stream, .bytes = {}};
        tn_stream_accept(mux_, event.stream, echo);
        break;
    case TN_MUX_DATA:
        echo->bytes.append({event.data, event.len});
        tn_stream_queued(mux_, event.stream, event.len);
        break;
    case TN_MUX_FIN:
        tn_stream_shutdown(mux_, event.stream);
        break;
    case TN_MUX_CLOSED:
        delete echo;
        break;
    case TN_MUX_REPLIES:
        gather();
        break;
    case TN_MUX_SESSION_ERROR:
        fprintf(stderr, "session over: %s\n", tn_mux_reason_name(static_cast<int>(event.reason)));
        farewell_at_ = now_us() + farewell_us;
        break;
    default:
        break;
    }
}

void Peer::parse(tn_slice in)
{
    tn_mux_event event;
    while (tn_mux_next(mux_, &in, now_us(), &event) != TN_MUX_NONE)
        handle(event);
}

void Peer::on_readable()
{
    if (farewell_at_)
        return drain();
    static uint8_t buffer[input_size];
    ssize_t n = recv(descriptor_, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        write(); // a peer that has only stopped writing may still read
        over_ = true;
        return;
    }
    parse({buffer, static_cast<size_t>(n)});
    write();
}

void Peer::on_time()
{
    if (farewell_at_ && now_us() >= farewell_at_)
        over_ = true;
    if (over_ || farewell_at_)
        return;
    parse({});
    write();
}

uint64_t Peer::deadline() const { return farewell_at_ ? farewell_at_ : tn_mux_next_timeout(mux_); }

size_t Peer::on_pull(void *self, tn_stream, void *user, uint8_t *dst, size_t len) noexcept
{
    auto *echo = static_cast<Echo *>(user);
    size_t n = echo->bytes.take(dst, len);
    if (echo->taken == 0)
        static_cast<Peer *>(self)->touched_.push_back(echo);
    echo->taken += n;
    return n;
}

void Peer::gather()
{
    if (output_begin_ == output_end_)
        output_begin_ = output_end_ = 0;
    output_end_ += tn_mux_gather_copy(mux_, now_us(), output_.data() + output_end_,
                                      output_.size() - output_end_, on_pull, this);
    for (Echo *echo : touched_)
        tn_stream_consumed(mux_, echo->handle, std::exchange(echo->taken, 0));
    touched_.clear();
}

// False if the socket is full or broken.
bool Peer::send_output()
{
    while (output_begin_ < output_end_) {
        ssize_t n = send(descriptor_, output_.data() + output_begin_, output_end_ - output_begin_,
                         MSG_NOSIGNAL);
        if (n < 0) {
            blocked_ = errno == EAGAIN;
            over_ = over_ || !blocked_;
            return false;
        }
        output_begin_ += static_cast<size_t>(n);
    }
    return true;
}

void Peer::write()
{
    blocked_ = false;
    do {
        gather();
        if (!send_output())
            return;
    } while (tn_mux_want_write(mux_));
    if (farewell_at_)
        say_farewell();
    else
        parse({}); // what the gather has finished
}

// Closing a socket with unread bytes in it makes TCP reset the connection, and the peer may
// lose what it has not read yet: so first only our direction ends.
void Peer::say_farewell()
{
    if (!write_shut_)
        shutdown(descriptor_, SHUT_WR);
    write_shut_ = true;
}

void Peer::drain()
{
    static uint8_t buffer[input_size];
    ssize_t n = recv(descriptor_, buffer, sizeof buffer, 0);
    over_ = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

[[noreturn]] void die(const char *what)
{
    perror(what);
    exit(1);
}

sockaddr_in parse_address(const std::string &text)
{
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    size_t colon = text.rfind(':');
    if (colon == std::string::npos ||
        inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
        fprintf(stderr, "expected IPV4:PORT, got \"%s\"\n", text.c_str());
        exit(2);
    }
    address.sin_port = htons(static_cast<uint16_t>(atoi(text.c_str() + colon + 1)));
    return address;
}

class Program {
public:
    explicit Program(uint32_t max_inbound);
    void listen_at(const std::string &address);
    void connect_to(const std::string &address);
    void run();

private:
    void add(int descriptor, tn_role role);
    void accept_all();
    void watch(Peer &peer);
    void serve(Peer &peer, uint32_t events);
    void bury();
    int wait_ms() const;

    tn_mux_pool *pool_ = nullptr;
    uint32_t max_inbound_;
    int epoll_;
    int listener_ = -1;
    std::vector<std::unique_ptr<Peer>> peers_;
};

Program::Program(uint32_t max_inbound)
    : max_inbound_(max_inbound), epoll_(epoll_create1(EPOLL_CLOEXEC))
{
    if (epoll_ < 0 || tn_mux_pool_create(nullptr, &pool_) != TN_OK)
        die("start");
}

void Program::listen_at(const std::string &address)
{
    sockaddr_in where = parse_address(address);
    int one = 1;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener_, reinterpret_cast<sockaddr *>(&where), sizeof where) != 0 ||
        listen(listener_, 64) != 0)
        die(address.c_str());
    socklen_t size = sizeof where;
    getsockname(listener_, reinterpret_cast<sockaddr *>(&where), &size);
    printf("listening on port %d\n", ntohs(where.sin_port));
    fflush(stdout);
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
}

void Program::connect_to(const std::string &address)
{
    sockaddr_in where = parse_address(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(descriptor, reinterpret_cast<sockaddr *>(&where), sizeof where) != 0)
        die(address.c_str());
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    add(descriptor, TN_CLIENT);
}

void Program::add(int descriptor, tn_role role)
{
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    peers_.push_back(std::make_unique<Peer>(pool_, role, max_inbound_, descriptor));
    Peer &peer = *peers_.back();
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = &peer}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
    serve(peer, 0);
}

void Program::accept_all()
{
    for (;;) {
        int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0)
            return;
        add(descriptor, TN_SERVER);
    }
}

void Program::watch(Peer &peer)
{
    uint32_t wanted = EPOLLIN | (peer.wants_writable() ? EPOLLOUT : 0u);
    epoll_event event = {.events = wanted, .data = {.ptr = &peer}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, peer.descriptor(), &event);
}

void Program::serve(Peer &peer, uint32_t events)
{
    if (!peer.over() && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        peer.on_readable();
    else if (!peer.over())
        peer.write();
    if (!peer.over())
        watch(peer);
}

void Program::bury()
{
    std::erase_if(peers_, [](const auto &peer) { return peer->over(); });
}

int Program::wait_ms() const
{
    uint64_t next = UINT64_MAX;
    for (const auto &peer : peers_)
        next = std::min(next, peer->deadline());
    if (next == UINT64_MAX)
        return -1;
    uint64_t now = now_us();
    return next <= now ? 0
                       : static_cast<int>(std::min<uint64_t>((next - now + 999) / 1000, 60'000));
}

void Program::run()
{
    while (listener_ >= 0 || !peers_.empty()) {
        epoll_event events[64];
        int n = epoll_wait(epoll_, events, 64, wait_ms());
        for (int i = 0; i < n; i++) {
            if (auto *peer = static_cast<Peer *>(events[i].data.ptr))
                serve(*peer, events[i].events);
            else
                accept_all();
        }
        for (const auto &peer : peers_) {
            if (peer->over() || peer->deadline() > now_us())
                continue;
            peer->on_time();
            if (!peer->over())
                watch(*peer);
        }
        bury();
    }
}

int usage()
{
    fputs("usage: mux_echo (--listen | --connect) IPV4:PORT [--max-inbound N]\n", stderr);
    return 2;
}

} // namespace

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    std::string listen_address, connect_address;
    uint32_t max_inbound = 8;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string option = argv[i];
        if (option == "--listen")
            listen_address = argv[i + 1];
        else if (option == "--connect")
            connect_address = argv[i + 1];
        else if (option == "--max-inbound")
            max_inbound = static_cast<uint32_t>(strtoul(argv[i + 1], nullptr, 10));
        else
            return usage();
    }
    if (argc % 2 == 0 || listen_address.empty() == connect_address.empty())
        return usage();

    Program program(max_inbound);
    if (listen_address.empty())
        program.connect_to(connect_address);
    else
        program.listen_at(listen_address);
    program.run();
}
