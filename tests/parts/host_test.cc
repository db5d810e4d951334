// SPDX-License-Identifier: ISC
//
// Host fields to names of tunnels, and which names there may be.

#include "check.h"
#include "server/host.h"

using namespace tunnel;

namespace {

const std::string domains[] = {"tun.test", "example.org"};

std::string label(std::string_view host)
{
    HostName name = parse_host(host, domains);
    return name.kind == HostName::Kind::tunnel ? name.label : "-";
}

bool is_foreign(std::string_view host)
{
    return parse_host(host, domains).kind == HostName::Kind::foreign;
}

bool is_domain(std::string_view host)
{
    return parse_host(host, domains).kind == HostName::Kind::domain;
}

} // namespace

TEST(one_label_in_front_of_a_domain_names_a_tunnel)
{
    CHECK_EQUAL(label("app.tun.test"), "app");
    CHECK_EQUAL(label("app.example.org"), "app");
}

TEST(case_port_and_trailing_dot_do_not_matter)
{
    CHECK_EQUAL(label("APP.Tun.TEST"), "app");
    CHECK_EQUAL(label("app.tun.test:8080"), "app");
    CHECK_EQUAL(label("app.tun.test."), "app");
    CHECK_EQUAL(label("app.tun.test.:80"), "app");
    CHECK_EQUAL(label("app.tun.test:"), "app");
}

TEST(a_bare_domain_is_no_tunnel)
{
    CHECK(is_domain("tun.test"));
    CHECK(is_domain("EXAMPLE.org.:443"));
}

TEST(whatever_else_is_foreign)
{
    for (std::string_view host :
         {"", ".", ":", ":80", ".tun.test", "a.b.tun.test", "apptun.test", "app.tun.test.evil.org",
          "app..tun.test", "app.tun.test..", "tun.test.app", "127.0.0.1", "[::1]:80", "test",
          "app.tun.test:80:90", "app.tun.test:http", "app.tun.test:123456"})
        CHECK(is_foreign(host));
    CHECK(is_foreign(std::string(64, 'a') + ".tun.test"));
    CHECK(!is_foreign(std::string(63, 'a') + ".tun.test"));
    CHECK(is_foreign(std::string(300, 'a')));
}

TEST(a_subdomain_is_letters_digits_and_inner_hyphens)
{
    for (std::string_view name : {"abc", "a-b", "a1b2", "a--b"})
        CHECK(is_subdomain(name));
    CHECK(is_subdomain(std::string(63, 'a')));
    for (std::string_view name :
         {"", "ab", "1ab", "-ab", "ab-", "Abc", "a_b", "a.b", "a b", "xn--abc", "ab\xc3\xa4"})
        CHECK(!is_subdomain(name));
    CHECK(!is_subdomain(std::string(64, 'a')));
}
