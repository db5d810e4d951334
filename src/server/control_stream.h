// SPDX-License-Identifier: ISC
//
// A stream that carries control messages: envelopes in, envelopes out. On its session's
// thread.

#pragma once

#include "flow/stream.h"

#include <memory>
#include <string_view>
#include <tunnel/control.h>
#include <tunnel/envelope.h>
#include <vector>

namespace tunnel {

class Link;

class ControlStream final : private Stream::Owner {
public:
    class Owner {
    public:
        virtual void on_control_message(ControlStream &stream, std::string_view json) noexcept = 0;
        // The length of a message is 0 or too large: nothing that follows can be read.
        virtual void on_control_garbled(ControlStream &stream) noexcept = 0;
        // The peer sends no more; comes once more when the stream is over.
        virtual void on_control_end(ControlStream &stream) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    ControlStream(std::unique_ptr<Stream> stream, Owner &owner); // the peer opened it
    ControlStream(Link &link, Owner &owner);                     // we do; see over()
    ~ControlStream() { tn_envelope_decoder_free(&decoder_); }
    ControlStream(const ControlStream &) = delete;
    ControlStream &operator=(const ControlStream &) = delete;

    // False: the peer does not read its answers, or the stream is over.
    bool send(const tn_control &message);
    void finish(); // after what was sent; what still comes is not read any more
    bool over() const { return !stream_ || stream_->ended(); }

    // While an answer has to wait: messages behind it wait, too, within the stream's window.
    void pause() { paused_ = true; }
    void resume();

private:
    // Stream::Owner
    void on_stream_data(std::span<const uint8_t> bytes) noexcept override;
    void on_stream_fin() noexcept override;
    void on_stream_closed() noexcept override;
    void on_stream_broken(tn_close_reason reason, uint32_t code) noexcept override;

    void read(std::span<const uint8_t> bytes);

    Owner &owner_;
    std::unique_ptr<Stream> stream_;
    tn_envelope_decoder decoder_;
    std::vector<uint8_t> waiting_; // arrived during a pause
    bool paused_ = false;
    bool peer_finished_ = false;
    bool deaf_ = false; // we finished, or the stream is garbled
};

} // namespace tunnel
