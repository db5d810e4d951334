// SPDX-License-Identifier: ISC
//
// A small HTTP/1.1 server for light things: the control socket, the metrics. Requests are read
// by the core's parser and kept whole up to a small limit; routes are a table; an answer may
// come later than the handler returns, and may be a stream without end. On plain bufferevents,
// all on one loop's thread.

#pragma once

#include "net/listener.h"
#include "net/local_socket.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

typedef struct json_t json_t;

namespace tunnel {

class WebConnection;

// One request and its answer. Whoever answers later keeps it; if the asker has left by then, the
// answer goes nowhere.
class WebCall {
public:
    std::string method; // GET also for HEAD
    std::string path;   // "/v1/clients/sess_1", without its query
    std::string word;   // what the route's "*" stood for
    std::string host;   // the authority it was sent to
    std::string origin; // of the page that sent it; empty: not told
    std::string body;
    std::map<std::string, std::string> query;
    LocalPeer peer; // on a local socket

    explicit WebCall(WebConnection &connection) : connection_(&connection) {}
    ~WebCall(); // without an answer: 500
    WebCall(const WebCall &) = delete;
    WebCall &operator=(const WebCall &) = delete;

    void answer(uint16_t status, std::string_view type, std::string_view content);
    void answer_json(uint16_t status, json_t *value); // takes `value`
    void answer_error(uint16_t status, std::string_view code, std::string_view sentence);
    // The body as a JSON object, the caller's to release; null if it is none, or nested too deep.
    json_t *read_json() const;

    // An answer of unknown length, in pieces.
    void start_stream(std::string_view type);
    bool send(std::string_view piece); // false: not sent, the reader is behind or has left
    void finish();
    bool gone() const { return !connection_; } // answered, or the asker has left
    std::function<void()> on_gone;             // a stream's reader has left

private:
    friend class WebConnection;
    WebConnection *connection_; // null: nothing can be said any more
};

class WebServer {
public:
    using Handler = std::function<void(const std::shared_ptr<WebCall> &call)>;
    struct Route {
        const char *method;
        const char *path; // one segment may be "*": "/v1/clients/*"
        Handler handle;
    };
    struct Limits {
        size_t connections = 64;
        size_t body = 64 * 1024;      // bytes
        size_t unsent = 1024 * 1024;  // bytes of a stream that wait for its reader
        Micros request = 10 * second; // for a whole request, and for its answer to be taken
        Micros idle = 60 * second;    // between two requests
    };
    // Whether whoever called may do so; else 403.
    using Guard = std::function<bool(const WebCall &call)>;

    WebServer(Loop &loop, std::vector<Route> routes);
    ~WebServer(); // open streams end
    WebServer(const WebServer &) = delete;
    WebServer &operator=(const WebServer &) = delete;

    void set_guard(Guard guard) { guard_ = std::move(guard); }
    void set_limits(const Limits &limits) { limits_ = limits; }
    // Takes a socket that listens: Listener::bind(), listen_local().
    void listen(Descriptor socket);

private:
    friend class WebConnection;

    void admit(Descriptor socket);
    void dispatch(const std::shared_ptr<WebCall> &call);
    void drop(WebConnection &connection);

    Loop &loop_;
    std::vector<Route> routes_;
    Guard guard_;
    Limits limits_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::unordered_map<WebConnection *, std::unique_ptr<WebConnection>> connections_;
};

} // namespace tunnel
