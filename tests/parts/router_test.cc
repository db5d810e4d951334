// SPDX-License-Identifier: ISC

#include "client/router.h"

#include "check.h"

using namespace tunnel;

namespace {

std::vector<TunnelSettings> three()
{
    return {{"app", "myapp", 3000, "127.0.0.1", TunnelProtocol::http},
            {"dash", "dashboard", 8080, "::1", TunnelProtocol::http},
            {"", "", 8080, "localhost", TunnelProtocol::http}};
}

} // namespace

TEST(nothing_is_found_before_the_server_has_granted_it)
{
    Router router(three());
    CHECK(router.find("myapp", 3000) == nullptr);
    CHECK(router.find("", 3000) == nullptr);
}

TEST(a_visit_goes_where_our_configuration_says)
{
    Router router(three());
    CHECK(router.grant(0, "myapp", "https://myapp.example.net"));
    const LocalTarget *target = router.find("myapp", 80); // the port of the wire does not count
    CHECK(target && target->text() == "127.0.0.1:3000");
    CHECK(router.find("169.254.169.254", 80) == nullptr);
    CHECK(router.find("other", 3000) == nullptr);
}

TEST(names_are_compared_in_lower_case)
{
    Router router(three());
    CHECK(router.grant(0, "MyApp", "https://myapp.example.net"));
    CHECK(router.find("MYAPP", 3000) != nullptr);
    CHECK(router.tunnels()[0].subdomain == "myapp");
}

TEST(a_port_without_a_name_must_mean_one_tunnel_alone)
{
    Router router(three());
    CHECK(router.grant(0, "myapp", "https://a"));
    CHECK(router.grant(1, "dashboard", "https://b"));
    CHECK(router.find("", 8080)->text() == "[::1]:8080");
    CHECK(router.grant(2, "k7f3q", "https://c"));
    CHECK(router.find("", 8080) == nullptr);
    CHECK(router.find("", 3000) != nullptr);
}

TEST(a_name_the_server_picked_is_kept_until_it_is_refused)
{
    Router router(three());
    CHECK(router.grant(2, "k7f3q", "https://k7f3q.example.net"));
    CHECK(router.tunnels()[2].subdomain == "k7f3q");
    router.refuse(2);
    CHECK(router.tunnels()[2].subdomain.empty());
    CHECK(router.find("k7f3q", 8080) == nullptr);
}

TEST(a_name_the_user_chose_is_asked_for_again_after_a_refusal)
{
    Router router(three());
    router.refuse(0);
    CHECK(router.tunnels()[0].subdomain == "myapp");
}

TEST(what_could_steer_a_terminal_is_no_name_and_no_url)
{
    Router router(three());
    CHECK(!router.grant(0, "my\033app", "https://myapp"));
    CHECK(!router.grant(0, "myapp", "https://myapp\033[2J"));
    CHECK(!router.grant(0, "myapp", "https://my app"));
    CHECK(!router.grant(0, "", "https://myapp"));
    CHECK(!router.grant(0, "myapp", std::string(513, 'a')));
    CHECK(!router.grant(0, std::string(64, 'a'), "https://myapp"));
    CHECK(!router.grant(3, "myapp", "https://myapp"));
    CHECK(router.find("myapp", 3000) == nullptr);
}
