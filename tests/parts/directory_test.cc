// SPDX-License-Identifier: ISC
//
// Who gets a name, who loses it, and what a visitor finds meanwhile.

#include "check.h"
#include "server/directory.h"
#include "server/host.h"
#include "server/policy.h"

using namespace tunnel;

namespace {

constexpr Micros start = 1000 * second;

ServerSettings make_settings()
{
    ServerSettings settings = {};
    settings.domains = {"tun.test"};
    settings.name_grace = 60 * second;
    settings.max_connections_per_user = 3;
    settings.max_tunnels_per_connection = 4;
    return settings;
}

Identity alice(const char *client = "") { return {sha256("alice-token"), "alice", client}; }
Identity mallory(const char *client = "") { return {sha256("other-token"), "mallory", client}; }

TunnelWish wish(const char *subdomain)
{
    TunnelWish wish;
    wish.subdomain = subdomain;
    wish.local_port = 3000;
    return wish;
}

struct Desk {
    Directory directory;
    Policy policy{make_settings()};
    Micros now = start;

    Desk()
    {
        directory.set_public("tun.test", 8080);
        policy.reserved = {"www"};
    }

    SessionRef session(unsigned worker = 0) { return {worker, directory.next_session_id()}; }

    Directory::Login enter(SessionRef session, const Identity &who, std::vector<TunnelWish> wishes,
                           std::vector<SessionRef> silent = {})
    {
        return directory.enter({session, nullptr, &who}, wishes, silent, policy, now);
    }

    // The session that has `name`; 0: none.
    uint64_t owner(const char *name)
    {
        Route route = directory.find(name, now);
        return route.tunnel ? route.tunnel->session_id : 0;
    }
    bool is(const char *name, Route::Kind kind) { return directory.find(name, now).kind == kind; }
};

bool refused(const Granted &granted, const Refusal &why)
{
    return !granted.tunnel && granted.refusal && !strcmp(granted.refusal.code, why.code);
}

std::string code(const Directory::Login &login)
{
    return login.refusal ? login.refusal.code : "none";
}

} // namespace

TEST(a_requested_name_is_bound_to_its_session)
{
    Desk desk;
    SessionRef session = desk.session(1);
    auto login = desk.enter(session, alice(), {wish("app")});
    CHECK(!login.refusal);
    CHECK_EQUAL(login.granted[0].tunnel->url, "http://app.tun.test:8080");
    Route route = desk.directory.find("app", start);
    CHECK(route.kind == Route::Kind::here);
    CHECK(route.tunnel->owner() == session);
    CHECK(desk.is("other", Route::Kind::unknown));
}

TEST(who_asks_for_no_name_gets_a_random_one)
{
    Desk desk;
    auto login = desk.enter(desk.session(), alice(), {wish(""), wish("")});
    std::string one = login.granted[0].tunnel->subdomain;
    CHECK(is_subdomain(one));
    CHECK(one != login.granted[1].tunnel->subdomain);
}

TEST(invalid_reserved_and_foreign_wishes_are_refused_each_by_itself)
{
    Desk desk;
    TunnelWish tcp = wish("app");
    tcp.protocol = "tcp";
    auto login = desk.enter(desk.session(), alice(),
                            {wish("a"), wish("www"), tcp, wish("good"), wish("good")});
    CHECK(!login.refusal);
    CHECK(refused(login.granted[0], refusal::name_invalid));
    CHECK(refused(login.granted[1], refusal::name_reserved));
    CHECK(refused(login.granted[2], refusal::protocol_not_carried));
    CHECK(login.granted[3].tunnel != nullptr);
    CHECK(refused(login.granted[4], refusal::name_taken));
}

TEST(a_login_that_gets_none_of_its_names_changes_nothing)
{
    Desk desk;
    SessionRef first = desk.session();
    desk.enter(first, alice("laptop"), {wish("app")});
    auto login = desk.enter(desk.session(), alice("laptop"), {wish("www")});
    CHECK_EQUAL(code(login), refusal::name_reserved.code);
    CHECK(!login.replaced);
    CHECK_EQUAL(desk.owner("app"), first.id);
    CHECK_EQUAL(desk.directory.session_count(), 1u);
}

TEST(another_tokens_name_is_taken)
{
    Desk desk;
    SessionRef first = desk.session();
    desk.enter(first, alice(), {wish("app")});
    SessionRef thief = desk.session();
    auto login = desk.enter(thief, mallory(), {wish("app")}, {first});
    CHECK_EQUAL(code(login), refusal::name_taken.code);
    CHECK(desk.directory.rivals(mallory(), std::vector{wish("app")}).empty());
    CHECK_EQUAL(desk.owner("app"), first.id);
}

TEST(the_same_client_takes_its_names_over_at_once)
{
    Desk desk;
    SessionRef old = desk.session(0);
    desk.enter(old, alice("laptop"), {wish("app"), wish("dash")});
    SessionRef next = desk.session(1);
    CHECK(desk.directory.rivals(alice("laptop"), std::vector{wish("app")}).empty());
    auto login = desk.enter(next, alice("laptop"), {wish("app")});
    CHECK(login.replaced == old);
    CHECK_EQUAL(desk.owner("app"), next.id);
    CHECK(desk.is("dash", Route::Kind::offline));
    CHECK_EQUAL(desk.directory.session_count(), 1u);
}

TEST(what_comes_late_from_a_fenced_session_changes_nothing)
{
    Desk desk;
    SessionRef old = desk.session();
    desk.enter(old, alice("laptop"), {wish("app")});
    SessionRef next = desk.session();
    desk.enter(next, alice("laptop"), {wish("app")});
    desk.directory.leave(old, 60 * second, desk.now);
    CHECK(!desk.directory.remove(old, "app"));
    Identity who = alice("laptop");
    auto late = desk.directory.add({old, nullptr, &who}, wish("more"), {}, desk.policy);
    CHECK(refused(late.granted[0], refusal::replaced));
    CHECK_EQUAL(desk.owner("app"), next.id);
    CHECK_EQUAL(desk.directory.session_count(), 1u);
}

TEST(a_thousand_takeovers_leave_one_session)
{
    Desk desk;
    for (int i = 0; i < 1000; i++)
        CHECK(!desk.enter(desk.session(), alice("laptop"), {wish("app")}).refusal);
    CHECK_EQUAL(desk.directory.session_count(), 1u);
}

TEST(a_rival_of_the_same_token_loses_its_name_only_when_it_is_silent)
{
    Desk desk;
    SessionRef old = desk.session();
    desk.enter(old, alice("laptop"), {wish("app"), wish("dash")});
    std::vector<TunnelWish> wishes = {wish("app")};
    CHECK(desk.directory.rivals(alice("desk"), wishes) == std::vector{old});
    SessionRef next = desk.session();
    CHECK_EQUAL(code(desk.enter(next, alice("desk"), wishes)), refusal::name_taken.code);
    auto login = desk.enter(next, alice("desk"), wishes, {old});
    CHECK(!login.refusal);
    CHECK(login.dispossessed == std::vector{old});
    CHECK(!login.replaced);
    CHECK_EQUAL(desk.owner("app"), next.id);
    CHECK_EQUAL(desk.owner("dash"), old.id);
    desk.directory.leave(old, 60 * second, desk.now);
    CHECK_EQUAL(desk.owner("app"), next.id);
    CHECK(desk.is("dash", Route::Kind::offline));
}

TEST(without_a_client_id_nobody_is_replaced)
{
    Desk desk;
    desk.enter(desk.session(), alice(), {wish("app")});
    auto login = desk.enter(desk.session(), alice(), {wish("other")});
    CHECK(!login.replaced);
    CHECK_EQUAL(desk.directory.session_count(), 2u);
}

TEST(a_name_whose_session_ended_is_offline_for_a_while_and_then_unknown)
{
    Desk desk;
    SessionRef session = desk.session();
    desk.enter(session, alice(), {wish("app")});
    desk.directory.leave(session, 60 * second, desk.now);
    Route route = desk.directory.find("app", desk.now);
    CHECK(route.kind == Route::Kind::offline);
    CHECK_EQUAL(route.retry_after, 60u);
    desk.now += 60 * second;
    CHECK(desk.is("app", Route::Kind::unknown));
}

TEST(a_name_whose_session_ended_is_free_for_others_at_once)
{
    Desk desk;
    SessionRef session = desk.session();
    desk.enter(session, alice(), {wish("app")});
    desk.directory.leave(session, 60 * second, desk.now);
    SessionRef next = desk.session();
    desk.enter(next, mallory(), {wish("app")});
    CHECK_EQUAL(desk.owner("app"), next.id);
    desk.now += 61 * second;
    SessionRef third = desk.session();
    desk.enter(third, alice(), {wish("later")});
    desk.directory.leave(third, 60 * second, desk.now); // forgets what is due
    CHECK_EQUAL(desk.owner("app"), next.id);
}

TEST(a_removed_tunnel_is_unknown_at_once_and_its_place_free)
{
    Desk desk;
    SessionRef session = desk.session();
    Identity who = alice();
    TunnelWish named = wish("app");
    named.name = "web";
    desk.enter(session, who, {named, wish("bb1"), wish("bb2"), wish("bb3")});
    auto full = desk.directory.add({session, nullptr, &who}, wish("bb4"), {}, desk.policy);
    CHECK(refused(full.granted[0], refusal::too_many_tunnels));
    CHECK_EQUAL(desk.directory.remove(session, "web")->subdomain, "app");
    CHECK(!desk.directory.remove(session, "web"));
    CHECK(desk.is("app", Route::Kind::unknown));
    auto added = desk.directory.add({session, nullptr, &who}, wish("bb4"), {}, desk.policy);
    CHECK(added.granted[0].tunnel != nullptr);
}

TEST(a_user_has_so_many_sessions_and_a_replaced_one_does_not_count)
{
    Desk desk;
    SessionRef first = desk.session();
    desk.enter(first, alice("one"), {});
    desk.enter(desk.session(), alice("two"), {});
    desk.enter(desk.session(), alice("three"), {});
    CHECK_EQUAL(code(desk.enter(desk.session(), alice("four"), {})),
                refusal::too_many_sessions.code);
    CHECK(!desk.enter(desk.session(), mallory("four"), {}).refusal);
    CHECK(desk.enter(desk.session(), alice("one"), {}).replaced == first);
    CHECK(!desk.enter(desk.session(), alice("three"), {}).refusal);
}

TEST(a_rate_is_kept_when_the_name_changes_hands)
{
    Desk desk;
    auto login = desk.enter(desk.session(), alice("laptop"), {wish("app")});
    CHECK_EQUAL(login.granted[0].tunnel->rate.take(1, start), 0u);
    login = desk.enter(desk.session(), alice("laptop"), {wish("app")});
    CHECK(login.granted[0].tunnel->rate.take(1, start) > 0);
}

TEST(names_that_went_offline_are_forgotten_beyond_a_bound)
{
    Desk desk;
    desk.policy.settings.max_tunnels_per_connection = 0;
    std::vector<TunnelWish> wishes;
    for (size_t i = 0; i < Directory::max_remembered + 10; i++)
        wishes.push_back(wish(("name" + std::to_string(i)).c_str()));
    SessionRef session = desk.session();
    desk.enter(session, alice(), wishes);
    desk.directory.leave(session, 60 * second, desk.now);
    CHECK(desk.is("name0", Route::Kind::unknown));
    CHECK(desk.is(wishes.back().subdomain.c_str(), Route::Kind::offline));
}
