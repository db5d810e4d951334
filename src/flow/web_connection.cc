// SPDX-License-Identifier: ISC

#include "flow/web_connection.h"

#include "base/text.h"
#include "flow/error_page.h"
#include "flow/head.h"
#include "net/loop.h"

#include <cstdio>
#include <event2/buffer.h>
#include <new>
#include <optional>
#include <sys/socket.h>

namespace tunnel {

namespace {

constexpr size_t read_high = 64 * 1024; // bytes read ahead of what is understood
constexpr Micros linger_time = 2 * second;

std::string decode(std::string_view text)
{
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
        auto byte = text[i] == '%' ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
        if (byte && byte->size() == 1) {
            out += char(byte->front());
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

std::string_view find_field(const tn_http1_head &head, std::string_view name)
{
    for (size_t i = 0; i < head.field_count; i++)
        if (to_lower(text_of(head.fields[i].name)) == name)
            return text_of(head.fields[i].value);
    return {};
}

} // namespace

WebConnection::WebConnection(WebServer &server, Loop &loop, Descriptor socket)
    : server_(server), peer_(LocalPeer::of(socket.get())), timer_(loop, [this] { leave(); })
{
    bev_.reset(bufferevent_socket_new(loop.base(), socket.release(), BEV_OPT_CLOSE_ON_FREE));
    if (!bev_)
        throw std::bad_alloc();
    tn_http1_request_limits(&head_limits_);
    bufferevent_setcb(bev_.get(), on_read, on_written, on_event, this);
    bufferevent_setwatermark(bev_.get(), EV_READ, 0, read_high);
}

WebConnection::~WebConnection() { release_call(); }

void WebConnection::begin()
{
    enter(State::idle);
    bufferevent_enable(bev_.get(), EV_READ | EV_WRITE);
}

void WebConnection::enter(State next)
{
    state_ = next;
    switch (next) {
    case State::idle:
        message_ = std::make_unique<Message>(Message::Kind::request, head_limits_, false);
        reading_ = std::make_shared<WebCall>(*this);
        return timer_.start(server_.limits_.idle);
    case State::reading:
    case State::closing:
        return timer_.start(server_.limits_.request);
    case State::lingering:
        return timer_.start(linger_time);
    case State::answering:
    case State::streaming:
    case State::gone:
        return timer_.stop();
    }
}

// ---------------------------------------------------------------- callbacks

void WebConnection::on_read(bufferevent *, void *self) noexcept
{
    static_cast<WebConnection *>(self)->read();
}

void WebConnection::on_written(bufferevent *, void *self) noexcept
{
    auto &connection = *static_cast<WebConnection *>(self);
    if (connection.state_ == State::closing)
        connection.half_close();
}

void WebConnection::on_event(bufferevent *, short what, void *self) noexcept
{
    auto &connection = *static_cast<WebConnection *>(self);
    if (what & BEV_EVENT_ERROR)
        connection.leave();
    else if (what & BEV_EVENT_EOF)
        connection.ended();
}

// Who has asked and sends no more may still read the answer.
void WebConnection::ended()
{
    peer_ended_ = true;
    if (state_ != State::answering && state_ != State::closing)
        leave();
}

// To close with unread bytes would be a reset, which may overtake our answer (RFC 9112 9.6).
void WebConnection::half_close()
{
    if (peer_ended_)
        return leave();
    shutdown(bufferevent_getfd(bev_.get()), SHUT_WR);
    enter(State::lingering);
}

// ---------------------------------------------------------------- requests

// A handler that answers at once lets the next request be read, without going deeper.
void WebConnection::read()
{
    if (in_read_)
        return;
    in_read_ = true;
    while ((state_ == State::idle || state_ == State::reading) && read_some()) {
    }
    in_read_ = false;
    if (state_ == State::closing || state_ == State::lingering)
        evbuffer_drain(bufferevent_get_input(bev_.get()), SIZE_MAX);
}

// False: nothing more can be understood now.
bool WebConnection::read_some()
{
    evbuffer *input = bufferevent_get_input(bev_.get());
    const size_t size = evbuffer_get_length(input);
    if (size == 0)
        return false;
    if (state_ == State::idle)
        enter(State::reading);
    std::span<const uint8_t> in(evbuffer_pullup(input, -1), size);
    const Message::Found found = take(in);
    evbuffer_drain(input, size - in.size());

    if (found == Message::Found::broken)
        refuse(message_->refusal(), message_->why());
    else if (reading_->body.size() > server_.limits_.body)
        refuse(413, "the body is too large");
    else if (message_->complete())
        dispatch();
    else
        return false;
    return true;
}

// As much as there is of one request.
Message::Found WebConnection::take(std::span<const uint8_t> &in)
{
    for (;;) {
        std::span<const uint8_t> bytes;
        const Message::Found found = message_->next(in, bytes);
        if (found == Message::Found::head)
            take_head();
        else if (found == Message::Found::data)
            reading_->body.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
        else if (found != Message::Found::trailers)
            return found;
        if (message_->complete() || reading_->body.size() > server_.limits_.body)
            return found;
    }
}

void WebConnection::take_head()
{
    const tn_http1_head &head = message_->head();
    to_head_ = head.is_head;
    keep_alive_ = head.keep_alive;
    chunked_ = head.minor == 1;
    reading_->method = to_head_ ? "GET" : std::string(text_of(head.method));
    reading_->host = text_of(head.host);
    reading_->origin = find_field(head, "origin");
    take_target(text_of(head.path));
    if (head.expects_continue)
        write("HTTP/1.1 100 Continue\r\n\r\n");
}

void WebConnection::take_target(std::string_view target)
{
    const size_t mark = target.find('?');
    reading_->path = target.substr(0, mark);
    if (mark == target.npos)
        return;
    for (std::string_view pair : split(target.substr(mark + 1), '&')) {
        const size_t equals = std::min(pair.find('='), pair.size());
        std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
        reading_->query[decode(pair.substr(0, equals))] = decode(value);
    }
}

void WebConnection::dispatch()
{
    std::shared_ptr<WebCall> call = std::move(reading_);
    call->peer = peer_;
    call_ = call.get();
    enter(State::answering);
    server_.dispatch(call);
}

void WebConnection::refuse(uint16_t status, const char *why)
{
    keep_alive_ = false;
    to_head_ = false;
    reading_->connection_ = nullptr;
    answer(status, "text/plain", std::string(why) + "\n");
}

// ---------------------------------------------------------------- answers

void WebConnection::write(std::string_view bytes)
{
    bufferevent_write(bev_.get(), bytes.data(), bytes.size());
}

void WebConnection::write_head(uint16_t status, std::string_view type, std::string_view length)
{
    std::string head =
        "HTTP/1.1 " + std::to_string(status) + " " + status_phrase(status) + "\r\nContent-Type: ";
    head.append(type).append("\r\nCache-Control: no-store\r\n"
                             "X-Content-Type-Options: nosniff\r\n");
    head.append(length);
    if (!keep_alive_)
        head += "Connection: close\r\n";
    write(head + "\r\n");
}

void WebConnection::answer(uint16_t status, std::string_view type, std::string_view content)
{
    write_head(status, type, "Content-Length: " + std::to_string(content.size()) + "\r\n");
    if (!to_head_)
        write(content);
    answered();
}

void WebConnection::start_stream(std::string_view type)
{
    keep_alive_ = keep_alive_ && chunked_;
    write_head(200, type, chunked_ ? "Transfer-Encoding: chunked\r\n" : "");
    if (to_head_)
        return answered();
    enter(State::streaming);
}

bool WebConnection::send(std::string_view piece)
{
    evbuffer *output = bufferevent_get_output(bev_.get());
    if (state_ != State::streaming || piece.empty() ||
        evbuffer_get_length(output) + piece.size() > server_.limits_.unsent)
        return false;
    char size[24] = "";
    if (chunked_)
        snprintf(size, sizeof size, "%zx\r\n", piece.size());
    write(size);
    write(piece);
    if (chunked_)
        write("\r\n");
    return true;
}

void WebConnection::finish_stream()
{
    if (state_ != State::streaming)
        return;
    if (chunked_)
        write("0\r\n\r\n");
    answered();
}

void WebConnection::answered()
{
    if (call_)
        call_->connection_ = nullptr;
    call_ = nullptr;
    if (!keep_alive_ || peer_ended_)
        return enter(State::closing);
    enter(State::idle);
    read();
}

// ---------------------------------------------------------------- the end

void WebConnection::release_call()
{
    if (reading_)
        reading_->connection_ = nullptr;
    WebCall *call = std::exchange(call_, nullptr);
    if (!call)
        return;
    call->connection_ = nullptr;
    if (auto tell = std::move(call->on_gone))
        tell();
}

void WebConnection::leave()
{
    if (state_ == State::gone)
        return;
    enter(State::gone);
    bufferevent_disable(bev_.get(), EV_READ | EV_WRITE);
    release_call();
    server_.drop(*this);
}

} // namespace tunnel
