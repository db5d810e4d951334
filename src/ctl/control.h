// SPDX-License-Identifier: ISC
//
// Asks the running server through its control socket: one question, one connection, and waits
// for the answer.

#pragma once

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
    explicit Control(std::string socket) : socket_(std::move(socket)) {}

    // The answer's body. Throws Failure: exit_unavailable, exit_no_permission, exit_data for what
    // is not there, exit_config for a configuration that was refused, exit_temporary while the
    // server stops.
    std::string get(const std::string &path) const { return ask("GET", path, ""); }
    std::string post(const std::string &path, Json order) const;
    // Gives each piece to `take` as it comes, until the server ends it.
    void follow(const std::string &path, const std::function<void(std::string_view)> &take) const;

private:
    using Take = std::function<void(std::string_view)>;

    std::string ask(const char *method, const std::string &path, const std::string &body) const;
    unsigned exchange(const std::string &request, const Take &take) const;

    std::string socket_;
};

Json parse_answer(const std::string &text); // throws Failure (exit_protocol)

// What stands at `key`; "" or 0 where there is nothing.
std::string text_at(const json_t *object, const char *key);
double number_at(const json_t *object, const char *key);

// One segment of a path.
std::string encode_segment(const std::string &text);

} // namespace tunnel
