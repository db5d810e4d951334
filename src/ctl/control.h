// SPDX-License-Identifier: ISC
//
// Asks the running server through its control socket: one question, one connection, and waits
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

class Control {
public:
    // `patience`: how long the server may be silent.
    Control(std::string socket, Micros patience) : socket_(std::move(socket)), patience_(patience)
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
    Micros patience_;
};

Json parse_answer(const std::string &text); // throws Failure (exit_protocol)

// What stands at `key`; "" or 0 where there is nothing.
std::string text_at(const json_t *object, const char *key);
double number_at(const json_t *object, const char *key);

// One segment of a path.
std::string encode_segment(const std::string &text);

} // namespace tunnel
