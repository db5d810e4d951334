// SPDX-License-Identifier: ISC

#include "flow/web.h"

#include "base/text.h"
#include "flow/web_connection.h"
#include "net/loop.h"

#include <jansson.h>

namespace tunnel {

namespace {

constexpr int depth_max = 16; // of JSON that is read

// Nesting costs the parser stack, so it is counted first.
bool is_shallow(std::string_view json)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < json.size(); i++) {
        const char c = json[i];
        if (in_text && c == '\\')
            i++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '[' || c == '{') && ++depth > depth_max)
            return false;
        else if (!in_text && (c == ']' || c == '}'))
            depth--;
    }
    return true;
}

// Whether `path` is of the form `pattern`; `word` is then what its "*" stands for.
bool matches(std::string_view pattern, std::string_view path, std::string &word)
{
    const auto wanted = split(pattern, '/');
    const auto given = split(path, '/');
    if (wanted.size() != given.size())
        return false;
    for (size_t i = 0; i < wanted.size(); i++) {
        if (wanted[i] == "*" && !given[i].empty())
            word = given[i];
        else if (wanted[i] != given[i])
            return false;
    }
    return true;
}

} // namespace

// ---------------------------------------------------------------- a call

WebCall::~WebCall()
{
    if (connection_)
        answer_error(500, "internal", "the request was not answered");
}

void WebCall::answer(uint16_t status, std::string_view type, std::string_view content)
{
    if (WebConnection *connection = std::exchange(connection_, nullptr))
        connection->answer(status, type, content);
}

void WebCall::answer_json(uint16_t status, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    json_decref(value);
    answer(text ? status : 500, "application/json", text ? std::string(text) + "\n" : "");
    free(text);
}

void WebCall::answer_error(uint16_t status, std::string_view code, std::string_view sentence)
{
    answer_json(status, json_pack("{s:s%,s:s%}", "error", code.data(), code.size(), "message",
                                  sentence.data(), sentence.size()));
}

json_t *WebCall::read_json() const
{
    if (!is_shallow(body))
        return nullptr;
    json_t *value = json_loadb(body.data(), body.size(), JSON_REJECT_DUPLICATES, nullptr);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return nullptr;
}

void WebCall::start_stream(std::string_view type)
{
    if (connection_)
        connection_->start_stream(type);
}

bool WebCall::send(std::string_view piece) { return connection_ && connection_->send(piece); }

void WebCall::finish()
{
    if (WebConnection *connection = std::exchange(connection_, nullptr))
        connection->finish_stream();
}

// ---------------------------------------------------------------- the server

WebServer::WebServer(Loop &loop, std::vector<Route> routes)
    : loop_(loop), routes_(std::move(routes))
{}

WebServer::~WebServer() = default;

void WebServer::listen(Descriptor socket)
{
    listeners_.push_back(std::make_unique<Listener>(
        loop_, std::move(socket),
        [this](Descriptor accepted, const Address &) { admit(std::move(accepted)); }));
}

void WebServer::admit(Descriptor socket)
{
    if (connections_.size() >= limits_.connections)
        return;
    auto connection = std::make_unique<WebConnection>(*this, loop_, std::move(socket));
    WebConnection *key = connection.get();
    connections_.emplace(key, std::move(connection));
    key->begin();
}

void WebServer::dispatch(const std::shared_ptr<WebCall> &call)
{
    if (guard_ && !guard_(*call))
        return call->answer_error(403, "forbidden", "you may not ask here");
    bool other_method = false;
    for (const Route &route : routes_) {
        if (!matches(route.path, call->path, call->word))
            continue;
        if (call->method == route.method)
            return route.handle(call);
        other_method = true;
    }
    if (other_method)
        return call->answer_error(405, "bad_method", "this is asked in another way");
    call->answer_error(404, "not_found", "there is nothing of this name");
}

void WebServer::drop(WebConnection &connection)
{
    auto found = connections_.find(&connection);
    if (found == connections_.end())
        return;
    loop_.retire(std::move(found->second));
    connections_.erase(found);
}

} // namespace tunnel
