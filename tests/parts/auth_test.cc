// SPDX-License-Identifier: ISC
//
// The token file: what is accepted, what is refused with its line.

#include "base/failure.h"
#include "base/text.h"
#include "check.h"
#include "server/auth.h"

using namespace tunnel;

namespace {

std::string hashed(std::string_view user, std::string_view token)
{
    return std::string(user) + ":sha256:" + to_hex(sha256(token)) + "\n";
}

std::string problem(const std::string &text)
{
    try {
        TokenTable::parse("tokens", text);
    } catch (const Failure &failure) {
        CHECK_EQUAL(int(failure.code()), int(exit_config));
        return failure.what();
    }
    return "";
}

} // namespace

TEST(a_hashed_token_logs_its_user_in)
{
    TokenTable table = TokenTable::parse("tokens", "# people\n\n" + hashed("alice", "secret-a") +
                                                       "  " + hashed("bob", "secret-b"));
    CHECK_EQUAL(table.size(), 2u);
    CHECK_EQUAL(table.find("secret-a")->user, "alice");
    CHECK_EQUAL(table.find("secret-b")->user, "bob");
    CHECK(!table.find("secret-c"));
    CHECK(!table.find(""));
    CHECK(!table.find(to_hex(sha256("secret-a"))));
}

TEST(gotunnels_plain_lines_are_accepted)
{
    TokenTable table = TokenTable::parse("tokens", "dev-token:carol\nother-token\r\n");
    CHECK_EQUAL(table.find("dev-token")->user, "carol");
    CHECK(table.find("other-token")->user.starts_with("token-"));
}

TEST(two_tokens_of_one_user_are_two_identities)
{
    TokenTable table = TokenTable::parse("tokens", hashed("alice", "a") + hashed("alice", "b"));
    CHECK(!table.find("a")->same_token(*table.find("b")));
}

TEST(a_bad_line_is_named_and_never_quoted)
{
    CHECK(problem("# x\nalice:sha256:1234\n").starts_with("tokens:2:1: "));
    CHECK(problem(":sha256:" + std::string(64, '0')).starts_with("tokens:1:1: "));
    CHECK(problem("alice:sha256:" + std::string(64, 'g')).starts_with("tokens:1:1: "));
    CHECK(problem("alice:sha256:" + std::string(64, '0') + ":x").starts_with("tokens:1:79: "));
    CHECK(problem("hush-token:alice:more").find("hush") == std::string::npos);
    CHECK(problem("hush-token:two words") != "");
}

TEST(with_auth_mode_none_everybody_is_anonymous_but_tokens_still_differ)
{
    TokenTable table = TokenTable::open();
    CHECK_EQUAL(table.find("")->user, "anonymous");
    CHECK(!table.find("x")->same_token(*table.find("y")));
}

TEST(only_a_client_id_makes_two_logins_the_same_client)
{
    Identity one = {sha256("t"), "alice", "laptop"};
    Identity same = one;
    Identity other = {sha256("t"), "alice", "desk"};
    Identity nameless = {sha256("t"), "alice", ""};
    CHECK(one.same_client(same));
    CHECK(!one.same_client(other));
    CHECK(!nameless.same_client(nameless));
    CHECK(one.same_token(other));
}
