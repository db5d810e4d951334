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
    settings.max_links_per_session = 3;
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
        return directory.enter(claim(session, who), wishes, silent, policy, now);
    }

    // Its client knows a session as "sess_ID".
    static Claim claim(SessionRef session, const Identity &who)
    {
        return {std::make_shared<Carrier>(session, nullptr), &who,
                "sess_" + std::to_string(session.id)};
    }
    Directory::Joined join(SessionRef link, const Identity &who, SessionRef session)
    {
        Claim joining = claim(link, who);
        joining.session = "sess_" + std::to_string(session.id);
        return directory.join(joining, policy);
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
    CHECK_EQUAL(route.tunnel->session_id, session.id);
    CHECK(route.seat.carrier()->ref == session);
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
    CHECK(login.replaced.empty());
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
    CHECK(login.replaced == std::vector{old});
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
    auto late = desk.directory.add(Desk::claim(old, who), wish("more"), {}, desk.policy);
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
    CHECK(login.replaced.empty());
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
    CHECK(login.replaced.empty());
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
    auto full = desk.directory.add(Desk::claim(session, who), wish("bb4"), {}, desk.policy);
    CHECK(refused(full.granted[0], refusal::too_many_tunnels));
    CHECK_EQUAL(desk.directory.remove(session, "web")->subdomain, "app");
    CHECK(!desk.directory.remove(session, "web"));
    CHECK(desk.is("app", Route::Kind::unknown));
    auto added = desk.directory.add(Desk::claim(session, who), wish("bb4"), {}, desk.policy);
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
    CHECK(desk.enter(desk.session(), alice("one"), {}).replaced == std::vector{first});
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

// ---------------------------------------------------------------- sessions of several links

TEST(a_link_joins_the_session_of_its_client_and_of_nobody_else)
{
    Desk desk;
    SessionRef first = desk.session(0);
    desk.enter(first, alice("laptop"), {wish("app")});
    CHECK_EQUAL(desk.join(desk.session(1), alice("laptop"), first).links, 2u);
    CHECK_EQUAL(desk.directory.session_count(), 1u);
    CHECK_EQUAL(desk.owner("app"), first.id);
    for (const Identity &who : {alice("desk"), alice(), mallory("laptop")}) {
        auto joined = desk.join(desk.session(1), who, first);
        CHECK(joined.refusal && !strcmp(joined.refusal.code, refusal::session_gone.code));
    }
}

TEST(a_session_without_client_id_cannot_be_joined)
{
    Desk desk;
    SessionRef first = desk.session();
    desk.enter(first, alice(), {wish("app")});
    CHECK(desk.join(desk.session(), alice(), first).refusal);
}

TEST(a_session_that_is_gone_or_was_replaced_cannot_be_joined)
{
    Desk desk;
    SessionRef old = desk.session(), next = desk.session();
    desk.enter(old, alice("laptop"), {wish("app")});
    desk.enter(next, alice("laptop"), {wish("app")});
    CHECK(desk.join(desk.session(), alice("laptop"), old).refusal);
    CHECK(!desk.join(desk.session(), alice("laptop"), next).refusal);
    SessionRef other = desk.session();
    desk.enter(other, alice("desk"), {});
    desk.directory.leave(other, 60 * second, desk.now);
    CHECK(desk.join(desk.session(), alice("desk"), other).refusal);
}

TEST(a_session_has_so_many_links_and_one_that_left_makes_room)
{
    Desk desk;
    SessionRef first = desk.session(), second_link = desk.session();
    desk.enter(first, alice("laptop"), {});
    CHECK(!desk.join(second_link, alice("laptop"), first).refusal);
    CHECK(!desk.join(desk.session(), alice("laptop"), first).refusal);
    auto full = desk.join(desk.session(), alice("laptop"), first);
    CHECK_EQUAL(std::string(full.refusal.code), refusal::too_many_links.code);
    CHECK_EQUAL(desk.directory.leave(second_link, 0, desk.now), 2u);
    CHECK(!desk.join(desk.session(), alice("laptop"), first).refusal);
}

TEST(names_stay_until_the_last_link_is_gone_whichever_it_is)
{
    Desk desk;
    SessionRef first = desk.session(0), joined = desk.session(1);
    Identity who = alice("laptop");
    desk.enter(first, who, {wish("app")});
    desk.join(joined, who, first);
    CHECK_EQUAL(desk.directory.leave(first, 60 * second, desk.now), 1u);
    CHECK(desk.directory.find("app", desk.now).seat.carrier()->ref == joined);
    auto added = desk.directory.add(Desk::claim(joined, who), wish("dash"), {}, desk.policy);
    CHECK(added.granted[0].tunnel != nullptr);
    CHECK(desk.directory.remove(joined, "dash") != nullptr);
    CHECK(!desk.join(desk.session(), who, first).refusal);
    CHECK_EQUAL(desk.directory.leave(joined, 60 * second, desk.now), 1u);
    CHECK(desk.is("app", Route::Kind::here));
}

TEST(after_the_last_link_names_are_offline_and_the_user_has_room)
{
    Desk desk;
    SessionRef first = desk.session(0), joined = desk.session(1);
    desk.enter(first, alice("laptop"), {wish("app")});
    desk.join(joined, alice("laptop"), first);
    desk.directory.leave(joined, 60 * second, desk.now);
    CHECK_EQUAL(desk.directory.leave(first, 60 * second, desk.now), 0u);
    CHECK(desk.is("app", Route::Kind::offline));
    CHECK_EQUAL(desk.directory.session_count(), 0u);
    for (const char *client : {"one", "two", "three"})
        CHECK(!desk.enter(desk.session(), alice(client), {}).refusal);
}

TEST(a_new_login_fences_every_link_of_the_old_session)
{
    Desk desk;
    SessionRef first = desk.session(0), joined = desk.session(1);
    desk.enter(first, alice("laptop"), {wish("app")});
    desk.join(joined, alice("laptop"), first);
    SessionRef next = desk.session(0);
    auto login = desk.enter(next, alice("laptop"), {wish("app")});
    CHECK(login.replaced == (std::vector{first, joined}));
    CHECK(!desk.directory.remove(joined, "app"));
    CHECK_EQUAL(desk.directory.leave(joined, 0, desk.now), 0u);
    CHECK_EQUAL(desk.owner("app"), next.id);
    CHECK(desk.directory.find("app", desk.now).seat.carrier()->ref == next);
}

TEST(a_rival_yields_only_if_every_link_of_it_is_silent)
{
    Desk desk;
    SessionRef first = desk.session(0), joined = desk.session(1);
    desk.enter(first, alice("laptop"), {wish("app")});
    desk.join(joined, alice("laptop"), first);
    std::vector<TunnelWish> wishes = {wish("app")};
    CHECK(desk.directory.rivals(alice("desk"), wishes) == (std::vector{first, joined}));
    CHECK_EQUAL(code(desk.enter(desk.session(), alice("desk"), wishes, {first})),
                refusal::name_taken.code);
    auto login = desk.enter(desk.session(), alice("desk"), wishes, {first, joined});
    CHECK(login.dispossessed == (std::vector{first, joined}));
}

// ---------------------------------------------------------------- which link a visit takes

namespace {

// A session of one link on each of these workers.
struct Fleet : Desk {
    std::vector<SessionRef> links;

    explicit Fleet(std::vector<unsigned> workers)
    {
        for (unsigned worker : workers) {
            links.push_back(session(worker));
            if (links.size() == 1)
                enter(links[0], alice("laptop"), {wish("app")});
            else
                CHECK(!join(links.back(), alice("laptop"), links[0]).refusal);
        }
    }
    Seat visit(Seat held = {}, unsigned worker = 9)
    {
        return directory.find("app", now, std::move(held), worker).seat;
    }
    size_t at(const Seat &seat) const
    {
        for (size_t i = 0; i < links.size(); i++)
            if (links[i] == seat.carrier()->ref)
                return i;
        return links.size();
    }
};

} // namespace

TEST(each_visit_takes_the_link_with_the_fewest)
{
    Fleet fleet({0, 1, 0});
    std::vector<Seat> seats;
    for (int i = 0; i < 30; i++)
        seats.push_back(fleet.visit());
    std::vector<uint32_t> counts(3);
    for (const Seat &seat : seats)
        counts[fleet.at(seat)]++;
    CHECK(counts == (std::vector<uint32_t>{10, 10, 10}));
    size_t emptied = fleet.at(seats[7]);
    seats.erase(seats.begin() + 7);
    CHECK_EQUAL(fleet.at(fleet.visit()), emptied);
}

TEST(equal_links_take_visits_in_turn_but_first_those_of_the_visitors_worker)
{
    Fleet fleet({0, 1, 1});
    std::vector<bool> used(3);
    for (int i = 0; i < 3; i++)
        used[fleet.at(fleet.visit())] = true;
    CHECK(used == (std::vector<bool>{true, true, true}));
    for (int i = 0; i < 10; i++) {
        CHECK_EQUAL(fleet.at(fleet.visit({}, 0)), 0u);
        CHECK(fleet.at(fleet.visit({}, 1)) != 0);
    }
}

TEST(a_visitor_stays_on_its_link_until_that_is_clearly_worse)
{
    Fleet fleet({0, 1});
    Seat seat = fleet.visit({}, 0);
    CHECK_EQUAL(fleet.at(seat), 0u);
    seat.leave();
    std::atomic<uint32_t> &others = seat.carrier()->visits;
    others = 4;
    seat = fleet.visit(std::move(seat), 0);
    CHECK_EQUAL(fleet.at(seat), 0u);
    CHECK_EQUAL(others.load(), 5u);
    seat.leave();
    others = 5;
    CHECK_EQUAL(fleet.at(fleet.visit(std::move(seat), 0)), 1u);
}

TEST(a_seat_that_was_taken_elsewhere_is_kept_however_full_its_link)
{
    Fleet fleet({0, 1});
    Seat seat = fleet.visit({}, 0);
    uint32_t before = seat.carrier()->visits;
    seat.carrier()->visits += 100;
    Seat kept = fleet.visit(std::move(seat), 1);
    CHECK_EQUAL(fleet.at(kept), 0u);
    CHECK_EQUAL(kept.carrier()->visits.load(), before + 100);
    kept.carrier()->visits -= 100;
}

TEST(who_was_on_a_lost_link_moves_and_no_seat_is_counted_twice)
{
    Fleet fleet({0, 1});
    Seat seat = fleet.visit({}, 0);
    fleet.directory.leave(fleet.links[0], 0, fleet.now);
    seat = fleet.visit(std::move(seat), 0);
    CHECK_EQUAL(fleet.at(seat), 1u);
    CHECK_EQUAL(seat.carrier()->visits.load(), 1u);
    Seat moved = std::move(seat);
    seat = std::move(moved);
    seat.leave();
    seat.leave();
    CHECK_EQUAL(seat.carrier()->visits.load(), 0u);
}
