// SPDX-License-Identifier: ISC
//
// One HTTP/1 message on its way: its head, then its body as far as its framing says. Works on
// borrowed bytes; only a head that arrives in pieces is kept until it is whole.

#pragma once

#include "base/held_memory.h"

#include <span>
#include <tunnel/http1_body.h>

namespace tunnel {

class Message {
public:
    enum class Kind { request, response };
    enum class Found {
        more,     // all input used
        head,     // `bytes`: the head as it came; head() describes it
        data,     // `bytes`: body. Raw messages: with its framing, as it came
        trailers, // `bytes`: field lines that may go on. Not in raw messages
        end,      // the message is complete, the input stands behind it
        broken,   // see refusal() and why()
    };

    // `raw`: the body is only followed to find its end and is passed on as it came.
    Message(Kind kind, const tn_http1_limits &limits, bool raw);
    ~Message() { tn_http1_body_free(&body_); }
    Message(const Message &) = delete;
    Message &operator=(const Message &) = delete;

    // A response: what the request was.
    void answers(bool head_request, bool upgrade_request);
    // A raw message whose head, of `size` bytes, somebody else has read already: it goes by as
    // data, with the body.
    void know_head(size_t size, tn_http1_framing framing, uint64_t length);
    // Starts at the body of a head that somebody else has read.
    void start_body(tn_http1_framing framing, uint64_t length);
    // An interim response has been passed on: the next head follows.
    void expect_next_head();

    Found next(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes);

    // Right after Found::head, until anybody on this thread parses the next head.
    const tn_http1_head &head() const;
    // Parses a head outside of a Message, in the same workspace.
    static ssize_t parse_request(const tn_http1_limits &limits, std::span<const uint8_t> in);

    tn_http1_framing framing() const { return framing_; }
    bool in_head() const { return stage_ == Stage::head; }
    bool started() const { return started_; } // at least one byte was seen
    bool complete() const { return stage_ == Stage::done; }
    size_t held() const { return pieces_.capacity(); } // bytes of memory
    // Body bytes that surely come before any framing; for reading straight into place.
    uint64_t body_left() const { return tn_http1_body_left(&body_); }
    // The body ended with its source (framing UNTIL_CLOSE): complete now.
    // Returns false if the message was not allowed to end here.
    bool source_ended();
    uint16_t refusal() const { return refusal_; }
    const char *why() const { return why_; }

private:
    enum class Stage : uint8_t { head, known_head, body, done, broken };

    Found next_head(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes);
    Found next_of_known_head(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes);
    Found next_body(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes);
    Found next_raw_body(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes);
    Found refuse(const tn_http1_head &head);
    ssize_t parse(std::span<const uint8_t> in);
    bool unfinished_line_is_long(std::span<const uint8_t> head) const;

    const tn_http1_limits &limits_; // the settings outlive every message
    tn_http1_body body_ = {};
    HeldBytes pieces_;     // of a head that is not whole yet
    size_t head_left_ = 0; // bytes of a known head
    const char *why_ = "";
    uint16_t refusal_ = 0;
    tn_http1_framing framing_ = TN_HTTP1_NO_BODY;
    Kind kind_;
    Stage stage_ = Stage::head;
    bool raw_;
    bool started_ = false;
    bool to_head_ = false;
    bool to_upgrade_ = false;
    bool spent_ = false; // `pieces_` was returned and is dropped by the next call
};

} // namespace tunnel
