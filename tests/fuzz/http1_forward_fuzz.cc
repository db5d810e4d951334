// SPDX-License-Identifier: ISC
//
// What goes on of HTTP messages. The input is read and forwarded as an exchange does it, in pieces;
// a strict parser with no code of ours reads what was forwarded, and must find the same messages in
// it. Where it takes the input itself too, it must have understood the same.
//
// The first byte of the input says whose messages they are, and to whom; the second cuts them.

#include "flow/chunk.h"
#include "flow/head.h"
#include "net/loop.h"
#include "server/forward.h"

#include <algorithm>
#include <set>

#include "expect.h"
#include "strict_http1.h"

using namespace tunnel;

namespace {

constexpr size_t longest_piece = 16 * 1024; // that arrives at once

struct Asked {
    bool response;
    bool to_head;    // a response: to a HEAD request
    bool to_upgrade; // a response: to one that asked for another protocol
    bool old;        // a response: the visitor speaks HTTP/1.0
    bool trusted;    // a request: from a proxy of ours
};

// One message as our parser understood it.
struct Read {
    std::string method, target;
    int status = 0;
    std::string body;
    std::set<std::string> fields; // those that came, "name:value"
    bool upgrade = false;
    bool refused = false;
    size_t end = 0; // in the input; 0: not complete
};

struct Passed {
    std::vector<Read> messages; // without interim responses that are swallowed
    std::string forwarded;
};

Loop &loop()
{
    static Loop one;
    return one;
}

std::string as_text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

std::span<const uint8_t> bytes_in(std::string_view text)
{
    return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

Read describe(const tn_http1_head &head)
{
    Read out;
    out.method = tunnel::text_of(head.method);
    out.target = tunnel::text_of(head.target);
    out.status = head.status;
    out.upgrade = head.is_upgrade;
    for (size_t i = 0; i < head.field_count; ++i)
        out.fields.insert(strict::in_lower_case(tunnel::text_of(head.fields[i].name)) + ":" +
                          std::string(tunnel::text_of(head.fields[i].value)));
    return out;
}

std::string request_head(const tn_http1_head &head, Asked asked)
{
    HeadWriter out(loop(), request_head_room(head));
    write_request(out, head, {"192.0.2.1", "request-1", asked.trusted});
    return as_text(out.bytes());
}

// As server/exchange.cc writes it.
std::string response_head(const tn_http1_head &head, bool chunked)
{
    const tn_http1_field *upgrade =
        head.is_upgrade ? tn_http1_find(&head, TN_HTTP1_UPGRADE) : nullptr;
    size_t room = 256 + head.reason.len;
    for (size_t i = 0; i < head.field_count; ++i)
        room += head.fields[i].name.len + head.fields[i].value.len + 4;
    HeadWriter out(loop(), room);
    out.add("HTTP/1.1 ").number(head.status).add(" ").add(head.reason).add("\r\n");
    for (size_t i = 0; i < head.field_count; ++i)
        if (!head.fields[i].hop)
            out.field(head.fields[i]);
    if (chunked)
        out.field("Transfer-Encoding", "chunked");
    if (head.is_upgrade)
        out.field("Connection", "Upgrade");
    if (upgrade)
        out.field(*upgrade);
    return as_text(out.end().bytes());
}

// Passes messages on until the connection would not go on.
class Forwarder {
public:
    Forwarder(std::string_view in, size_t piece, Asked asked)
        : in_(in), piece_(piece), asked_(asked)
    {}

    ~Forwarder() { tn_http1_body_free(&body_); }

    Passed run()
    {
        while (pass_message())
            ;
        loop().flush();
        return std::move(passed_);
    }

private:
    // True: another message may follow.
    bool pass_message()
    {
        tn_http1_limits limits;
        asked_.response ? tn_http1_response_limits(&limits) : tn_http1_request_limits(&limits);
        Message message(asked_.response ? Message::Kind::response : Message::Kind::request, limits,
                        false);
        message.answers(asked_.to_head, asked_.to_upgrade);
        if (!pass_head(message))
            return false;
        if (!pass_body(message))
            return false;
        passed_.messages.back().end = at_;
        return goes_on_ && at_ < in_.size();
    }

    // What has arrived and is not used. An empty piece: nothing will come.
    std::span<const uint8_t> arrived()
    {
        if (at_ == seen_)
            seen_ = std::min(seen_ + piece_, in_.size());
        return bytes_in(in_.substr(at_, seen_ - at_));
    }

    bool pass_head(Message &message)
    {
        for (;;) {
            std::span<const uint8_t> in = arrived(), bytes;
            if (in.empty())
                return false;
            size_t before = in.size();
            Message::Found found = message.next(in, bytes);
            at_ += before - in.size();
            if (found == Message::Found::broken)
                return false;
            if (found == Message::Found::more)
                continue;
            EXPECT(found == Message::Found::head);
            if (!asked_.response && message.head().host.len == 0)
                return false; // HTTP/1.0 without Host: it asks for no tunnel
            if (!note_head(message))
                return true;
        }
    }

    // True: an interim response, behind which another head follows.
    bool note_head(Message &message)
    {
        const tn_http1_head &head = message.head();
        bool interim = head.status >= 100 && head.status < 200 && head.status != 101;
        if (interim)
            message.expect_next_head();
        if (interim && asked_.old)
            return true;

        passed_.messages.push_back(describe(head));
        bool unsized = head.framing == TN_HTTP1_CHUNKED || head.framing == TN_HTTP1_UNTIL_CLOSE;
        chunked_ = unsized && !(asked_.response && asked_.old);
        goes_on_ = head.keep_alive && (chunked_ || !unsized);
        tn_http1_body_free(&body_);
        tn_http1_body_init(&body_, head.framing, head.content_length);
        passed_.forwarded +=
            asked_.response ? response_head(head, chunked_) : request_head(head, asked_);
        if (interim)
            passed_.messages.back().end = at_;
        return interim;
    }

    // False: the body is broken, or cut.
    bool pass_body(Message &message)
    {
        for (;;) {
            std::span<const uint8_t> in = arrived();
            bool last = in.empty();
            if (last && message.source_ended()) {
                if (chunked_)
                    passed_.forwarded += "0\r\n\r\n";
                return true;
            }
            size_t before = in.size();
            std::string out;
            Message::Found found =
                asked_.response ? pass_down(message, in, out) : pass_up(message, in, out);
            std::string_view used = in_.substr(at_, before - in.size());
            at_ += used.size();
            if (found == Message::Found::broken) {
                passed_.messages.back().refused = true;
                return false;
            }
            passed_.forwarded += out;
            note_payload(used);
            if (found == Message::Found::end)
                return true;
            if (last)
                return false;
        }
    }

    // A piece of a request.
    Message::Found pass_up(Message &message, std::span<const uint8_t> &in, std::string &out)
    {
        static uint8_t framed[longest_piece + chunk_overhead];
        ChunkWriter writer(framed, in.size() + chunk_overhead, chunked_);
        Message::Found found = writer.pass(message, in);
        out = as_text({framed, writer.size()});
        return found;
    }

    // A piece of a response; see pass_body and its neighbours in server/exchange.cc.
    Message::Found pass_down(Message &message, std::span<const uint8_t> &in, std::string &out)
    {
        for (bool trailers = false;;) {
            std::span<const uint8_t> bytes;
            Message::Found found = message.next(in, bytes);
            if (found == Message::Found::data && chunked_) {
                uint8_t line[chunk_line_max];
                out += as_text({line, chunk_line(line, bytes.size())}) + as_text(bytes) + "\r\n";
            } else if (found == Message::Found::data) {
                out += as_text(bytes);
            } else if (found == Message::Found::trailers) {
                trailers = true;
                out += chunked_ ? "0\r\n" + as_text(bytes) : "";
            } else {
                if (found == Message::Found::end && chunked_)
                    out += trailers ? "\r\n" : "0\r\n\r\n";
                return found;
            }
        }
    }

    // What the body says, by a second reader.
    void note_payload(std::string_view used)
    {
        tn_slice in{bytes_in(used).data(), used.size()}, data;
        for (int piece; (piece = tn_http1_body_next(&body_, &in, &data)) > 0;) {
            if (piece == TN_HTTP1_END)
                return;
            if (piece == TN_HTTP1_DATA)
                passed_.messages.back().body += tunnel::text_of(data);
        }
    }

    std::string_view in_;
    size_t piece_;
    Asked asked_;
    Passed passed_;
    tn_http1_body body_ = {};
    size_t at_ = 0;   // used
    size_t seen_ = 0; // arrived
    bool chunked_ = false;
    bool goes_on_ = true;
};

bool one_of(std::string_view text, std::initializer_list<std::string_view> list)
{
    return std::find(list.begin(), list.end(), text) != list.end();
}

void check_request_field(const strict::Field &field, const Read &read, Asked asked)
{
    EXPECT(!one_of(field.name, {"te", "keep-alive", "proxy-connection", "proxy-authorization",
                                "http2-settings"}));
    EXPECT(field.name.find('_') == field.name.npos);
    if (field.name == "connection")
        EXPECT(read.upgrade && field.value == "Upgrade");
    if (field.name == "upgrade")
        EXPECT(read.upgrade && !field.value.empty());
    if (field.name == "x-forwarded-for")
        EXPECT(asked.trusted ? field.value.ends_with("192.0.2.1") : field.value == "192.0.2.1");
    if (one_of(field.name, {"forwarded", "x-real-ip"}))
        EXPECT(asked.trusted);
    bool ours = one_of(field.name, {"host", "connection", "transfer-encoding", "x-forwarded-for",
                                    "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
                                    "x-request-id"});
    EXPECT(ours || read.fields.contains(field.name + ":" + field.value));
}

void check_request(const strict::Message &message, const Read &read, Asked asked)
{
    EXPECT(message.method == read.method && message.version == "HTTP/1.1");
    EXPECT(message.target == strict::origin_form(read.target, read.method));
    for (const strict::Field &field : message.fields)
        check_request_field(field, read, asked);
    for (std::string_view once : {"host", "x-forwarded-for", "x-request-id"})
        EXPECT(message.all(once).size() == 1);
    EXPECT(message.all("upgrade").size() == read.upgrade);
    EXPECT(message.all("connection").size() == read.upgrade);
}

void check_response(const strict::Message &message, const Read &read)
{
    EXPECT(message.status == read.status && message.version == "HTTP/1.1");
    for (const strict::Field &field : message.fields)
        EXPECT(one_of(field.name, {"connection", "transfer-encoding"}) ||
               read.fields.contains(field.name + ":" + field.value));
}

// Of what RFC 9110 6.5.1 warns of, at least these.
void check_trailers(const strict::Message &message)
{
    for (const strict::Field &field : message.trailers)
        EXPECT(!one_of(field.name, {"transfer-encoding", "content-length", "host", "connection",
                                    "upgrade", "te", "trailer", "authorization", "cookie",
                                    "set-cookie", "content-type", "x-forwarded-for"}) &&
               field.name.find('_') == field.name.npos);
}

strict::Verdict take(std::string_view &in, strict::Message &message, Asked asked)
{
    if (!asked.response)
        return strict::take_request(in, message);
    strict::Verdict verdict = strict::take_response(in, message, asked.to_head);
    if (verdict == strict::Verdict::whole && message.status == 101) {
        message.body = in;
        in = {};
    }
    return verdict;
}

// Who reads what was forwarded finds these messages and nothing else.
void check_forwarded(const Passed &passed, Asked asked)
{
    std::string_view in = passed.forwarded;
    for (const Read &read : passed.messages) {
        strict::Message message;
        strict::Verdict verdict = take(in, message, asked);
        bool to_the_end = asked.old && !message.sized; // cut or not: it looks the same
        EXPECT(verdict ==
               (read.end || to_the_end ? strict::Verdict::whole : strict::Verdict::part));
        EXPECT(message.body == read.body);
        asked.response ? check_response(message, read) : check_request(message, read, asked);
        check_trailers(message);
        EXPECT(asked.old || message.sized);
    }
    EXPECT(in.empty() || (!passed.messages.empty() && !passed.messages.back().end));
}

// As long as the strict parser takes the input as it came, it agrees on what is where.
void check_understood(const Passed &passed, std::string_view input, Asked asked)
{
    std::string_view in = input;
    for (const Read &read : passed.messages) {
        strict::Message message;
        strict::Verdict verdict;
        do
            verdict = take(in, message, asked);
        while (verdict == strict::Verdict::whole && asked.response && asked.old &&
               message.status < 200 && message.status != 101);
        if (verdict == strict::Verdict::bad || read.refused)
            return;
        EXPECT((verdict == strict::Verdict::whole) == (read.end != 0));
        EXPECT(!read.end || read.end == input.size() - in.size());
        EXPECT(message.method == read.method && message.target == read.target);
        EXPECT(message.status == read.status && message.body == read.body);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    bool response = data[0] & 1;
    Asked asked{response, bool(data[0] & 2), bool(data[0] & 4), response && data[0] & 8,
                bool(data[0] & 16)};
    size_t piece = (data[0] & 32 ? longest_piece / 256 : 1) * (1 + data[1]);
    std::string_view input(reinterpret_cast<const char *>(data) + 2, size - 2);
    Passed passed = Forwarder(input, piece, asked).run();
    check_forwarded(passed, asked);
    check_understood(passed, input, asked);
    return 0;
}
