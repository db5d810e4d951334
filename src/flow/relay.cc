// SPDX-License-Identifier: ISC

#include "flow/relay.h"

#include "net/loop.h"

namespace tunnel {

Relay::Relay(Connection &socket, Stream &stream, Micros idle, Owner &owner)
    : socket_(socket), stream_(stream), owner_(owner),
      timer_(socket.loop(), [this] { end(Ended::idle); }), idle_(idle)
{
    socket_.set_owner(*this);
    stream_.set_owner(*this);
    socket_.set_abortive(true);
}

void Relay::preload_to_stream(std::span<const uint8_t> bytes)
{
    to_stream_ += bytes.size();
    stream_.send(bytes);
}

void Relay::preload_to_socket(std::span<const uint8_t> bytes)
{
    to_socket_ += bytes.size();
    socket_.write(bytes);
}

void Relay::start()
{
    moved();
    on_readable();
}

void Relay::moved()
{
    if (idle_)
        timer_.start(idle_);
}

// ---------------------------------------------------------------- socket to stream

void Relay::on_readable() noexcept
{
    if (ended_ || socket_fin_)
        return;
    if (stream_.blocked() && socket_.peer_reset())
        return end(Ended::socket_lost);
    stream_.ready();
}

size_t Relay::on_stream_pull(uint8_t *dst, size_t size) noexcept
{
    if (ended_ || socket_fin_)
        return 0;
    ssize_t n = socket_.read(dst, size);
    if (n < 0) {
        stream_.want_pulled();
        return 0;
    }
    to_stream_ += size_t(n);
    moved();
    // A short read of a socket whose end has been announced: look again for the end itself.
    if (size_t(n) < size && socket_.readable())
        stream_.want_pulled();
    return size_t(n);
}

void Relay::on_stream_pulled() noexcept
{
    if (ended_)
        return;
    switch (socket_.end()) {
    case Connection::End::none:
        return stream_.ready();
    case Connection::End::broken:
        return end(Ended::socket_lost);
    case Connection::End::fin:
        socket_fin_ = true;
        stream_.finish();
        return end_if_complete();
    }
}

// ---------------------------------------------------------------- stream to socket

void Relay::on_stream_data(std::span<const uint8_t> bytes) noexcept
{
    if (ended_)
        return;
    to_socket_ += bytes.size();
    moved();
    socket_.put(bytes);
}

void Relay::on_sent(size_t size) noexcept
{
    if (ended_)
        return;
    moved();
    stream_.left(size, socket_.queued() == 0);
    end_if_complete();
}

void Relay::on_stream_fin() noexcept
{
    if (ended_)
        return;
    stream_fin_ = true;
    socket_.finish();
    end_if_complete();
}

// ---------------------------------------------------------------- the end

void Relay::end_if_complete()
{
    if (!ended_ && socket_fin_ && stream_fin_ && socket_.queued() == 0)
        end(Ended::complete);
}

void Relay::on_broken() noexcept { end(Ended::socket_lost); }

void Relay::on_stream_broken(tn_close_reason, uint32_t) noexcept { end(Ended::stream_lost); }

void Relay::end(Ended how)
{
    if (ended_)
        return;
    ended_ = true;
    timer_.stop();
    if (how == Ended::complete) {
        socket_.set_abortive(false);
    } else {
        stream_.reset(how == Ended::idle ? TN_RST_TIMEOUT : TN_RST_CANCEL);
        socket_.reset();
    }
    owner_.on_relay_end(how);
}

} // namespace tunnel
