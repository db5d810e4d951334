// SPDX-License-Identifier: ISC

#include "client/screen.h"
#include "client/status_block.h"
#include "client/status_rows.h"
#include "client/status_text.h"

#include "check.h"

#include <algorithm>
#include <string>

using namespace tunnel;

namespace {

constexpr timespec noon = {43200, 204000000};

VisitRecord record(std::string path = "/orders", std::string reason = "ok")
{
    VisitRecord one;
    one.method = "GET";
    one.path = std::move(path);
    one.subdomain = "app";
    one.remote_addr = "203.0.113.9:4711";
    one.reason = std::move(reason);
    one.status = 200;
    one.bytes_out = 4200;
    one.took = 3100;
    return one;
}

std::string row_of(const VisitRecord &one, size_t width, bool colours = false)
{
    return request_row(one, noon, width, colours, false);
}

bool has(const std::string &text, const char *part) { return text.find(part) != text.npos; }

StatusBlock online_block()
{
    StatusBlock block;
    block.state = StatusBlock::State::online;
    block.server = "tunnel.example.com:9000";
    block.since = 10 * second;
    return block;
}

LiveNumbers live_with(size_t tunnels)
{
    LiveNumbers live = {2, 23000};
    for (size_t i = 0; i < tunnels; i++)
        live.tunnels.push_back(
            {"https://app" + std::to_string(i) + ".example.com", "http://127.0.0.1:3000"});
    return live;
}

std::vector<std::string> rows_of(const StatusBlock &block, ScreenSize size,
                                 Micros now = 14 * second, size_t tunnels = 1)
{
    VisitCounts counts(10 * second);
    return block_rows(block, counts, live_with(tunnels), now, size, false);
}

std::string all_of(const std::vector<std::string> &rows)
{
    std::string text;
    for (const std::string &row : rows)
        text += row + "\n";
    return text;
}

} // namespace

TEST(nothing_of_a_visitor_can_steer_a_terminal)
{
    std::string row = row_of(record("/\x1b[2J\x07\r\n\x9b"
                                    "1A\xe2\x80\xae/x"),
                             200, false);
    CHECK(std::all_of(row.begin(), row.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(has(row, "/\\x1b[2J\\x07\\r\\n\\x9b1A"));
    VisitRecord evil = record();
    evil.method = evil.remote_addr = evil.subdomain = "\x1b]0;x\x07";
    row = request_row(evil, noon, 200, false, true);
    CHECK(std::all_of(row.begin(), row.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

TEST(a_request_row_has_all_columns_where_there_is_room)
{
    std::string row = row_of(record(), 100);
    for (const char *part :
         {":00:00.204", "GET", "200", "3.1 ms", "4.2 kB", "203.0.113.9 ", "/orders"})
        CHECK(has(row, part));
    CHECK(!has(row, "4711"));
}

TEST(a_narrow_terminal_gets_fewer_columns_and_always_why_it_failed)
{
    VisitRecord failed = record("/" + std::string(300, 'a'), "local_refused");
    for (size_t width : {200u, 93u, 76u, 64u, 48u, 47u, 36u}) {
        std::string row = row_of(failed, width);
        CHECK_EQUAL(row.size(), width);
        CHECK(has(row, "...  x local_refused"));
        CHECK(has(row, "200"));
    }
    CHECK(!has(row_of(record(), 70), "kB"));
    CHECK(row_of(record(), 5).size() == 5 && row_of(record(), 0).empty());
}

TEST(colours_add_no_columns_and_end_where_they_began)
{
    std::string plain = row_of(record(), 100), coloured = row_of(record(), 100, true), stripped;
    for (size_t i = 0; i < coloured.size(); i++) {
        if (coloured[i] == '\x1b')
            i = coloured.find('m', i);
        else
            stripped += coloured[i];
    }
    CHECK(stripped == plain && coloured != plain);
    CHECK(has(coloured, "\x1b[32m 200\x1b[0m") || has(coloured, "\x1b[32m200\x1b[0m"));
}

TEST(the_block_tells_how_it_is)
{
    std::string text = all_of(rows_of(online_block(), {100, 24}));
    for (const char *part :
         {"online 00:00:04", "tunnel.example.com:9000", "23.0 ms",
          "https://app0.example.com -> http://127.0.0.1:3000", "0 total", "2 open"})
        CHECK(has(text, part));

    StatusBlock block = online_block();
    block.state = StatusBlock::State::waiting;
    block.due = 18 * second;
    block.attempt = 3;
    block.reason = "connection refused";
    text = all_of(rows_of(block, {100, 24}));
    for (const char *part :
         {"reconnecting in 4 s", "attempt 3", "offline since ", "(00:00:04)", "connection refused"})
        CHECK(has(text, part));
    CHECK(has(all_of(rows_of(block, {100, 24}, 19 * second)), "reconnecting now"));

    block.state = StatusBlock::State::closing;
    block.due = 40 * second;
    text = all_of(rows_of(block, {100, 24}));
    CHECK(has(text, "waits for 2 requests, at most 26 s   Ctrl-C again drops them"));
}

TEST(the_block_fits_on_every_screen_or_is_not_there)
{
    StatusBlock block = online_block();
    block.state = StatusBlock::State::waiting;
    block.reason = std::string(500, 'r');
    block.links_wanted = 4;
    for (size_t width = 1; width < 130; width++)
        for (size_t height = 1; height < 20; height++) {
            auto rows = rows_of(block, {width, height}, 14 * second, 8);
            CHECK(rows.size() < height);
            CHECK(rows.empty() == (width < 20 || height < 4));
            for (const std::string &row : rows)
                CHECK(row.size() < width);
        }
}

TEST(tunnels_for_which_there_is_no_room_are_counted)
{
    CHECK(has(all_of(rows_of(online_block(), {80, 24}, 14 * second, 8)), "app7"));
    std::string text = all_of(rows_of(online_block(), {80, 8}, 14 * second, 8));
    CHECK(has(text, "app3") && !has(text, "app4") && has(text, "and 4 more"));
    CHECK(fits_in_block({"https://a.example.com", ""}, 80));
    CHECK(!fits_in_block({"https://a.example.com", ""}, 30));
}

TEST(counts_know_the_rate_of_late_and_the_slow_ones)
{
    VisitCounts counts(1000 * second);
    CHECK(counts.percentile(99) == 0);
    VisitRecord one = record();
    for (Micros i = 1; i <= 100; i++) {
        one.took = i * millisecond;
        counts.add(one, 1000 * second + i * second);
    }
    CHECK(counts.total() == 100 && counts.bytes_out() == 420000);
    CHECK(counts.percentile(50) == 50 * millisecond);
    CHECK(counts.percentile(99) == 99 * millisecond);
    double minute = counts.per_second(60 * second, 1100 * second);
    CHECK(minute > 0.9 && minute < 1.1);
    CHECK(counts.per_second(60 * second, 1300 * second) == 0);
    CHECK(counts.per_second(300 * second, 1300 * second) > 0.3);
}

TEST(a_frame_overwrites_and_leaves_the_cursor_in_the_first_row)
{
    CHECK(Screen::frame({"one"}, {}, false) == "one\r\n"); // beside somebody else's prompt
    std::string text = Screen::frame({"one"}, {"a", "b", "c"}, true);
    CHECK(has(text, "\rone\x1b[K\r\na\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J\r\x1b[2A"));
    CHECK(!has(text, "\x1b[2J") && !has(text, "\x1b[?1049"));
    CHECK(has(Screen::frame({}, {}, true), "\r\x1b[J"));
    CHECK(!has(Screen::frame({}, {"a"}, false), "A"));
}

TEST(numbers_are_written_for_people)
{
    CHECK(print_bytes(812) == "812 B" && print_bytes(4200) == "4.2 kB");
    CHECK(print_latency(3100) == "3.1 ms" && print_latency(12 * second) == "12.0 s");
    CHECK(print_span(3723 * second) == "01:02:03" && print_span(90000 * second) == "1 d 01:00:00");
    CHECK(print_count(1, "request") == "1 request" && print_count(2, "request") == "2 requests");
    CHECK(print_timestamp(noon) == "1970-01-01T12:00:00.204Z");
}
