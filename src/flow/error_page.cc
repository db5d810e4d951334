// SPDX-License-Identifier: ISC

#include "flow/error_page.h"

#include <algorithm>

namespace tunnel {

namespace {

struct Phrase {
    uint16_t status;
    const char *words;
};

// RFC 9110 section 15, those that we answer ourselves, also where we are a server of our own; 499
// is nginx's for a visitor who left.
constexpr Phrase phrases[] = {
    {200, "OK"},
    {202, "Accepted"},
    {403, "Forbidden"},
    {409, "Conflict"},
    {500, "Internal Server Error"},
    {401, "Unauthorized"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

bool contains(std::string_view text, std::string_view word)
{
    auto same = [](char a, char b) { return lower(a) == b; };
    return std::search(text.begin(), text.end(), word.begin(), word.end(), same) != text.end();
}

std::string escape_html(std::string_view text)
{
    std::string out;
    for (char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

std::string escape_json(std::string_view text)
{
    std::string out;
    for (char c : text) {
        if (c == '"' || c == '\\')
            out += '\\';
        out += (c >= 0 && c < 0x20) ? ' ' : c;
    }
    return out;
}

std::string json_body(const ErrorPage &page)
{
    return "{\"error\":\"" + std::string(page.code) +
           "\",\"status\":" + std::to_string(page.status) + ",\"message\":\"" +
           escape_json(page.sentence) + "\"}\n";
}

std::string html_body(const ErrorPage &page)
{
    std::string title = std::to_string(page.status) + " " + status_phrase(page.status);
    return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
           title +
           "</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:36em;"
           "margin:15vh auto;padding:0 1em;color-scheme:light dark}code{opacity:.7}</style>"
           "</head>\n<body><h1>" +
           title + "</h1>\n<p>" + escape_html(page.sentence) + "</p>\n<p><code>" +
           escape_html(page.code) + "</code></p></body></html>\n";
}

} // namespace

const char *status_phrase(uint16_t status)
{
    for (const Phrase &phrase : phrases)
        if (phrase.status == status)
            return phrase.words;
    return "Error";
}

bool prefers_json(const tn_http1_head &request)
{
    for (size_t i = 0; i < request.field_count; i++) {
        const tn_http1_field &field = request.fields[i];
        std::string_view name(reinterpret_cast<const char *>(field.name.data), field.name.len);
        if (name.size() != 6 || !contains(name, "accept"))
            continue;
        std::string_view value(reinterpret_cast<const char *>(field.value.data), field.value.len);
        return !contains(value, "text/html") && contains(value, "json");
    }
    return false;
}

std::string error_response(const ErrorPage &page, bool json, bool keep_alive, bool to_head)
{
    std::string body = json ? json_body(page) : html_body(page);
    std::string out =
        "HTTP/1.1 " + std::to_string(page.status) + " " + status_phrase(page.status) +
        "\r\nContent-Type: " + (json ? "application/json" : "text/html; charset=utf-8") +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nCache-Control: no-store\r\n";
    if (page.status == 405)
        out += "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
    if (page.retry_after)
        out += "Retry-After: " + std::to_string(page.retry_after) + "\r\n";
    if (!keep_alive)
        out += "Connection: close\r\n";
    out += "\r\n";
    return to_head ? out : out + body;
}

} // namespace tunnel
