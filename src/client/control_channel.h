// SPDX-License-Identifier: ISC
//
// The control stream of a session, the first one we open: messages out, messages in. Knows
// their form, not their meaning. Belongs to the session; the loop's thread only.

#pragma once

#include "flow/link.h"

#include <memory>
#include <string>
#include <tunnel/control.h>

namespace tunnel {

class ControlChannel final : private Stream::Owner {
public:
    class Owner {
    public:
        // `message` lasts as long as the call, in which close() may be called.
        virtual void on_control_message(const tn_control &message) noexcept = 0;
        // Nothing more comes. `fault`: what the server did wrong, empty if it simply ended.
        virtual void on_control_end(const std::string &fault) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    explicit ControlChannel(Owner &owner);
    ~ControlChannel();
    ControlChannel(const ControlChannel &) = delete;
    ControlChannel &operator=(const ControlChannel &) = delete;

    bool open(Link &link);
    // False if it was not queued: closed, too long, or the server does not read what we send.
    bool send(const tn_control &message);
    void finish(); // after what was sent; what still comes is reported
    void close();  // the same, and nothing is reported any more

private:
    void on_stream_data(std::span<const uint8_t> bytes) noexcept override;
    void on_stream_fin() noexcept override;
    void on_stream_broken(tn_close_reason reason, uint32_t code) noexcept override;

    void take(std::span<const uint8_t> json);
    void end(const std::string &fault);

    Owner &owner_;
    std::unique_ptr<Stream> stream_;
    tn_envelope_decoder decoder_;
    bool listening_ = false;
    bool finished_ = false;
};

} // namespace tunnel
