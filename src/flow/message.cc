// SPDX-License-Identifier: ISC

#include "flow/message.h"

#include <algorithm>
#include <cstring>

namespace tunnel {

namespace {

// A parsed head is 10 KiB of slices and needed for one callback only: one for each thread.
thread_local tn_http1_head workspace;

tn_slice as_slice(std::span<const uint8_t> bytes) { return {bytes.data(), bytes.size()}; }

bool is_control(uint8_t byte) { return byte < 0x20 || byte == 0x7f; }

// Up to this size a head in pieces is simply read again with each piece, bytes.
constexpr size_t reread_always = 2048;

} // namespace

Message::Message(Kind kind, const tn_http1_limits &limits, bool raw)
    : limits_(limits), kind_(kind), raw_(raw)
{}

void Message::answers(bool head_request, bool upgrade_request)
{
    to_head_ = head_request;
    to_upgrade_ = upgrade_request;
}

void Message::know_head(size_t size, tn_http1_framing framing, uint64_t length)
{
    start_body(framing, length);
    head_left_ = size;
    stage_ = Stage::known_head;
}

void Message::start_body(tn_http1_framing framing, uint64_t length)
{
    framing_ = framing;
    started_ = true;
    tn_http1_body_init(&body_, framing, length);
    stage_ = framing == TN_HTTP1_NO_BODY ? Stage::done : Stage::body;
}

void Message::expect_next_head() { stage_ = Stage::head; }

const tn_http1_head &Message::head() const { return workspace; }

ssize_t Message::parse_request(const tn_http1_limits &limits, std::span<const uint8_t> in)
{
    return tn_http1_parse_request(&workspace, &limits, in.data(), in.size());
}

Message::Found Message::next(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes)
{
    if (!in.empty())
        started_ = true;
    switch (stage_) {
    case Stage::head:
        return next_head(in, bytes);
    case Stage::known_head:
        return next_of_known_head(in, bytes);
    case Stage::body:
        return raw_ ? next_raw_body(in, bytes) : next_body(in, bytes);
    case Stage::done:
        return Found::end;
    case Stage::broken:
        break;
    }
    return Found::broken;
}

ssize_t Message::parse(std::span<const uint8_t> in)
{
    if (kind_ == Kind::request)
        return tn_http1_parse_request(&workspace, &limits_, in.data(), in.size());
    return tn_http1_parse_response(&workspace, &limits_, in.data(), in.size(), to_head_,
                                   to_upgrade_);
}

Message::Found Message::next_head(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes)
{
    if (spent_) {
        pieces_ = {};
        spent_ = false;
    }
    if (in.empty())
        return Found::more;

    bool first = pieces_.empty();
    size_t before = pieces_.size();
    if (!first)
        pieces_.insert(pieces_.end(), in.begin(), in.end());
    std::span<const uint8_t> all = first ? in : std::span<const uint8_t>(pieces_);
    // A long head is read again only when a line has been completed or has grown too long, so
    // that one sent byte by byte does not cost the square of its length.
    bool worth = first || all.size() < reread_always ||
                 std::any_of(in.begin(), in.end(), is_control) || unfinished_line_is_long(all);
    ssize_t size = worth ? parse(all) : 0;
    if (size < 0)
        return refuse(workspace);
    if (size == 0) {
        if (first)
            pieces_.assign(in.begin(), in.end());
        in = {};
        return Found::more;
    }

    in = in.subspan(size_t(size) - before);
    bytes = all.first(size_t(size));
    spent_ = !first;
    start_body(workspace.framing, workspace.content_length);
    return Found::head;
}

bool Message::unfinished_line_is_long(std::span<const uint8_t> head) const
{
    auto line_end = static_cast<const uint8_t *>(memrchr(head.data(), '\n', head.size()));
    size_t line = line_end ? size_t(head.data() + head.size() - line_end) : head.size();
    return line > (line_end ? limits_.field_line : limits_.start_line) ||
           head.size() > limits_.head;
}

Message::Found Message::refuse(const tn_http1_head &head)
{
    stage_ = Stage::broken;
    refusal_ = head.refusal;
    why_ = head.why;
    return Found::broken;
}

Message::Found Message::next_of_known_head(std::span<const uint8_t> &in,
                                           std::span<const uint8_t> &bytes)
{
    size_t size = std::min(in.size(), head_left_);
    bytes = in.first(size);
    in = in.subspan(size);
    head_left_ -= size;
    if (head_left_ == 0)
        stage_ = framing_ == TN_HTTP1_NO_BODY ? Stage::done : Stage::body;
    return size ? Found::data : Found::more;
}

Message::Found Message::next_body(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes)
{
    tn_slice left = as_slice(in);
    tn_slice data = {nullptr, 0};
    int piece = tn_http1_body_next(&body_, &left, &data);
    in = {left.data, left.len};
    bytes = {data.data, data.len};
    switch (piece) {
    case TN_HTTP1_MORE:
        return Found::more;
    case TN_HTTP1_DATA:
        return Found::data;
    case TN_HTTP1_TRAILERS:
        return Found::trailers;
    case TN_HTTP1_END:
        stage_ = Stage::done;
        return Found::end;
    default:
        stage_ = Stage::broken;
        refusal_ = piece == TN_ERR_LIMIT ? 431 : 400;
        why_ = piece == TN_ERR_LIMIT ? "body framing too long" : "bad body framing";
        return Found::broken;
    }
}

// The framing is followed as in next_body, but what was walked over is returned as it stands.
Message::Found Message::next_raw_body(std::span<const uint8_t> &in, std::span<const uint8_t> &bytes)
{
    std::span<const uint8_t> start = in;
    std::span<const uint8_t> ignored;
    Found found;
    do
        found = next_body(in, ignored);
    while (found == Found::data || found == Found::trailers);
    if (found == Found::broken)
        return found;
    bytes = start.first(start.size() - in.size());
    return bytes.empty() ? found : Found::data;
}

bool Message::source_ended()
{
    if (stage_ == Stage::body &&
        (framing_ == TN_HTTP1_UNTIL_CLOSE || framing_ == TN_HTTP1_SWITCHED))
        stage_ = Stage::done;
    return stage_ == Stage::done;
}

} // namespace tunnel
