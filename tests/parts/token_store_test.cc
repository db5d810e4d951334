// SPDX-License-Identifier: ISC
//
// The token file as tunnelctl changes it and the server notices: lines, rights, ends.

#include "server/token_store.h"

#include "base/failure.h"
#include "base/file.h"
#include "base/text.h"
#include "check.h"
#include "peers.h"

#include <sys/stat.h>
#include <sys/wait.h>

using namespace tunnel;

namespace {

struct Folder {
    std::string path, file;
    Folder()
    {
        char place[] = "/tmp/token-test-XXXXXX";
        path = mkdtemp(place);
        file = path + "/tokens";
    }
    ~Folder()
    {
        for (const char *name : {"/tokens", "/tokens.lock", "/other"})
            unlink((path + name).c_str());
        rmdir(path.c_str());
    }
    std::string content() const { return read_config_file(file, 1 << 20); }
};

Token rights(const std::string &user, std::vector<std::string> names = {}, int64_t expires = 0)
{
    Token token;
    token.user = user;
    token.names = std::move(names);
    token.expires = expires;
    return token;
}

int code_of(const std::function<void()> &action)
{
    try {
        action();
    } catch (const Failure &failure) {
        return failure.code();
    }
    return exit_ok;
}

std::string problem(const std::string &line)
{
    try {
        parse_token("tokens", 7, line);
    } catch (const Failure &failure) {
        return failure.what();
    }
    return "";
}

const std::string zeros(64, '0');

} // namespace

TEST(a_line_reads_back_with_its_options)
{
    const std::string line =
        "alice:sha256:" + zeros + ":subdomains=a,alice-*;expires=2026-12-31T23:59:59Z";
    const Token token = parse_token("tokens", 1, line);
    CHECK_EQUAL(token.user, "alice");
    CHECK(token.names == std::vector<std::string>({"a", "alice-*"}));
    CHECK_EQUAL(token.expires, 1798761599);
    CHECK_EQUAL(print_token(token), line);
    CHECK_EQUAL(print_token(parse_token("tokens", 1, "bob:sha256:" + zeros)),
                "bob:sha256:" + zeros);
    CHECK_EQUAL(print_token(rights("x", {}, 1)),
                "x:sha256:" + zeros + ":expires=1970-01-01T00:00:01Z");
}

TEST(an_option_that_is_not_understood_is_refused_with_its_place)
{
    const std::string start = "alice:sha256:" + zeros + ":";
    for (const char *bad :
         {"ports=1", "", "subdomains", "subdomains=", "subdomains=a,,b", "expires=soon",
          "subdomains=A", "subdomains=a.b", "expires=2026-12-31;x"})
        CHECK(problem(start + bad).starts_with("tokens:7:79: "));
    CHECK(problem("alice:sha256:12").starts_with("tokens:7:1: "));
    CHECK(problem(start + "expires=2026-12-31").empty());
}

TEST(a_pattern_stands_for_names)
{
    CHECK(matches_glob("alice-*", "alice-x") && matches_glob("alice-*", "alice-"));
    CHECK(matches_glob("*", "") && matches_glob("a*b*c", "a-b-b-c") && matches_glob("a", "a"));
    CHECK(!matches_glob("alice-*", "alice") && !matches_glob("a*b", "a-b-c") &&
          !matches_glob("", "a"));
    Identity who;
    CHECK(who.may_use("anything"));
    who.allowed = {"app", "alice-*"};
    CHECK(who.may_use("app") && who.may_use("alice-1") && !who.may_use("app2") &&
          !who.may_use("bob"));
}

TEST(a_new_token_logs_in_and_is_kept_as_a_hash)
{
    Folder folder;
    TokenFile store(folder.file);
    TokenStore::Fresh fresh = store.add(rights("alice", {"app"}));
    CHECK(fresh.secret.starts_with("tn_") && fresh.secret.size() == 55);
    CHECK(folder.content().find(fresh.secret) == std::string::npos);
    auto who = store.load().find(fresh.secret, 0);
    CHECK(who && who->user == "alice" && who->allowed.size() == 1);
    struct stat info;
    CHECK(stat(folder.file.c_str(), &info) == 0 && (info.st_mode & 07777) == 0640);
}

TEST(what_else_stands_in_the_file_stays_and_so_do_its_rights)
{
    Folder folder;
    const std::string before =
        "# people\n\nplain-token:carol\n  dave:sha256:" + zeros + "  \n# end";
    write_file(folder.file, before, 0600);
    TokenFile store(folder.file);
    TokenStore::Fresh fresh = store.add(rights("alice"));
    CHECK_EQUAL(folder.content(), before + "\n" + print_token(fresh.token) + "\n");
    CHECK_EQUAL(store.list().size(), 3u);
    store.revoke(token_id(fresh.token.hash));
    CHECK_EQUAL(folder.content(), before + "\n");
    struct stat info;
    CHECK(stat(folder.file.c_str(), &info) == 0 && (info.st_mode & 07777) == 0600);
}

TEST(revoked_and_rotated_tokens_do_not_log_in)
{
    Folder folder;
    TokenFile store(folder.file);
    TokenStore::Fresh first = store.add(rights("alice", {"a"}, 4000000000));
    TokenStore::Fresh second = store.add(rights("bob"));
    TokenStore::Fresh third = store.rotate(token_id(first.token.hash));
    CHECK(third.token.names == first.token.names && third.token.expires == first.token.expires);
    CHECK(!store.load().find(first.secret, 0) && store.load().find(third.secret, 0));
    store.revoke(token_id(second.token.hash).substr(4));
    CHECK(!store.load().find(second.secret, 0));
    CHECK_EQUAL(store.load().size(), 1u);
    CHECK_EQUAL(code_of([&] { store.revoke("tok_00000000"); }), int(exit_data));
    CHECK_EQUAL(code_of([&] { store.rotate(""); }), int(exit_data));
}

TEST(a_token_ends_at_its_time)
{
    TokenTable table =
        TokenTable::parse("tokens", "a:sha256:" + to_hex(sha256("x")) +
                                        ":expires=2030-01-01\nb:sha256:" + to_hex(sha256("y")) +
                                        ":expires=2029-01-01\n");
    const int64_t end = parse_date("2030-01-01");
    CHECK(table.find("x", end - 1) && !table.find("x", end));
    CHECK(!table.find(sha256("x"), end));
    CHECK_EQUAL(table.next_expiry(0), parse_date("2029-01-01"));
    CHECK_EQUAL(table.next_expiry(end - 1), end);
    CHECK_EQUAL(table.next_expiry(end), 0);
}

TEST(two_who_change_the_file_at_once_lose_nothing)
{
    Folder folder;
    for (int child = 0; child < 4; child++)
        if (fork() == 0) {
            TokenFile store(folder.file);
            for (int i = 0; i < 10; i++)
                store.add(rights("user" + std::to_string(child)));
            _exit(0);
        }
    for (int child = 0; child < 4; child++) {
        int status;
        CHECK(wait(&status) > 0 && status == 0);
    }
    CHECK_EQUAL(TokenFile(folder.file).list().size(), 40u);
}

TEST(a_change_is_noticed_and_nothing_else_is)
{
    Folder folder;
    Loop loop;
    TokenFile writer(folder.file), store(folder.file);
    int changes = 0;
    store.watch(loop, [&] { changes++; });
    writer.add(rights("alice"));
    CHECK(peers::run_until(loop, [&] { return changes == 1; }));
    write_file(folder.path + "/other", "x", 0600);
    peers::run_for(loop, 150 * millisecond);
    CHECK_EQUAL(changes, 1);
    write_file(folder.file, "# nobody\n", 0640);
    CHECK(peers::run_until(loop, [&] { return changes == 2; }));
    unlink(folder.file.c_str());
    CHECK(peers::run_until(loop, [&] { return changes == 3; }));
}

TEST(a_file_in_no_directory_yet_is_looked_for)
{
    Loop loop;
    Folder folder;
    const std::string inner = folder.path + "/later";
    int changes = 0;
    TokenFile store(inner + "/tokens");
    store.watch(loop, [&] { changes++; });
    mkdir(inner.c_str(), 0700);
    write_file(inner + "/tokens", "#\n", 0600);
    CHECK(peers::run_until(loop, [&] { return changes == 1; }));
    unlink((inner + "/tokens").c_str());
    rmdir(inner.c_str());
}
