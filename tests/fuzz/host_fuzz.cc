// SPDX-License-Identifier: ISC
//
// From the Host of a request to the label of a tunnel. The input is a Host, and behind the first
// line feed the authority of an absolute-form target, if there is one.

#include "server/host.h"

#include <tunnel/http1.h>

#include <algorithm>

#include "expect.h"

using namespace tunnel;

namespace {

const std::string domains[] = {"example.org", "tun.test", "a.example.org", "b"};

std::string in_lower_case(std::string_view text)
{
    std::string out(text);
    for (char &c : out)
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
    return out;
}

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '-'; }

// What is left of a Host that has none of what may be left out.
std::string bare_name(std::string_view host)
{
    size_t colon = host.rfind(':');
    if (colon != host.npos) {
        EXPECT(std::all_of(host.begin() + ptrdiff_t(colon) + 1, host.end(), is_digit));
        host = host.substr(0, colon);
    }
    if (host.ends_with('.'))
        host.remove_suffix(1);
    return in_lower_case(host);
}

// Whatever it is given: one label in front of a domain of ours, or nothing.
HostName check_name(std::string_view host)
{
    HostName name = parse_host(host, domains);
    if (name.kind == HostName::Kind::foreign) {
        EXPECT(name.label.empty());
        return name;
    }
    std::string bare = bare_name(host);
    bool known =
        std::any_of(std::begin(domains), std::end(domains), [&](const std::string &domain) {
            bool tunnel = name.kind == HostName::Kind::tunnel;
            return bare == (tunnel ? name.label + "." + domain : domain);
        });
    EXPECT(known && name.label.find('.') == name.label.npos && name.label.size() <= 63);
    EXPECT(name.label.empty() == (name.kind == HostName::Kind::domain));
    return name;
}

// ^[a-z][a-z0-9-]{2,62}$ and so on, once more.
void check_subdomain(const std::string &label)
{
    if (!is_subdomain(label))
        return;
    EXPECT(label.size() >= 3 && label.size() <= 63 && is_letter(label[0]) && label.back() != '-');
    EXPECT(std::all_of(label.begin(), label.end(), is_name_character));
    EXPECT(label.compare(0, 4, "xn--") != 0);
}

// The same as a request: what the parser lets through can be nothing but a label.
void check_request(const std::string &host, const std::string &authority)
{
    static tn_http1_head head;
    tn_http1_limits limits;
    tn_http1_request_limits(&limits);
    std::string target = authority.empty() ? "/" : "http://" + authority + "/";
    std::string text = "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    if (tn_http1_parse_request(&head, &limits, reinterpret_cast<const uint8_t *>(text.data()),
                               text.size()) != ssize_t(text.size()))
        return;
    HostName name = check_name(text_of(head.host));
    EXPECT(std::all_of(name.label.begin(), name.label.end(), is_name_character));
    const tn_http1_field *field = tn_http1_find(&head, TN_HTTP1_HOST);
    EXPECT(check_name(text_of(field->value)).label == name.label);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string input(reinterpret_cast<const char *>(data), size);
    size_t line_end = input.find('\n');
    std::string host = input.substr(0, line_end);
    std::string authority = line_end == input.npos ? "" : input.substr(line_end + 1);
    check_subdomain(check_name(host).label);
    check_subdomain(host);
    check_request(host, authority);
    return 0;
}
