// SPDX-License-Identifier: ISC

#include "flow/web_client.h"

#include "base/failure.h"
#include "base/text.h"
#include "flow/message.h"
#include "net/local_socket.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>

namespace tunnel {

namespace {

constexpr size_t answer_max = 256 << 20; // bytes; a hundred thousand tunnels fit

// False, with errno.
bool send_all(const Descriptor &socket, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes.remove_prefix(size_t(n));
    }
    return true;
}

const char *advice(const WebPeer &peer, int code)
{
    switch (code) {
    case exit_unavailable:
        return peer.if_absent;
    case exit_no_permission:
        return peer.if_forbidden;
    default:
        return "";
    }
}

[[noreturn]] void refuse(const WebPeer &peer, unsigned status, const std::string &body)
{
    struct Row {
        unsigned status;
        Exit code;
    };
    static constexpr Row rows[] = {
        {400, exit_usage}, {403, exit_no_permission}, {404, exit_data}, {409, exit_temporary}};
    const Json answer(json_loads(body.c_str(), JSON_REJECT_DUPLICATES, nullptr));
    const std::string code = text_at(answer.get(), "error");
    std::string sentence = text_at(answer.get(), "message");
    if (sentence.empty())
        sentence = "it answered with status " + std::to_string(status);
    if (code == "reload_refused")
        throw Failure(exit_config, "reload refused, everything stays as it was: " + sentence);
    for (const Row &row : rows)
        if (row.status == status)
            throw Failure(row.code, sentence + advice(peer, row.code));
    throw Failure(exit_protocol, sentence);
}

} // namespace

Descriptor WebClient::connect() const
{
    try {
        return connect_local(socket_, patience_);
    } catch (const Failure &failure) {
        throw Failure(failure.code(), failure.what() + std::string(advice(peer_, failure.code())));
    }
}

void WebClient::fail(int error) const
{
    if (error == EAGAIN)
        throw Failure(exit_temporary, std::string(peer_.name) + " has not answered within " +
                                          print_duration(patience_) +
                                          ": it stands still, or has too much to do");
    throw Failure(exit_unavailable, std::string(peer_.name) + " has closed the connection");
}

// Returns the status; what of the body belongs to a refusal comes to `take` like any other.
unsigned WebClient::exchange(const std::string &request, const Take &take, bool endless) const
{
    const Descriptor socket = connect();
    if (!send_all(socket, request))
        fail(errno);
    tn_http1_limits limits;
    tn_http1_response_limits(&limits);
    Message message(Message::Kind::response, limits, false);
    unsigned status = 0;
    uint8_t buffer[64 * 1024];
    while (!message.complete()) {
        const ssize_t n = recv(socket.get(), buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (message.source_ended())
                return status;
            fail(n < 0 ? errno : 0);
        }
        if (endless)
            set_patience(socket, 0);
        std::span<const uint8_t> in(buffer, size_t(n)), bytes;
        for (Message::Found found; (found = message.next(in, bytes)) != Message::Found::more;) {
            if (found == Message::Found::head)
                status = message.head().status;
            else if (found == Message::Found::data)
                take({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
            else if (found == Message::Found::broken)
                throw Failure(exit_protocol, std::string("what answers there is no ") + peer_.name);
            else if (found == Message::Found::end)
                break;
        }
    }
    return status;
}

std::string WebClient::ask(const char *method, const std::string &path,
                           const std::string &body) const
{
    std::string answer;
    const std::string request = std::string(method) + " " + path +
                                " HTTP/1.1\r\nHost: " + peer_.name +
                                "\r\nConnection: close\r\n"
                                "Content-Length: " +
                                std::to_string(body.size()) + "\r\n\r\n" + body;
    const unsigned status = exchange(request, [&answer](std::string_view piece) {
        if (answer.size() + piece.size() > answer_max)
            throw Failure(exit_protocol, "the answer is too large");
        answer.append(piece);
    });
    if (status < 200 || status > 299)
        refuse(peer_, status, answer);
    return answer;
}

std::string WebClient::post(const std::string &path, Json order) const
{
    char *text = json_dumps(order.get(), JSON_COMPACT);
    const std::string body = text ? text : "{}";
    free(text);
    return ask("POST", path, body);
}

void WebClient::follow(const std::string &path, const Take &take) const
{
    exchange("GET " + path + " HTTP/1.1\r\nHost: " + peer_.name + "\r\nConnection: close\r\n\r\n",
             take, true);
}

Json parse_answer(const std::string &text)
{
    Json value(json_loads(text.c_str(), JSON_REJECT_DUPLICATES, nullptr));
    if (!json_is_object(value.get()))
        throw Failure(exit_protocol, "the answer is no JSON");
    return value;
}

std::string text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

double number_at(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

std::string encode_segment(const std::string &text)
{
    std::string out;
    for (const char c : text) {
        const auto byte = uint8_t(c);
        const bool plain = isalnum(byte) || c == '-' || c == '_' || c == '.';
        out += plain ? std::string(1, c) : "%" + to_hex({&byte, 1});
    }
    return out;
}

} // namespace tunnel
