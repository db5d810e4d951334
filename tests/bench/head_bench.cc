// SPDX-License-Identifier: ISC
//
// What each request costs before and behind the mux: HTTP heads, and the header of the stream.

#include "bench.h"

#include <string_view>
#include <tunnel/http1.h>
#include <tunnel/stream_header.h>

using namespace bench;

namespace {

constexpr std::string_view small_request = "GET /s HTTP/1.1\r\nHost: app.example.com\r\n\r\n";

constexpr std::string_view browser_request =
    "GET /static/app.js?version=20260101 HTTP/1.1\r\n"
    "Host: app.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36\r\n"
    "Accept: */*\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: https://app.example.com/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "If-None-Match: \"5f3c-62a1\"\r\n\r\n";

constexpr std::string_view response = "HTTP/1.1 200 OK\r\n"
                                      "Server: nginx/1.22.1\r\n"
                                      "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                                      "Content-Type: application/octet-stream\r\n"
                                      "Content-Length: 100\r\n"
                                      "Connection: keep-alive\r\n\r\n";

constexpr int batch = 100;

const uint8_t *bytes_of(std::string_view text)
{
    return reinterpret_cast<const uint8_t *>(text.data());
}

tn_slice slice(std::string_view text) { return {bytes_of(text), text.size()}; }

void must(bool good)
{
    if (!good)
        abort();
}

void request(Report &report, const char *name, std::string_view text)
{
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    static tn_http1_head head;
    report.rate(name, "M heads/s", 1e-6, [&] {
        for (int i = 0; i < batch; i++)
            must(tn_http1_parse_request(&head, &limits, bytes_of(text), text.size()) > 0);
        keep(head);
        return batch;
    });
}

void answer(Report &report)
{
    tn_http1_limits limits;
    tn_http1_response_limits(&limits);
    static tn_http1_head head;
    report.rate("parse a response head of 163 bytes", "M heads/s", 1e-6, [&] {
        for (int i = 0; i < batch; i++)
            must(tn_http1_parse_response(&head, &limits, bytes_of(response), response.size(), false,
                                         false) > 0);
        keep(head);
        return batch;
    });
}

void stream_header(Report &report)
{
    tn_stream_header header = {};
    header.type = TN_VISIT_HTTP;
    header.local_port = 3000;
    header.subdomain = slice("app");
    header.request_id = slice("0123456789abcdef0123456789abcdef");
    header.remote_addr = slice("192.0.2.17:51234");
    header.host = slice("app.example.com");
    header.method = slice("GET");
    header.path = slice("/static/app.js?version=20260101");
    uint8_t wire[TN_STREAM_HEADER_MAX + 4];
    ssize_t size = 0;
    report.rate("encode a stream header", "M headers/s", 1e-6, [&] {
        for (int i = 0; i < batch; i++)
            size = tn_stream_header_encode(&header, wire, sizeof wire);
        keep(wire);
        return batch;
    });
    char text[TN_STREAM_HEADER_MAX];
    report.rate("decode a stream header", "M headers/s", 1e-6, [&] {
        for (int i = 0; i < batch; i++)
            must(tn_stream_header_decode(&header, wire, size_t(size), text, sizeof text) == size);
        keep(header);
        return batch;
    });
}

} // namespace

int main(int argc, char **argv)
{
    Report report(argc, argv);
    if (report.wants("request")) {
        request(report, "parse a request head of 42 bytes", small_request);
        request(report, "parse a browser's request head", browser_request);
    }
    if (report.wants("response"))
        answer(report);
    if (report.wants("stream header"))
        stream_header(report);
}
