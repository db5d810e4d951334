// SPDX-License-Identifier: ISC
//
// Asks a running program through its control socket: one question, one connection, and waits
// for the answer.

#pragma once

#include "base/clock.h"
#include "net/handles.h"

#include <functional>
#include <jansson.h>
#include <memory>
#include <string>
#include <string_view>

namespace tunnel {

struct JsonFreer {
    void operator()(json_t *value) const { json_decref(value); }
};
using Json = std::unique_ptr<json_t, JsonFreer>;

// Who is expected there, and what to do about it where nobody, or not everybody, may connect.
struct WebPeer {
    const char *name;
    const char *if_absent = "";
    const char *if_forbidden = "";
};

class WebClient {
public:
    // `patience`: how long it may be silent.
    WebClient(std::string socket, const WebPeer &peer, Micros patience)
        : socket_(std::move(socket)), peer_(peer), patience_(patience)
    {}

    // The answer's body. Throws Failure: exit_unavailable, exit_no_permission, exit_data for what
    // is not there, exit_config for a configuration that was refused, exit_temporary while the
    // server stops or is silent.
    std::string get(const std::string &path) const { return ask("GET", path, ""); }
    std::string post(const std::string &path, Json order) const;
    // Gives each piece to `take` as it comes, until the server ends it. After the first there may
    // be silence.
    void follow(const std::string &path, const std::function<void(std::string_view)> &take) const;

private:
    using Take = std::function<void(std::string_view)>;

    std::string ask(const char *method, const std::string &path, const std::string &body) const;
    unsigned exchange(const std::string &request, const Take &take, bool endless = false) const;
    Descriptor connect() const;
    [[noreturn]] void fail(int error) const;

    std::string socket_;
    WebPeer peer_;
    Micros patience_;
};

Json parse_answer(const std::string &text); // throws Failure (exit_protocol)

// What stands at `key`; "" or 0 where there is nothing.
std::string text_at(const json_t *object, const char *key);
double number_at(const json_t *object, const char *key);

// One segment of a path.
std::string encode_segment(const std::string &text);

} // namespace tunnel
