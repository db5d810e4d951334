// SPDX-License-Identifier: ISC
//
// One connection to a WebServer: requests in, one after the other, answers out. Internal to
// flow; owned by its server.

#pragma once

#include "flow/message.h"
#include "flow/web.h"
#include "net/timer.h"

#include <event2/bufferevent.h>

namespace tunnel {

using BuffereventPtr = std::unique_ptr<bufferevent, Releaser<bufferevent_free>>;

class WebConnection {
public:
    WebConnection(WebServer &server, Loop &loop, Descriptor socket);
    ~WebConnection();
    void begin(); // once it is known to its server

    // WebCall
    void answer(uint16_t status, std::string_view type, std::string_view content);
    void start_stream(std::string_view type);
    bool send(std::string_view piece);
    void finish_stream();

private:
    enum class State {
        idle,      // no byte of a request has come
        reading,   // a part of one
        answering, // the handler has it
        streaming, // its answer goes on
        closing,   // the rest is being sent
        lingering, // all is sent; what still comes is read into nothing
        gone,
    };

    static void on_read(bufferevent *, void *self) noexcept;
    static void on_written(bufferevent *, void *self) noexcept;
    static void on_event(bufferevent *, short what, void *self) noexcept;

    void enter(State next);
    void read();
    bool read_some();
    Message::Found take(std::span<const uint8_t> &in);
    void take_head();
    void take_target(std::string_view target);
    void dispatch();
    void refuse(uint16_t status, const char *why);
    void ended();
    void half_close();
    void write_head(uint16_t status, std::string_view type, std::string_view length);
    void write(std::string_view bytes);
    void release_call();
    void answered();
    void leave();

    WebServer &server_;
    BuffereventPtr bev_;
    LocalPeer peer_;
    Timer timer_;
    tn_http1_limits head_limits_;
    std::unique_ptr<Message> message_;
    std::shared_ptr<WebCall> reading_; // the request that is being read
    WebCall *call_ = nullptr;          // the one that waits for its answer
    State state_ = State::idle;
    bool keep_alive_ = true;
    bool to_head_ = false;
    bool chunked_ = false;
    bool peer_ended_ = false;
    bool in_read_ = false;
};

} // namespace tunnel
