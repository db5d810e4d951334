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

TEST(a_kicked_client_comes_back_and_tells_the_operators_reason)
{
    Verdict verdict = refused("KICKED", true);
    CHECK(!verdict.final);
    CHECK(verdict.reason == "the operator has ended the session: so it says");
    Verdict last = of(SessionEnd::Why::refused, "KICKED", true, false);
    CHECK(last.final && last.complaint.exit == exit_temporary);
    CHECK(last.complaint.code == "E_KICKED");
    CHECK(last.complaint.why.find("so it says") != std::string::npos);
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

TEST(the_hop_that_failed_is_named_and_the_server_once)
{
    const auto why = [](Hop hop, const char *sentence) {
        SessionEnd end = {SessionEnd::Why::lost, {}, sentence, 0, hop};
        CHECK(judge({end, "example.net:9000", {}, false, true}).reason.find(hop_name(hop)) == 0);
        return judge({end, "example.net:9000", {}, false, false}).complaint;
    };
    CHECK(why(Hop::tcp, "192.0.2.1:9000: Connection refused").why ==
          "tcp: 192.0.2.1:9000: Connection refused");
    CHECK(why(Hop::dns, "example.net: no such name").why == "dns: example.net: no such name");
    CHECK(why(Hop::tls, "certificate has expired").why ==
          "tls: example.net:9000: certificate has expired");
    CHECK(why(Hop::none, "lost").why == "example.net:9000: lost");
    CHECK(why(Hop::dns, "x").fix.find("DNS record") != std::string::npos);
    CHECK(why(Hop::dns, "x").code == "E_UNREACHABLE");
}
