// SPDX-License-Identifier: ISC

#include "base/clock.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/log_format.h"
#include "check.h"

#include <cmath>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace tunnel;

namespace {

std::string line(LogFormat format, std::string_view event, LogFields fields,
                 LogStamp stamp = LogStamp::priority)
{
    std::string text;
    format_log_line(text, format, stamp, LogLevel::info, event, {fields.begin(), fields.size()});
    return text;
}

std::string content(const std::string &path)
{
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

size_t count(const std::string &text, const std::string &part)
{
    size_t n = 0;
    for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size())
        ++n;
    return n;
}

// A folder of its own that is gone afterwards.
struct Folder {
    char path[32] = "/tmp/log_test.XXXXXX";
    Folder() { CHECK(mkdtemp(path)); }
    ~Folder() { CHECK(system(("rm -r " + std::string(path)).c_str()) == 0); }
    std::string operator/(const char *name) const { return std::string(path) + "/" + name; }
};

void open_log(const std::string &output, const std::string &access = "off")
{
    log_open({LogLevel::info, LogFormat::logfmt, output, access});
}

} // namespace

TEST(an_event_is_one_line_of_words_and_fields)
{
    CHECK(line(LogFormat::logfmt, "session open", {{"session", "s7"}, {"n", 12}, {"ms", 18.25}}) ==
          "<6>msg=\"session open\" session=s7 n=12 ms=18.250\n");
    CHECK(line(LogFormat::json, "session open", {{"session", "s7"}, {"n", 12}}) ==
          "<6>{\"msg\":\"session open\",\"session\":\"s7\",\"n\":12}\n");
}

TEST(a_line_with_a_stamp_begins_with_time_and_level)
{
    const std::string text = line(LogFormat::logfmt, "x", {}, LogStamp::time);
    CHECK(text.starts_with("time=20"));
    CHECK(text.find("Z level=info msg=x\n") != text.npos);
    CHECK(line(LogFormat::json, "x", {}, LogStamp::time).starts_with("{\"time\":\"20"));
}

TEST(nothing_from_the_wire_reaches_the_line_raw)
{
    CHECK(line(LogFormat::logfmt, "x", {{"path", "/a b\n\x1b[31m\xff\"\\"}}) ==
          "<6>msg=x path=\"/a b\\n\\x1b[31m\\xff\\\"\\\\\"\n");
    CHECK(line(LogFormat::logfmt, "x", {{"a", ""}, {"b", "k=v"}}) == "<6>msg=x a=\"\" b=\"k=v\"\n");
    CHECK(line(LogFormat::json, "x", {{"path", "\n\xff"}}) ==
          "<6>{\"msg\":\"x\",\"path\":\"\\n\\ufffd\"}\n");
}

TEST(numbers_are_integers_when_they_are)
{
    CHECK(line(LogFormat::logfmt, "x", {{"a", -3}, {"b", uint64_t(1) << 53}, {"c", true}}) ==
          "<6>msg=x a=-3 b=9007199254740992 c=1\n");
    CHECK(line(LogFormat::json, "x", {{"a", NAN}, {"b", 1e300}}) ==
          "<6>{\"msg\":\"x\",\"a\":0,\"b\":1e+300}\n");
}

TEST(long_values_and_long_lines_are_cut)
{
    const std::string value(1000, 'x');
    const std::string text = line(LogFormat::logfmt, "x", {{"a", value}});
    CHECK(text == "<6>msg=x a=" + value.substr(0, log_value_max - 3) + "...\n");

    const std::string bytes(256, '\x01'); // four characters each
    const LogField wide("k", bytes);
    const std::vector<LogField> many(20, wide);
    std::string cut;
    format_log_line(cut, LogFormat::json, LogStamp::time, LogLevel::error, "x", many);
    CHECK(cut.size() <= log_line_max && cut.ends_with("\",\"cut\":1}\n"));
}

TEST(a_flood_of_one_event_is_cut_and_counted)
{
    const Folder folder;
    open_log(folder / "log");
    const uint64_t before = log_lost();
    while (monotonic_now() % second > second / 2) // not over the end of a second
        usleep(1000);
    for (int i = 0; i < 1000; ++i)
        log_info("flood", {{"i", i}});
    log_info("other");
    CHECK(count(content(folder / "log"), "msg=flood") == log_rate);
    CHECK(count(content(folder / "log"), "msg=other") == 1);
    CHECK(log_lost() - before == 1000 - log_rate);

    usleep(1000 * 1000);
    log_flush();
    CHECK(count(content(folder / "log"), "level=warn msg=suppressed event=flood count=900\n") == 1);
    log_flush();
    CHECK(count(content(folder / "log"), "suppressed") == 1);
    open_log("stderr");
}

TEST(a_level_hides_what_is_below_it)
{
    const Folder folder;
    open_log(folder / "log");
    log_debug("hidden");
    log_set_level(LogLevel::debug);
    log_debug("shown");
    log_set_level(LogLevel::error);
    log_warn("hidden");
    CHECK(!log_wants(LogLevel::warn));
    const std::string text = content(folder / "log");
    CHECK(count(text, "\n") == 1 && count(text, "shown") == 1);
    open_log("stderr");
}

TEST(a_screen_takes_the_lines_of_standard_error_and_no_others)
{
    struct Seen final : LogScreen {
        void on_log_line(LogLevel level, std::string_view line) noexcept override
        {
            count++;
            CHECK(level == LogLevel::warn && line.find("drawn") != line.npos);
        }
        int count = 0;
    } seen;
    const Folder folder;
    open_log("stderr");
    log_set_screen(&seen);
    log_warn("drawn");
    open_log(folder / "log");
    log_warn("written");
    open_log("stderr");
    log_set_screen(nullptr);
    CHECK(seen.count == 1 && count(content(folder / "log"), "written") == 1);
}

TEST(lines_of_many_threads_are_whole)
{
    const Folder folder;
    open_log(folder / "log", folder / "access");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([] {
            for (int i = 0; i < 500; ++i)
                log_access("access", {{"path", "/abcdefghijklmnopqrstuvwxyz"}, {"status", 200}});
        });
    for (std::thread &thread : threads)
        thread.join();
    // A file of its own takes every line, and the log none of them.
    CHECK(count(content(folder / "access"), " path=/abcdefghijklmnopqrstuvwxyz status=200\n") ==
          2000);
    CHECK(content(folder / "log").empty());
    open_log("stderr");
}

TEST(the_access_log_goes_where_it_is_told)
{
    const Folder folder;
    open_log(folder / "log", "");
    CHECK(log_wants_access());
    log_access("access", {{"status", 200}});
    CHECK(count(content(folder / "log"), "msg=access status=200") == 1);
    open_log(folder / "log", "off");
    CHECK(!log_wants_access());
    log_access("access", {{"status", 201}});
    CHECK(count(content(folder / "log"), "201") == 0);
    open_log("stderr");
}

TEST(a_file_is_opened_anew_after_rotation)
{
    const Folder folder;
    open_log(folder / "log", folder / "access");
    log_info("first");
    log_access("first", {});
    rename((folder / "log").c_str(), (folder / "log.1").c_str());
    rename((folder / "access").c_str(), (folder / "access.1").c_str());
    log_info("second");
    log_reopen();
    log_info("third");
    log_access("third", {});
    CHECK(count(content(folder / "log.1"), "\n") == 2);
    CHECK(count(content(folder / "log"), "msg=third") == 1);
    CHECK(count(content(folder / "access"), "msg=third") == 1);
    open_log("stderr");
}

TEST(an_output_that_cannot_be_opened_leaves_the_old_one)
{
    const Folder folder;
    open_log(folder / "log");
    bool thrown = false;
    try {
        open_log("/nowhere/log");
    } catch (const Failure &failure) {
        thrown = failure.code() == exit_cannot_create;
    }
    CHECK(thrown);
    log_info("still here");
    CHECK(count(content(folder / "log"), "still here") == 1);
    open_log("stderr");
}

TEST(a_full_disk_costs_lines_and_nothing_else)
{
    const Folder folder;
    open_log("/dev/full");
    const uint64_t before = log_lost();
    for (int i = 0; i < 10; ++i)
        log_info("lost");
    CHECK(log_lost() - before == 10);
    open_log(folder / "log");
    log_info("works again");
    CHECK(count(content(folder / "log"), "msg=\"log lines dropped\" count=10\n") == 1);
    open_log("stderr");
}

TEST(a_reader_that_stands_still_does_not_stop_the_process)
{
    const Folder folder;
    const std::string fifo = folder / "fifo";
    CHECK(mkfifo(fifo.c_str(), 0600) == 0);
    const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    open_log(fifo, fifo);
    const uint64_t before = log_lost();
    const std::string value(200, 'x');
    for (int i = 0; i < 2000; ++i) // 64 KiB fit
        log_access("x", {{"value", value}});
    CHECK(log_lost() - before > 1000);
    close(reader);
    open_log("stderr");
}
