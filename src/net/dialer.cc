// SPDX-License-Identifier: ISC

#include "net/dialer.h"

#include "base/text.h"
#include "net/loop.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <new>
#include <sys/socket.h>
#include <utility>

namespace tunnel {

namespace {

constexpr Micros next_after = 250 * millisecond; // RFC 8305 section 5

Dialer::Failed failed_by(int error)
{
    if (error == ECONNREFUSED)
        return Dialer::Failed::refused;
    return error == ETIMEDOUT ? Dialer::Failed::timeout : Dialer::Failed::other;
}

} // namespace

// Attempts run side by side once the first has taken long; an attempt that fails starts the
// next at once.
struct Dialer::State {
    // One address being connected to.
    struct Attempt {
        State *state;
        Address address;
        Descriptor socket;
        EventPtr event;
    };

    State(Loop &loop, std::string host, uint16_t port, Micros timeout, Done done);

    static void on_attempt(evutil_socket_t, short, void *attempt) noexcept;
    static void on_ready(evutil_socket_t, short, void *state) noexcept;

    void start(std::vector<Address> found, const std::string &error);
    void try_next();
    void connect_to(const Address &address);
    void wait_for(Address address, Descriptor socket);
    void attempt_done(Attempt &attempt);
    void attempt_failed(const Address &address, int error);
    void give_up();
    void finish(Outcome result);

    Loop &loop;
    std::string host;
    uint16_t port;
    Micros timeout;
    Done done;
    std::unique_ptr<Resolver::Query> query;
    std::vector<Address> addresses;
    size_t next = 0; // of addresses
    std::vector<std::unique_ptr<Attempt>> attempts;
    Timer pace;
    Timer deadline;
    EventPtr ready; // made active when the outcome stands
    Outcome outcome;
    Outcome first_failure; // what to say if all fail
    bool finished = false;
};

Dialer::State::State(Loop &owner, std::string name, uint16_t number, Micros span, Done call)
    : loop(owner), host(std::move(name)), port(number), timeout(span), done(std::move(call)),
      pace(owner, [this] { try_next(); }), deadline(owner, [this] { give_up(); }),
      ready(event_new(owner.base(), -1, 0, on_ready, this))
{
    if (!ready)
        throw std::bad_alloc();
    auto found = Resolver::literal(host, port);
    if (!found.empty()) {
        start(std::move(found), "");
        return;
    }
    deadline.start(timeout);
    query = Resolver::resolve(loop, host, port, [this](auto list, const std::string &error) {
        start(std::move(list), error);
    });
}

void Dialer::State::start(std::vector<Address> found, const std::string &error)
{
    addresses = std::move(found);
    if (addresses.empty())
        return finish({{}, Failed::name, error});
    try_next();
}

void Dialer::State::try_next()
{
    if (finished || next == addresses.size())
        return;
    connect_to(addresses[next++]);
    if (finished || attempts.empty())
        return;
    if (!deadline.running())
        deadline.start(timeout);
    if (next < addresses.size())
        pace.start(next_after);
}

// A connect on loopback is mostly done when the call returns.
void Dialer::State::connect_to(const Address &address)
{
    Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket)
        return attempt_failed(address, errno);
    int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(socket.get(), address.get(), address.size()) == 0)
        return finish({std::move(socket), Failed::no, ""});
    if (errno != EINPROGRESS)
        return attempt_failed(address, errno);
    wait_for(address, std::move(socket));
}

void Dialer::State::wait_for(Address address, Descriptor socket)
{
    auto attempt = std::make_unique<Attempt>();
    attempt->state = this;
    attempt->address = address;
    attempt->event.reset(event_new(loop.base(), socket.get(), EV_WRITE, on_attempt, attempt.get()));
    attempt->socket = std::move(socket);
    if (!attempt->event || event_add(attempt->event.get(), nullptr) != 0)
        return attempt_failed(address, ENOMEM);
    attempts.push_back(std::move(attempt));
}

void Dialer::State::on_attempt(evutil_socket_t, short, void *self) noexcept
{
    auto *attempt = static_cast<Attempt *>(self);
    attempt->state->attempt_done(*attempt);
}

void Dialer::State::attempt_done(Attempt &attempt)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(attempt.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    auto place = std::find_if(attempts.begin(), attempts.end(),
                              [&](auto &other) { return other.get() == &attempt; });
    auto ended = std::move(*place);
    attempts.erase(place);
    ended->event.reset();
    if (error != 0)
        return attempt_failed(ended->address, error);
    finish({std::move(ended->socket), Failed::no, ""});
}

void Dialer::State::attempt_failed(const Address &address, int error)
{
    if (first_failure.failed == Failed::no)
        first_failure = {{}, failed_by(error), address.text() + ": " + strerror(error)};
    if (next < addresses.size())
        return try_next();
    if (attempts.empty())
        finish(std::move(first_failure));
}

void Dialer::State::give_up()
{
    const std::string span = " within " + print_duration(timeout);
    if (addresses.empty())
        return finish({{}, Failed::name, host + ": the name was not resolved" + span});
    finish({{}, Failed::timeout, host + ":" + std::to_string(port) + ": no answer" + span});
}

void Dialer::State::finish(Outcome result)
{
    if (std::exchange(finished, true))
        return;
    outcome = std::move(result);
    query.reset();
    attempts.clear();
    pace.stop();
    deadline.stop();
    event_active(ready.get(), EV_TIMEOUT, 0);
}

// The owner may delete the dialer from inside `done`.
void Dialer::State::on_ready(evutil_socket_t, short, void *self) noexcept
{
    auto *state = static_cast<State *>(self);
    Done done = std::move(state->done);
    done(std::move(state->outcome));
}

Dialer::Dialer(Loop &loop, std::string host, uint16_t port, Micros timeout, Done done)
    : state_(std::make_unique<State>(loop, std::move(host), port, timeout, std::move(done)))
{}

Dialer::~Dialer() = default;

void set_user_timeout(int fd, Micros timeout)
{
    unsigned span = unsigned(timeout / millisecond);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &span, sizeof span);
}

} // namespace tunnel
