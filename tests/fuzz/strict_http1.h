// SPDX-License-Identifier: ISC
//
// HTTP/1.1 messages as the grammar of RFC 9112 has them, read from text that is whole: slowly,
// with copies, and with no code in common with the core, whose reading it judges. What the RFC lets
// a recipient repair is `bad` here. The only thing it does not police is which visible characters a
// request target has.

#ifndef FUZZ_STRICT_HTTP1_H
#define FUZZ_STRICT_HTTP1_H

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strict {

struct Field {
    std::string name; // in lower case
    std::string value;
};

struct Message {
    std::string version;
    std::string method, target; // a request
    int status = 0;             // a response
    std::vector<Field> fields;
    std::string body;
    std::vector<Field> trailers;
    bool sized = true; // false: the body ends with the connection

    std::vector<std::string> all(std::string_view name) const
    {
        std::vector<std::string> values;
        for (const Field &field : fields)
            if (field.name == name)
                values.push_back(field.value);
        return values;
    }
};

enum class Verdict { whole, part, bad };

inline std::string in_lower_case(std::string_view text)
{
    std::string out(text);
    for (char &c : out)
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
    return out;
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// tchar, RFC 9110 5.6.2.
inline bool is_tchar(char c)
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return is_digit(c) || is_alpha(c) || marks.find(c) != marks.npos;
}

// VCHAR, obs-text, SP or HTAB, RFC 9110 5.5.
inline bool is_text(char c) { return c == '\t' || (static_cast<uint8_t>(c) >= ' ' && c != 0x7f); }

template <class Is> bool all_are(std::string_view text, Is is)
{
    return std::all_of(text.begin(), text.end(), is);
}

inline bool is_token(std::string_view text) { return !text.empty() && all_are(text, is_tchar); }

inline std::string_view without_blanks(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

// Up to the next CRLF, which is taken too.
inline Verdict take_line(std::string_view &in, std::string_view &line)
{
    size_t end = in.find("\r\n");
    line = in.substr(0, end);
    if (!all_are(line.substr(0, end == in.npos && line.ends_with('\r') ? line.size() - 1 : end),
                 is_text))
        return Verdict::bad;
    if (end == in.npos)
        return Verdict::part;
    in.remove_prefix(end + 2);
    return Verdict::whole;
}

// *( field-line CRLF ) CRLF, RFC 9112 5.
inline Verdict take_fields(std::string_view &in, std::vector<Field> &fields)
{
    for (;;) {
        std::string_view line;
        if (Verdict verdict = take_line(in, line); verdict != Verdict::whole)
            return verdict;
        if (line.empty())
            return Verdict::whole;
        size_t colon = line.find(':');
        if (colon == line.npos || !is_token(line.substr(0, colon)))
            return Verdict::bad;
        std::string_view value = without_blanks(line.substr(colon + 1));
        fields.push_back({in_lower_case(line.substr(0, colon)), std::string(value)});
    }
}

inline bool is_version(std::string_view text) { return text == "HTTP/1.1" || text == "HTTP/1.0"; }

// RFC 9112 3.2. No CONNECT here, so no authority-form.
inline bool is_target(std::string_view target, std::string_view method)
{
    if (!all_are(target, [](char c) { return c > ' ' && c < 0x7f && c != '#'; }))
        return false;
    if (target == "*")
        return method == "OPTIONS";
    return target.starts_with('/') || in_lower_case(target.substr(0, 7)) == "http://";
}

inline bool read_request_line(std::string_view line, Message &out)
{
    size_t first = line.find(' ');
    size_t last = line.rfind(' ');
    if (first == line.npos || first == last)
        return false;
    out.method = line.substr(0, first);
    out.target = line.substr(first + 1, last - first - 1);
    out.version = line.substr(last + 1);
    return is_token(out.method) && is_target(out.target, out.method) && is_version(out.version);
}

// status-line, RFC 9112 4.
inline bool read_status_line(std::string_view line, Message &out)
{
    out.version = line.substr(0, 8);
    if (line.size() < 13 || !is_version(out.version) || line[8] != ' ' || line[12] != ' ')
        return false;
    if (!all_are(line.substr(9, 3), is_digit) || line[9] < '1' || line[9] > '5')
        return false;
    out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    return true;
}

// uri-host [ ":" port ], RFC 9110 7.2, as far as its characters go.
inline bool is_host(std::string_view text)
{
    constexpr std::string_view marks = "-._~%!$&'()*+,;=:[]";
    return all_are(
        text, [&](char c) { return is_digit(c) || is_alpha(c) || marks.find(c) != marks.npos; });
}

// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF, RFC 9112 7.1. Of extensions only the
// first character counts.
inline Verdict take_chunks(std::string_view &in, std::string &body)
{
    for (;;) {
        std::string_view line;
        if (Verdict verdict = take_line(in, line); verdict != Verdict::whole)
            return verdict;
        size_t digits = 0;
        while (digits < line.size() && is_hex(line[digits]))
            ++digits;
        std::string_view extension = without_blanks(line.substr(digits));
        if (digits == 0 || digits > 15 || (!extension.empty() && extension.front() != ';'))
            return Verdict::bad;
        uint64_t size = std::stoull(std::string(line.substr(0, digits)), nullptr, 16);
        if (size == 0)
            return Verdict::whole;
        body += in.substr(0, size);
        if (in.size() < size)
            return Verdict::part;
        in.remove_prefix(size);
        std::string_view line_end = in.substr(0, 2);
        if (line_end != std::string_view("\r\n").substr(0, line_end.size()))
            return Verdict::bad;
        if (line_end.size() < 2)
            return Verdict::part;
        in.remove_prefix(2);
    }
}

// Content-Length = 1*DIGIT, RFC 9110 8.6, up to what many have room for.
inline bool read_length(std::string_view digits, uint64_t &length)
{
    while (digits.size() > 1 && digits.front() == '0')
        digits.remove_prefix(1);
    if (digits.size() > 19)
        return false;
    length = std::stoull(std::string(digits));
    return length <= INT64_MAX;
}

// RFC 9112 6.3, without what it says of repairing.
inline Verdict take_body(std::string_view &in, Message &out, bool bodiless)
{
    std::vector<std::string> codings = out.all("transfer-encoding");
    std::vector<std::string> lengths = out.all("content-length");
    if (codings.size() + lengths.size() > 1)
        return Verdict::bad;
    if (!codings.empty() && (in_lower_case(codings[0]) != "chunked" || out.version != "HTTP/1.1"))
        return Verdict::bad;
    if (!lengths.empty() && (lengths[0].empty() || !all_are(lengths[0], is_digit)))
        return Verdict::bad;
    if (bodiless)
        return Verdict::whole;
    if (!codings.empty()) {
        Verdict verdict = take_chunks(in, out.body);
        return verdict == Verdict::whole ? take_fields(in, out.trailers) : verdict;
    }
    bool until_close = lengths.empty() && out.status != 0;
    uint64_t size = until_close ? in.size() : 0;
    if (!lengths.empty() && !read_length(lengths[0], size))
        return Verdict::bad;
    out.sized = !until_close;
    out.body = in.substr(0, size);
    in.remove_prefix(out.body.size());
    return out.body.size() < size ? Verdict::part : Verdict::whole;
}

// Takes one request from the start of `in`. After `part` or `bad`, `out` has what was read.
inline Verdict take_request(std::string_view &in, Message &out)
{
    std::string_view line;
    out = {};
    if (Verdict verdict = take_line(in, line); verdict != Verdict::whole)
        return verdict;
    if (!read_request_line(line, out))
        return Verdict::bad;
    if (Verdict verdict = take_fields(in, out.fields); verdict != Verdict::whole)
        return verdict;
    std::vector<std::string> hosts = out.all("host");
    bool old = out.version == "HTTP/1.0" && hosts.empty();
    if (!old && (hosts.size() != 1 || !is_host(hosts[0]))) // RFC 9112 3.2
        return Verdict::bad;
    return take_body(in, out, false);
}

// Takes one response; behind a 101 everything is its body, as far as HTTP is concerned.
inline Verdict take_response(std::string_view &in, Message &out, bool to_head)
{
    std::string_view line;
    out = {};
    if (Verdict verdict = take_line(in, line); verdict != Verdict::whole)
        return verdict;
    if (!read_status_line(line, out))
        return Verdict::bad;
    if (Verdict verdict = take_fields(in, out.fields); verdict != Verdict::whole)
        return verdict;
    bool lengthless = out.status < 200 || out.status == 204; // RFC 9110 8.6, RFC 9112 6.1
    if (lengthless && (!out.all("content-length").empty() || !out.all("transfer-encoding").empty()))
        return Verdict::bad;
    return take_body(in, out, lengthless || out.status == 304 || to_head);
}

// The origin-form of a target that is_target() takes (RFC 9112 3.2.1, 3.2.4).
inline std::string origin_form(std::string_view target, std::string_view method)
{
    if (target.starts_with('/') || target == "*")
        return std::string(target);
    target.remove_prefix(7); // "http://"
    size_t path = target.find_first_of("/?");
    if (path == target.npos)
        return method == "OPTIONS" ? "*" : "/";
    return (target[path] == '?' ? "/" : "") + std::string(target.substr(path));
}

} // namespace strict

#endif
