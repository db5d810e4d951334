// SPDX-License-Identifier: ISC

#include "client/verdict.h"

#include "check.h"

using namespace tunnel;

namespace {

Verdict of(SessionEnd::Why why, const char *code, bool stood_before = false, bool may_retry = true)
{
    SessionEnd end = {why, code, "so it says", 0};
    return judge({end, "example.net:9000", "myapp", stood_before, may_retry});
}

Verdict refused(const char *code, bool stood_before = false)
{
    return of(SessionEnd::Why::refused, code, stood_before);
}

} // namespace

TEST(a_wrong_token_is_final_always)
{
    CHECK(refused("UNAUTHORIZED").final && refused("UNAUTHORIZED", true).final);
    CHECK(refused("UNAUTHORIZED").complaint.exit == exit_no_permission);
    CHECK(refused("UNAUTHORIZED").complaint.code == "E_AUTH");
}

TEST(a_replaced_client_does_not_fight_back)
{
    CHECK(refused("REPLACED", true).final);
    CHECK(refused("REPLACED", true).complaint.exit == exit_no_permission);
}

TEST(another_version_is_final)
{
    Verdict verdict = of(SessionEnd::Why::protocol, "VERSION_UNSUPPORTED", true);
    CHECK(verdict.final && verdict.complaint.exit == exit_protocol);
}

TEST(a_taken_name_is_final_at_first_and_waited_for_later)
{
    CHECK(refused("SUBDOMAIN_TAKEN").final);
    CHECK(refused("SUBDOMAIN_TAKEN").complaint.what.find("\"myapp\"") != std::string::npos);
    CHECK(!refused("SUBDOMAIN_TAKEN", true).final);
}

TEST(an_untrusted_server_is_final_at_first_and_retried_once_a_session_has_stood)
{
    Verdict first = of(SessionEnd::Why::untrusted, "");
    CHECK(first.final && first.complaint.exit == exit_no_permission);
    CHECK(first.complaint.code == "E_TLS_UNTRUSTED");
    CHECK(!of(SessionEnd::Why::untrusted, "", true).final);
}

TEST(a_lost_connection_is_retried_from_the_first_on_unless_forbidden)
{
    CHECK(!of(SessionEnd::Why::lost, "").final);
    Verdict verdict = of(SessionEnd::Why::lost, "", false, false);
    CHECK(verdict.final && verdict.complaint.exit == exit_unavailable);
}

TEST(a_full_server_is_retried)
{
    CHECK(!refused("CONNECTION_LIMIT").final);
    CHECK(!refused("RATE_LIMITED").final);
    CHECK(!refused("INTERNAL_ERROR").final);
    CHECK(!refused("SOMETHING_NEW").final);
}

TEST(a_complaint_says_what_why_and_how_to_mend_it)
{
    std::string text = complaint_text(refused("UNAUTHORIZED").complaint);
    CHECK(text.starts_with(
        "tunnel: E_AUTH: the server rejected the token\n  why: example.net:9000: "));
    CHECK(text.find("\n  fix: ") != std::string::npos);
}
