// SPDX-License-Identifier: ISC
//
// One mux stream as a byte flow. Its owner sends by queueing bytes (send) or by naming a
// source that is read only when its turn comes, straight into the link's output (ready, then
// on_stream_pull); it receives borrowed bytes and says when they have left its memory (left),
// which is what re-opens the peer's window. Lives on its link's loop; may outlive the link.

#pragma once

#include "base/byte_queue.h"
#include "base/recycled.h"

#include <span>
#include <tunnel/mux.h>

namespace tunnel {

class Link;

class Stream : public Recycled<Stream> {
public:
    class Owner {
    public:
        // The first sign of life on a stream that we opened; not called on an accepted one.
        virtual void on_stream_answered() noexcept {}
        // Bytes arrived. They are borrowed until the loop's next flush: put() them on a
        // Connection or copy them. All must be taken; the window bounds how many come.
        virtual void on_stream_data(std::span<const uint8_t> bytes) noexcept = 0;
        // The peer finished its direction cleanly.
        virtual void on_stream_fin() noexcept = 0;
        // Both directions have finished cleanly. The last call.
        virtual void on_stream_closed() noexcept {}
        // Ended otherwise: reset, refused, or the link died. Bytes may be missing in both
        // directions. The last call. `code` is the peer's TN_RST_* for TN_CR_RESET_REMOTE.
        virtual void on_stream_broken(tn_close_reason reason, uint32_t code) noexcept = 0;
        // After ready(): writes up to `size` bytes to `dst`, returns how many. Fewer than `size`
        // means that the source has run dry: call ready() again when it has more. Must not call
        // anything of the stream but want_pulled().
        virtual size_t on_stream_pull(uint8_t *, size_t) noexcept { return 0; }
        // After a pull that called want_pulled(): now everything may be called again, but the
        // loop's read scratch is in use.
        virtual void on_stream_pulled() noexcept {}
        // space() is above 0 again after it was 0.
        virtual void on_stream_writable() noexcept {}

    protected:
        ~Owner() = default;
    };

    ~Stream(); // resets the stream (TN_RST_CANCEL) unless it has ended or been closed
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;

    void set_owner(Owner &owner) { owner_ = &owner; }

    void send(std::span<const uint8_t> bytes); // copies to the queue
    size_t space() const;                      // bytes that may be queued before we should stop
    size_t queued() const { return queue_.size(); }
    void ready();         // the source has bytes
    bool blocked() const; // the peer's window is used up: no source is read until it opens
    void want_pulled();   // from on_stream_pull only

    // `sent` bytes of what arrived have left our memory; with `all`, everything that arrived has.
    // What is written out may differ in length from what came in (heads are edited): so `sent`
    // may be a little off as long as `all` comes in the end.
    void left(size_t sent, bool all);

    void finish(); // half-close after the last queued byte
    // Finish with nothing queued; what still arrives is dropped for a while, then RST. No further
    // callbacks.
    void close();
    void reset(uint32_t code); // TN_RST_*. No further callbacks
    bool ended() const { return link_ == nullptr; }
    Link *link() { return link_; }

private:
    friend class Link;
    Stream(Link &link, Owner *owner) : link_(&link), owner_(owner) {}
    size_t pull(uint8_t *dst, size_t size);
    void detach();
    bool opened() const { return link_ && !waits_; }
    void open_late();
    void answer(); // the peer is to hear that the stream is accepted

    Link *link_;
    Owner *owner_;
    tn_stream handle_ = {TN_STREAM_NONE_SLOT, 0};
    ByteQueue queue_;
    size_t held_ = 0;
    bool source_ready_ = false;
    bool in_pulled_list_ = false;
    uint32_t unanswered_place_ = answered; // in the link's list
    static constexpr uint32_t answered = UINT32_MAX;
    bool waits_ = false;        // the mux takes no more opens for now: the link opens it later
    bool finish_waits_ = false; // and then finishes it
};

} // namespace tunnel
