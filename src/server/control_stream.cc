// SPDX-License-Identifier: ISC

#include "server/control_stream.h"

#include "flow/link.h"

#include <utility>

namespace tunnel {

ControlStream::ControlStream(std::unique_ptr<Stream> stream, Owner &owner)
    : owner_(owner), stream_(std::move(stream))
{
    tn_envelope_decoder_init(&decoder_, TN_ENVELOPE_MAX);
    stream_->set_owner(*this);
}

ControlStream::ControlStream(Link &link, Owner &owner) : owner_(owner)
{
    tn_envelope_decoder_init(&decoder_, TN_ENVELOPE_MAX);
    tn_error why = TN_OK;
    stream_ = link.open(*this, why);
}

bool ControlStream::send(const tn_control &message)
{
    if (over() || stream_->space() == 0)
        return false;
    uint8_t *bytes = nullptr;
    size_t size = 0;
    if (tn_control_encode(&message, &bytes, &size) != TN_OK)
        return false;
    stream_->send({bytes, size});
    tn_control_release(bytes, size);
    return true;
}

void ControlStream::finish()
{
    deaf_ = true;
    if (stream_)
        stream_->finish();
}

void ControlStream::resume()
{
    if (!std::exchange(paused_, false))
        return;
    std::vector<uint8_t> bytes = std::exchange(waiting_, {});
    read(bytes);
    if (!paused_ && peer_finished_)
        owner_.on_control_end(*this);
}

void ControlStream::on_stream_data(std::span<const uint8_t> bytes) noexcept
{
    if (paused_) {
        waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
        return;
    }
    read(bytes);
}

void ControlStream::read(std::span<const uint8_t> bytes)
{
    tn_slice in = {bytes.data(), bytes.size()};
    while (!deaf_ && !paused_ && in.len > 0) {
        tn_slice message;
        int found = tn_envelope_next(&decoder_, &in, &message);
        if (found == TN_ENVELOPE_MORE)
            break;
        if (found < 0) {
            deaf_ = true;
            owner_.on_control_garbled(*this);
            break;
        }
        owner_.on_control_message(*this,
                                  {reinterpret_cast<const char *>(message.data), message.len});
    }
    if (paused_ && !deaf_)
        waiting_.assign(in.data, in.data + in.len);
    else if (stream_)
        stream_->left(0, true);
}

void ControlStream::on_stream_fin() noexcept
{
    peer_finished_ = true;
    if (!paused_)
        owner_.on_control_end(*this);
}

void ControlStream::on_stream_closed() noexcept { owner_.on_control_end(*this); }

void ControlStream::on_stream_broken(tn_close_reason, uint32_t) noexcept
{
    deaf_ = true;
    owner_.on_control_end(*this);
}

} // namespace tunnel
