// SPDX-License-Identifier: ISC

#include "check.h"
#include "net/address.h"

using namespace tunnel;

static std::string reprint(const char *text)
{
    auto address = Address::parse(text);
    return address ? address->text() : "malformed";
}

TEST(addresses_are_read_and_printed)
{
    CHECK_EQUAL(reprint("127.0.0.1:80"), "127.0.0.1:80");
    CHECK_EQUAL(reprint("[::1]:65535"), "[::1]:65535");
    CHECK_EQUAL(reprint("[2001:DB8::1]:0"), "[2001:db8::1]:0");
    CHECK_EQUAL(reprint(":80"), "[::]:80");
    CHECK_EQUAL(reprint("[::ffff:10.0.0.1]:1"), "10.0.0.1:1");
    for (const char *text :
         {"", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.1:80", "127.0.0.1:+80",
          "127.0.0.1:80 ", "::1:80", "[127.0.0.1]:80", "[::1]", "[::1]80", "[]:80", "localhost:80"})
        CHECK_EQUAL(reprint(text), "malformed");
}

TEST(loopback_any_and_equality_know_mapped_addresses)
{
    CHECK(Address::parse("127.9.9.9:1")->is_loopback());
    CHECK(Address::parse("[::1]:1")->is_loopback());
    CHECK(Address::parse("[::ffff:127.0.0.1]:1")->is_loopback());
    CHECK(!Address::parse("128.0.0.1:1")->is_loopback());
    CHECK(Address::parse(":1")->is_any() && Address::parse("0.0.0.0:1")->is_any());
    CHECK(!Address::parse("[::1]:1")->is_any() && !Address().is_any());
    CHECK(*Address::parse("[::ffff:10.0.0.1]:1") == *Address::parse("10.0.0.1:1"));
    CHECK(!(*Address::parse("10.0.0.1:2") == *Address::parse("10.0.0.1:1")));
    CHECK_EQUAL(Address().text(), "none");
}

TEST(a_named_server_has_host_and_port)
{
    auto named = HostPort::parse("example.org:9000");
    CHECK(named && named->host == "example.org" && named->port == 9000);
    auto number = HostPort::parse("[::1]:9000");
    CHECK(number && number->host == "::1");
    for (const char *text : {"9000", "example.org", ":9000", "example.org:0", "example.org:x",
                             "a b:1", "::1:9000", "[name]:1", "http://example.org:80", "u@h:1"})
        CHECK(!HostPort::parse(text));
}

TEST(networks_contain_what_they_should)
{
    NetworkSet set;
    CHECK(set.empty());
    CHECK(set.add("10.0.0.0/8") && set.add("192.168.1.128/25") && set.add("2001:db8::/33"));
    CHECK(set.add("203.0.113.7") && set.add("::ffff:172.16.0.0/108"));
    for (const char *text : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "name/8",
                             "::ffff:0:0/95", "10.0.0/8"})
        CHECK(!set.add(text));

    auto has = [&](const char *host) { return set.contains(*Address::numeric(host, 1)); };
    CHECK(has("10.255.0.1") && has("::ffff:10.1.2.3") && has("192.168.1.200"));
    CHECK(has("203.0.113.7") && has("172.31.9.9") && has("2001:db8:7fff::1"));
    CHECK(!has("11.0.0.1") && !has("192.168.1.127") && !has("203.0.113.8"));
    CHECK(!has("172.32.0.1") && !has("2001:db8:8000::1") && !has("::1"));
    NetworkSet all;
    CHECK(all.add("0.0.0.0/0") && all.contains(*Address::numeric("1.2.3.4", 1)));
    CHECK(!all.contains(*Address::numeric("::1", 1)));
}
