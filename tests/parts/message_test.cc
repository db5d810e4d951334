// SPDX-License-Identifier: ISC
//
// Messages: heads and bodies found the same however they arrive, and framed anew or kept raw.

#include "flow/chunk.h"
#include "flow/message.h"
#include "check.h"

#include <string>
#include <string_view>

using namespace tunnel;

namespace {

std::span<const uint8_t> bytes(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

std::string text(std::span<const uint8_t> bytes)
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

tn_http1_limits request_limits()
{
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    return limits;
}

struct Seen {
    std::string head;
    std::string body;
    std::string trailers;
    std::string rest; // behind the message
    Message::Found last = Message::Found::more;
};

// Feeds `wire` in pieces of `piece` bytes.
Seen read(Message::Kind kind, bool raw, std::string_view wire, size_t piece)
{
    static const tn_http1_limits limits = request_limits();
    Message message(kind, limits, raw);
    Seen seen;
    for (size_t at = 0; at < wire.size(); at += piece) {
        std::string part(wire.substr(at, piece)); // its own memory: nothing may be kept
        std::span<const uint8_t> in = bytes(part);
        for (;;) {
            std::span<const uint8_t> found;
            seen.last = message.next(in, found);
            if (seen.last == Message::Found::head)
                seen.head += text(found);
            else if (seen.last == Message::Found::data)
                seen.body += text(found);
            else if (seen.last == Message::Found::trailers)
                seen.trailers += text(found);
            else
                break;
        }
        if (seen.last == Message::Found::end)
            seen.rest += text(in);
        if (seen.last == Message::Found::broken)
            break;
    }
    return seen;
}

const char post[] = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const char chunked[] = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5;x=y\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";

TEST(a_message_is_the_same_however_it_is_cut)
{
    for (size_t piece = 1; piece <= sizeof chunked; piece++) {
        Seen seen = read(Message::Kind::request, false, std::string(chunked) + "GET", piece);
        CHECK(seen.head.ends_with("chunked\r\n\r\n"));
        CHECK(seen.body == "hello0123456789");
        CHECK(seen.trailers == "X-Sum: 1\r\n");
        CHECK(seen.rest == "GET");
        CHECK(seen.last == Message::Found::end);
    }
}

TEST(a_raw_message_keeps_its_framing)
{
    for (size_t piece = 1; piece <= sizeof chunked; piece++) {
        Seen seen = read(Message::Kind::request, true, std::string(chunked) + "GET", piece);
        CHECK(seen.head + seen.body == chunked);
        CHECK(seen.rest == "GET");
    }
}

TEST(a_known_head_goes_by_as_it_is_and_the_body_ends_where_it_should)
{
    static const tn_http1_limits limits = request_limits();
    const std::string_view wire = chunked;
    const size_t head = wire.find("\r\n\r\n") + 4;
    for (size_t piece = 1; piece <= wire.size(); piece++) {
        Message message(Message::Kind::request, limits, true);
        message.know_head(head, TN_HTTP1_CHUNKED, 0);
        std::string all, input = std::string(wire) + "GET";
        Message::Found last = Message::Found::more;
        for (size_t at = 0; at < input.size() && last != Message::Found::end; at += piece) {
            std::span<const uint8_t> in = bytes(std::string_view(input).substr(at, piece)), found;
            while ((last = message.next(in, found)) == Message::Found::data)
                all += text(found);
        }
        CHECK(all == wire);
        CHECK(last == Message::Found::end && message.complete());
    }
}

TEST(a_known_head_without_a_body_is_the_whole_message)
{
    static const tn_http1_limits limits = request_limits();
    Message message(Message::Kind::request, limits, true);
    message.know_head(5, TN_HTTP1_NO_BODY, 0);
    std::span<const uint8_t> in = bytes("12345GET"), found;
    CHECK(message.next(in, found) == Message::Found::data && text(found) == "12345");
    CHECK(message.next(in, found) == Message::Found::end && text(in) == "GET");
}

TEST(a_length_ends_the_body_where_it_says)
{
    for (size_t piece = 1; piece <= sizeof post; piece++) {
        Seen seen = read(Message::Kind::request, false, std::string(post) + "GET / ", piece);
        CHECK(seen.body == "hello");
        CHECK(seen.rest == "GET / ");
    }
}

TEST(a_broken_head_is_refused_however_it_is_cut)
{
    std::string wire = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    for (size_t piece = 1; piece <= wire.size(); piece++)
        CHECK(read(Message::Kind::request, false, wire, piece).last == Message::Found::broken);
}

TEST(a_head_that_is_too_large_is_refused_byte_by_byte_too)
{
    std::string wire = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40000, 'x');
    for (size_t piece : {size_t(1), size_t(1000), wire.size()})
        CHECK(read(Message::Kind::request, false, wire, piece).last == Message::Found::broken);
}

TEST(what_is_framed_anew_says_the_same_in_fewer_words)
{
    static const tn_http1_limits limits = request_limits();
    std::string wire = chunked;
    for (size_t piece = 1; piece <= wire.size(); piece++) {
        Message message(Message::Kind::request, limits, false);
        std::string out;
        for (size_t at = 0; at < wire.size(); at += piece) {
            std::string part = wire.substr(at, piece);
            std::span<const uint8_t> in = bytes(part);
            std::span<const uint8_t> head;
            if (message.in_head() && message.next(in, head) != Message::Found::head)
                continue;
            std::vector<uint8_t> room(in.size() + chunk_overhead);
            ChunkWriter writer(room.data(), room.size(), true);
            CHECK(writer.pass(message, in) != Message::Found::broken);
            out += text({room.data(), writer.size()});
        }
        Message again(Message::Kind::request, limits, false);
        again.start_body(TN_HTTP1_CHUNKED, 0);
        std::span<const uint8_t> in = bytes(out);
        std::string body;
        std::string trailers;
        for (;;) {
            std::span<const uint8_t> found;
            Message::Found what = again.next(in, found);
            if (what == Message::Found::data)
                body += text(found);
            else if (what == Message::Found::trailers)
                trailers += text(found);
            else
                break;
        }
        CHECK(again.complete());
        CHECK(body == "hello0123456789");
        CHECK(trailers == "X-Sum: 1\r\n");
        CHECK(out.find(';') == std::string::npos);
        CHECK(out.find("00A") == std::string::npos);
    }
}

TEST(a_body_until_close_ends_with_its_source)
{
    static const tn_http1_limits limits = request_limits();
    Message message(Message::Kind::response, limits, false);
    std::span<const uint8_t> in = bytes("HTTP/1.1 200 OK\r\n\r\nabc");
    std::span<const uint8_t> found;
    CHECK(message.next(in, found) == Message::Found::head);
    CHECK(message.next(in, found) == Message::Found::data);
    CHECK(text(found) == "abc");
    CHECK(message.source_ended());
    CHECK(message.complete());
}

TEST(a_body_of_known_length_does_not_end_with_its_source)
{
    static const tn_http1_limits limits = request_limits();
    Message message(Message::Kind::response, limits, false);
    std::span<const uint8_t> in = bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    std::span<const uint8_t> found;
    CHECK(message.next(in, found) == Message::Found::head);
    CHECK(message.next(in, found) == Message::Found::data);
    CHECK(!message.source_ended());
}

} // namespace
