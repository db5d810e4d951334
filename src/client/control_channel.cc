// SPDX-License-Identifier: ISC

#include "client/control_channel.h"

namespace tunnel {
namespace {

// Answers to a server that asks and asks but does not read end here. Bytes.
constexpr size_t unsent_max = 128 * 1024;

} // namespace

ControlChannel::ControlChannel(Owner &owner) : owner_(owner)
{
    tn_envelope_decoder_init(&decoder_, TN_ENVELOPE_MAX);
}

ControlChannel::~ControlChannel() { tn_envelope_decoder_free(&decoder_); }

bool ControlChannel::open(Link &link)
{
    tn_error why;
    stream_ = link.open(*this, why);
    listening_ = stream_ != nullptr;
    return listening_;
}

bool ControlChannel::send(const tn_control &message)
{
    if (!stream_ || finished_ || stream_->ended() || stream_->queued() > unsent_max)
        return false;
    uint8_t *bytes;
    size_t size;
    if (tn_control_encode(&message, &bytes, &size) != TN_OK)
        return false;
    stream_->send({bytes, size});
    tn_control_release(bytes, size);
    return true;
}

void ControlChannel::finish()
{
    finished_ = true;
    if (stream_)
        stream_->finish();
}

void ControlChannel::close()
{
    listening_ = false;
    finish();
}

void ControlChannel::on_stream_data(std::span<const uint8_t> bytes) noexcept
{
    tn_slice input = {bytes.data(), bytes.size()};
    while (listening_) {
        tn_slice json;
        int result = tn_envelope_next(&decoder_, &input, &json);
        if (result == TN_ENVELOPE_MORE)
            break;
        if (result != TN_ENVELOPE_MESSAGE)
            return end("a control message of a forbidden length");
        take({json.data, json.len});
    }
    stream_->left(bytes.size(), true);
}

void ControlChannel::take(std::span<const uint8_t> json)
{
    tn_control *message;
    char problem[128];
    tn_error error = tn_control_decode(reinterpret_cast<const char *>(json.data()), json.size(),
                                       &message, problem, sizeof problem);
    if (error != TN_OK)
        return end(error == TN_ERR_PROTOCOL ? problem : tn_strerror(error));
    owner_.on_control_message(*message);
    tn_control_free(message);
}

void ControlChannel::on_stream_fin() noexcept
{
    if (!listening_)
        return;
    end(tn_envelope_decoder_idle(&decoder_) ? "" : "a control message that ends in its middle");
}

void ControlChannel::on_stream_broken(tn_close_reason reason, uint32_t) noexcept
{
    if (!listening_ || reason == TN_CR_SESSION)
        return; // the link tells its owner itself
    end("the control stream was reset");
}

void ControlChannel::end(const std::string &fault)
{
    close();
    owner_.on_control_end(fault);
}

} // namespace tunnel
