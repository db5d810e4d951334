// SPDX-License-Identifier: ISC
//
// What tests of connections share: pairs of sockets, an owner that writes down what it is
// told, a loop that runs until something is true.

#pragma once

#include "net/address.h"
#include "net/connection.h"
#include "net/loop.h"
#include "net/timer.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <utility>

namespace peers {

using namespace tunnel;

inline std::pair<Descriptor, Descriptor> tcp_pair()
{
    Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Address any = *Address::parse("127.0.0.1:0");
    bind(listener.get(), any.get(), any.size());
    listen(listener.get(), 1);
    Address at = Address::local_of(listener.get());
    Descriptor a(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(a.get(), at.get(), at.size()) != 0)
        abort();
    Descriptor b(accept(listener.get(), nullptr, nullptr));
    fcntl(a.get(), F_SETFL, O_NONBLOCK);
    fcntl(b.get(), F_SETFL, O_NONBLOCK);
    return {std::move(a), std::move(b)};
}

// Closes so that the peer sees a reset.
inline void kill_with_reset(Descriptor socket)
{
    linger abort = {1, 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

// Turns of the loop until `done`, 10 s at most. Returns whether it came true.
inline bool run_until(Loop &loop, const std::function<bool()> &done)
{
    bool late = false;
    Timer limit(loop, [&] { late = true; });
    limit.start(10 * second);
    struct Watch : Loop::Task {
        void on_turn_end() noexcept override
        {
            if ((*done)() || *late)
                loop->stop();
            else
                again->start(millisecond);
        }
        Loop *loop;
        const std::function<bool()> *done;
        bool *late;
        Timer *again;
    } watch;
    Timer again(loop, [&] { loop.schedule(watch); });
    watch.loop = &loop;
    watch.done = &done;
    watch.late = &late;
    watch.again = &again;
    loop.schedule(watch);
    loop.run();
    return done();
}

inline void run_for(Loop &loop, Micros span)
{
    Timer end(loop, [&] { loop.stop(); });
    end.start(span);
    loop.run();
}

// Reads all it can unless told not to, and keeps it.
struct Probe : Connection::Owner {
    std::unique_ptr<Connection> connection;
    std::string received;
    size_t sent = 0;
    int opened = 0, broken = 0, readables = 0;
    bool ended = false;
    bool reads = true;
    size_t step = 256 * 1024; // bytes for each read
    std::function<void()> then_sent, then_open;

    Probe(Loop &loop, Descriptor socket, SslPtr ssl = nullptr)
        : connection(std::make_unique<Connection>(loop, std::move(socket), *this, std::move(ssl)))
    {}

    void drain()
    {
        while (!ended) {
            uint8_t *scratch = connection->loop().read_scratch();
            ssize_t n = connection->read(scratch, step);
            if (n == 0)
                return;
            if (n < 0)
                ended = true;
            else
                received.append(reinterpret_cast<char *>(scratch), size_t(n));
        }
    }
    void write(const std::string &text)
    {
        connection->write({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
    }

    void on_open() noexcept override
    {
        opened++;
        if (then_open)
            then_open();
    }
    void on_readable() noexcept override
    {
        readables++;
        if (reads)
            drain();
    }
    void on_sent(size_t size) noexcept override
    {
        sent += size;
        if (then_sent)
            then_sent();
    }
    void on_broken() noexcept override { broken++; }
};

// Bytes that differ at each place, so that a lost or doubled one shows.
inline std::string pattern(size_t size, uint32_t seed = 1)
{
    std::string bytes(size, 0);
    for (char &byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = char(seed >> 24);
    }
    return bytes;
}

// A certificate and its key in a directory of their own.
struct Certificate {
    std::string directory, cert, key;

    explicit Certificate(const std::string &name)
    {
        char place[] = "/tmp/tunnel-test-XXXXXX";
        directory = mkdtemp(place);
        cert = directory + "/cert.pem";
        key = directory + "/key.pem";
        tls_make_self_signed(name, cert, key);
    }
    ~Certificate()
    {
        unlink(cert.c_str());
        unlink(key.c_str());
        rmdir(directory.c_str());
    }
};

} // namespace peers
